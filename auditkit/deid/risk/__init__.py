"""How well the people in a table are hidden: k-anonymity, l-diversity, t-closeness."""
