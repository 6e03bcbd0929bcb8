"""A simulated Backup Service on real sockets, for users and for the tests."""
