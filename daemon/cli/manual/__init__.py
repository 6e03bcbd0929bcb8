"""The manual: its pages, which came with the program, and the man pages made from them."""
