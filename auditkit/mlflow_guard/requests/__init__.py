"""What a request to MLflow would do: the verbs and objects to decide on, endpoint by endpoint."""
