"""What is handed to the worker and what it does: files sent, loads, assignments, jobs."""
