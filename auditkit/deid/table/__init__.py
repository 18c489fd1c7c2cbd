"""Tables of any library as columns of text, and back."""
