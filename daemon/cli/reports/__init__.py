"""Tables, charts and advice that commands print."""
