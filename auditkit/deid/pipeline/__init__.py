"""A plan applied to a table: treated, searched again, and recorded as evidence."""
