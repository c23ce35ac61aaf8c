"""Loyalty for Saleor: points, tiers, invitations and thank-you mails.

A map of the package, top to bottom; imports point downwards only:

    plugin/    where Saleor calls us: plugin class, hooks, Celery tasks, mounting of the schema
    graphql/   types, queries and mutations on Saleor's main endpoint
    shop/      Saleor behind plain functions: order facts, customers, channels, SMTP settings
    pages/     pages for people who come from a mail: no login, no script, no cookie
    management/ manage.py: verify, import, export, replay
    replay/    what a programme would have cost on a purchase history
    flows/     what combines features: settling orders, spending, rewards, tiers, joining
    rewards/   the catalogue, what was redeemed or given, and what became of it
    spending/  points that pay at checkout
    tiers/     the ladder, where members stand on it and why, what tiers give
    points/    the ledger: entries, balances, lots and holds; what time does to them; its proof
    earning/   earning rules, what they give, caps and budgets
    adjustments/ points by hand, and those that wait for a second person
    orders/    facts of an order, orders that are due, what was settled for each
    programs/  a programme: channels, currencies and rates, names, policies
    members/   who takes part
    emails/    the queue, rendering, delivery; knows no feature
    errors.py  the base of every error

In each room: models = data, rules = pure Python, operations = writes, queries = reads.
"""
