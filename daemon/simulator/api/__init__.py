"""The calls of the REST API and of the cluster manager, each a function of the model."""
