"""Finding identifiers in text: rules and models, false positives dropped, spans merged."""
