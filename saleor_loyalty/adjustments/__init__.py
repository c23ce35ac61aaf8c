"""Adjustments by hand, and those that wait for a second person."""
