"""All contact with MLflow itself: its internals and its stores."""
