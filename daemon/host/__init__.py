"""What this machine gives: clock, files, secrets, signals, systemd."""
