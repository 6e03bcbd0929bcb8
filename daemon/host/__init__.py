"""What this machine provides: clock, files, secrets, signals, systemd."""
