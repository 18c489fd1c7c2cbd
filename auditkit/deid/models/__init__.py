"""Language models that recognize names, read from reviewed files."""
