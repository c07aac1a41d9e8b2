"""What is measured, once, and how it is printed. Reads the warehouse through a connection it is handed."""
