"""What the log says of access: decisions, promotions, moves, verdicts, reviews."""
