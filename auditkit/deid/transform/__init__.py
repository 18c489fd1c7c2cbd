"""What takes the place of an identifier, and the vault that knows the way back."""
