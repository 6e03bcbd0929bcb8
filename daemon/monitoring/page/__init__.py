"""The page that people look at: read-only HTML, made from a frozen scene on the server's thread."""
