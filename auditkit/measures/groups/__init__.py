"""Numbers of groups: who belongs to which, rates, differences, and their intervals."""
