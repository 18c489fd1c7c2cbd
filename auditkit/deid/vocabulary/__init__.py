"""The words of de-identification: entity types, spans, normal forms, generalizations."""
