"""What was probably meant: zones that are none, and files that another YAML has rewritten."""
