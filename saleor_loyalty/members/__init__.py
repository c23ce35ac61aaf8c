"""Who takes part in a programme."""
