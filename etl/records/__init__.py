"""What people decide and type: the manifest of loads, the site's mappings, the dated parameters."""
