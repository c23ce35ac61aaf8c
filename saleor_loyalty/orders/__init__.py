"""Facts of orders, orders that are due, and what was settled for each."""
