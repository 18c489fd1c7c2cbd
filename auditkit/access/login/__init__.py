"""Authentication: passwords, tokens, and trusted headers."""
