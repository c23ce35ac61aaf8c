"""Where Saleor calls us."""
