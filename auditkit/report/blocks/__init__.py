"""What a section is made of, and how blocks stand on a page."""
