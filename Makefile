# Needs Python 3.11 or newer and make. Every target sets up .venv by itself, once per content of the requirements files,
# so the second run works offline. Another Python: make PYTHON=/path/to/python3.12 test

PYTHON ?= python3
PY := .venv/bin/python
INSTALLED := .venv/.installed-$(shell cat requirements.txt requirements-dev.txt | cksum | tr ' ' '-')

.PHONY: help demo test lint messages bench storm outage neighbour axe shots clean
.DEFAULT_GOAL := help

help:
	@echo "make demo    set everything up and watch two stores ship; Ctrl-C ends it"
	@echo "make test    the whole suite: on a PostgreSQL of its own, then a smaller leg on SQLite"
	@echo "make lint    style, types, missing migrations"
	@echo "make messages  bring the catalogs of shoppers' sentences up to date; NEW=fi begins a new one"
	@echo "make bench   measure ingest, drain and calls per change"
	@echo "make storm   kill everything under load for a quarter of an hour, and judge; STORM='--webhooks 1000000' for longer"
	@echo "make outage  take 100,000 webhooks while commercetools is down, and judge: half an hour; STORM='--webhooks 10000'"
	@echo "make neighbour  measure what a project that is down, or hangs, costs another one"
	@echo "make axe     judge every page of the console, wide and narrow, light and dark: a quarter of an hour"
	@echo "make shots   screenshots of every page into var/shots"
	@echo "make clean   remove what the targets above made; .env and db.sqlite3 stay"

$(INSTALLED):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "Trackbridge needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version 2>&1 || true)."; \
		echo "Name another one with: make PYTHON=/path/to/python3.11"; exit 1; }
	@$(PY) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || $(PYTHON) -m venv --clear .venv || { \
		echo "Python's venv module does not work here. On Debian and Ubuntu: apt-get install python3-venv"; \
		rm -rf .venv; exit 1; }
	@echo "Installing into .venv, once ..."
	@$(PY) -m pip install --quiet --disable-pip-version-check --requirement requirements-dev.txt
	@rm -f .venv/.installed-*
	@touch $@

var/demo.env: | $(INSTALLED)
	@mkdir -p var
	@$(PY) -m config.env > $@.new
	@printf 'DATABASE_URL=sqlite:///var/demo.sqlite3\nLOG_FORMAT=human\n' >> $@.new
	@mv $@.new $@

demo: $(INSTALLED) var/demo.env
	@ENV_FILE=var/demo.env $(PY) manage.py demo

test: $(INSTALLED)
	@$(PY) -m tests.legs

lint: export ENV_FILE = /dev/null
lint: export SECRET_KEY = only-for-lint
lint: export FIELD_ENCRYPTION_KEYS = AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=
lint: export DATABASE_URL = sqlite:///var/lint.sqlite3
lint: $(INSTALLED)
	@mkdir -p var
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	$(PY) manage.py makemigrations --check --dry-run

messages: $(INSTALLED)
	@$(PY) -m config.catalogs $(NEW)

bench: $(INSTALLED)
	@$(PY) -m tests.benchmarks

storm: $(INSTALLED)
	@STORM_FORM=long $(PY) -m pytest -q tests/storm/test_sequences.py tests/storm/test_late_news.py tests/end_to_end/test_remap.py
	@$(PY) -m tests.storm $(STORM)

outage: $(INSTALLED)
	@$(PY) -m tests.storm.outage $(STORM)

neighbour: $(INSTALLED)
	@$(PY) -m tests.storm.neighbour $(STORM)

axe: $(INSTALLED)
	@PAGES_FORM=long $(PY) -m pytest -q tests/browser/test_every_page.py

shots: $(INSTALLED)
	@$(PY) -m tests.browser.shots

clean:
	rm -rf .venv var staticfiles .pytest_cache .ruff_cache .mypy_cache .hypothesis
