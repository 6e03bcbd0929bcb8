"""When: rules to openings, openings to a timeline, and people's decisions. Pure."""
