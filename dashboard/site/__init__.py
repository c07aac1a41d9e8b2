"""A site as a whole: made, configured, examined; and the demonstration."""
