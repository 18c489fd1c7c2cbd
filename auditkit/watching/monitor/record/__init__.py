"""What a monitor's entries say, what is known from them, and what is to be done next. Pure."""
