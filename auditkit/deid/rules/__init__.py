"""Rules that recognize identifiers: patterns, the words that announce them, check digits."""
