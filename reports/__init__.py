"""What is measured, once, and how it is printed. Reads the warehouse through a connection it is handed."""

import os

# Where lxml is installed openpyxl would read with it, past defusedxml, and write other bytes.
os.environ.setdefault("OPENPYXL_LXML", "False")
