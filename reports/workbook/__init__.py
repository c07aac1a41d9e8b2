"""The Excel books that leave the system: figures in, a committed template filled, a file for the meeting out."""
