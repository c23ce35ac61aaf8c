"""What a programme sends to whom and when: kinds, targets, consent, preferences, days."""
