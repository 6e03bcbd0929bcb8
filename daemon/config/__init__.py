"""From schedules.yaml to `Settings`, or to every fault in it."""
