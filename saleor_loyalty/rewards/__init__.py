"""The catalogue of rewards, what members redeemed or were given, and what became of it."""
