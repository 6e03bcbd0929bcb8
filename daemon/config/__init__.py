"""schedules.yaml to `Settings`, or every fault at once."""
