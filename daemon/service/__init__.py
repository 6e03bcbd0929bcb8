"""The REST API of one cluster's Backup Service, under deadlines; all HTTP."""
