"""The commands of cbmaintd as data: arguments, help, examples and what a shell completes."""
