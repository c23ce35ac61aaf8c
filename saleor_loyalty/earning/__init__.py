"""Earning rules: what earns points, for whom, and how much."""
