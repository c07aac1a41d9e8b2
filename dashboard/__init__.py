"""The same numbers on a screen, and the forms."""
