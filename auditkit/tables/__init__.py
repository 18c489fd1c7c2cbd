"""Tables: read from files, taken from any library, checked, paired and written back as cells."""
