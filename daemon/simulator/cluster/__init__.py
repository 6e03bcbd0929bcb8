"""The cluster manager beside the service."""
