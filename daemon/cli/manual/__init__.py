"""The manual: its pages, shown on a terminal, and the man pages made from them."""
