"""Bytes in, rows of text out; nothing here knows what a row means."""
