"""Files and records in, one warehouse out."""
