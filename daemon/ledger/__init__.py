"""What must survive: holds, attempts, decisions and claims; all SQL."""
