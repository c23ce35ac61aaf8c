"""Programmes: channels, currencies and rates, names, switches."""
