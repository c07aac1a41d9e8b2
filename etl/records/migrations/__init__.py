"""Changes of the records' tables, in order."""
