"""What the commands share: the console, options for signing, opening a log."""
