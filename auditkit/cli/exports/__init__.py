"""The command that writes an audit in other tools' formats."""
