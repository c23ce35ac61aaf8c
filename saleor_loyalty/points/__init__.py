"""The ledger: entries and balances."""
