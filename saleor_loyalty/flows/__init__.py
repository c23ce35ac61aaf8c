"""What combines features."""
