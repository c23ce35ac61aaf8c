"""Our part of Saleor's schema."""
