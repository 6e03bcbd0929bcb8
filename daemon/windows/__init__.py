"""When: rules to openings, openings to a timeline, and the changes that people make. Pure."""
