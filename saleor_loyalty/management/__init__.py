"""Commands for whoever runs the shop."""
