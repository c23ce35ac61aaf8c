"""Pages for people who come from a mail: no login, no script, no cookie."""
