"""Loyalty for Saleor: points, tiers, invitations and thank-you mails.

A map of the package, top to bottom; imports point downwards only:

    plugin/    where Saleor calls us: plugin class, hooks, Celery tasks, mounting of the schema
    graphql/   types, queries and mutations on Saleor's main endpoint
    shop/      Saleor behind plain functions: order facts, customers, channels, SMTP settings
    flows/     what combines features: settling orders, adjusting points, joining
    points/    the ledger: entries and balances
    orders/    facts of an order, orders that are due, what was settled for each
    programs/  a programme: channels, currencies and rates, names
    members/   who takes part
    emails/    the queue, rendering, delivery; knows no feature
    errors.py  the base of every error

In each room: models = data, rules = pure Python, operations = writes, queries = reads.
"""
