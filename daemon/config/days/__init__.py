"""Days on which windows do not open: dates, calendar files and public holidays."""
