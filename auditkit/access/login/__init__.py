"""Who is asking: passwords, tokens, and trusted headers."""
