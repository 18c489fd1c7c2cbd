"""Every printed number with its address in the evidence."""
