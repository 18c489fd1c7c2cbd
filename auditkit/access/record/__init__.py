"""The log of access: decisions, promotions, moves, verdicts, reviews."""
