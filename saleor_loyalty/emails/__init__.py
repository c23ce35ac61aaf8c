"""Mails: queue, rendering, delivery; knows no feature."""
