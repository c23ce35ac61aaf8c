"""How points mature and expire, what they are earned on, and what may be given away."""
