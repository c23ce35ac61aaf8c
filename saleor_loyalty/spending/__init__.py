"""Points that pay at checkout: how many may, and what became of each application."""
