# The project's commands. Each sets up what it needs; `python3 -m dev --help` tells more.
PYTHON ?= python3

.PHONY: help demo serve test soak guards lint bench messages pictures migrations clean

help:
	@$(PYTHON) -m dev --help

demo:  ## a real Saleor with the plugin, a shopper's journey, then keep serving (ONCE=1: exit)
	@$(PYTHON) -m dev demo

serve:  ## the same without the journey
	@$(PYTHON) -m dev serve

test:  ## every test (K=<expression>: a part)
	@$(PYTHON) -m dev test

soak:  ## thousands of arbitrary sequences on the ledger, lives on the ladder, mails in a storm (LOYALTY_SOAK_EXAMPLES=3000)
	@$(PYTHON) -m dev soak

guards:  ## remove each guard of the ledger once: a test must go red (K=<name>: a part)
	@$(PYTHON) -m dev guards

lint:  ## ruff, mypy, import contracts, catalogues, migrations
	@$(PYTHON) -m dev lint

bench:  ## speed, as ratios
	@$(PYTHON) -m dev bench

messages:  ## update the catalogues of the mails' texts
	@$(PYTHON) -m dev messages

pictures:  ## pictures of all mails, with Chromium
	@$(PYTHON) -m dev pictures

migrations:  ## write migrations for changed models
	@$(PYTHON) -m dev migrations

clean:  ## remove build/ (the cache outside stays)
	@rm -rf build
