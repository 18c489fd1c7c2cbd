"""The blocks of a section, and their layout on a page."""
