"""Days on which windows do not open, from calendar files and public holidays."""
