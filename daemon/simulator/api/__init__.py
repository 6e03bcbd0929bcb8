"""The calls of the REST API, each a function of the model and the request."""
