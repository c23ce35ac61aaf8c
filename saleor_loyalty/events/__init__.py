"""VIP events: who is invited, who comes, who waits, who came."""
