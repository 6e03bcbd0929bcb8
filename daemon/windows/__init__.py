"""When: rules to openings, openings to a timeline, what people decided beside the file. Pure."""
