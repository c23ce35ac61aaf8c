"""The project's own commands: `python3 -m dev --help`. Needs nothing but Python 3.9."""
