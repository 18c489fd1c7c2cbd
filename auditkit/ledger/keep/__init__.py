"""Maintaining a log: destroy payloads, rotate segments, export ranges of entries."""
