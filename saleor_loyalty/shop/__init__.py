"""Saleor behind plain functions."""
