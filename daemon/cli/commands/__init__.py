"""One module for each verb, or family of verbs, of the command line."""
