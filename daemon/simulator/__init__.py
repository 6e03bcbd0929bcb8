"""A simulated Backup Service: its REST API on real sockets, for users and for the tests."""
