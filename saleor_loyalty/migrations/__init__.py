"""Changes of our tables."""
