"""The ladder of tiers: what puts a member where, what it gives, and how every change came about."""
