"""RFC 5545 recurrence rules: read and checked, followed, and counted. Pure."""
