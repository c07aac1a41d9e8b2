"""Files and records in, one warehouse out."""

import os

# Where lxml is installed openpyxl would read with it, past defusedxml, and write other bytes.
os.environ.setdefault("OPENPYXL_LXML", "False")
