"""The file that `init` suggests: its text, and windows into which no run of a plan falls."""
