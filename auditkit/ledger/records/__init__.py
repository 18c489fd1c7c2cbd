"""What a log is made of: entries, notes, checkpoints, receipts, and the tree's frontier."""
