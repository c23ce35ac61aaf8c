"""What a programme would have given for a purchase history: its cost, before it starts."""
