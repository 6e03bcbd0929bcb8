"""The commands as data: arguments, help, examples, and what a shell completes."""
