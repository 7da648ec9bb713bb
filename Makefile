# What a person runs here. Each target does its own set-up; `make help` lists them.
.DEFAULT_GOAL := help
.PHONY: demo test check bench chaos clean help
SHELL := /bin/sh

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c requirements.lock
SOURCES := pyproject.toml requirements.lock

demo: $(VENV)/demo.stamp ## database, broker, server, control room and 8 phones; DEMO_SECONDS=60: a story
	@exec $(BIN)/python -m tgd demo

test: $(VENV)/dev.stamp ## the whole suite; installs what it needs where it may
	@sh tests/prepare.sh
	@$(BIN)/python -m pytest -n auto --dist loadfile

check: $(VENV)/dev.stamp ## formatting, lint, types, import contracts, sizes
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python tests/check_shape.py

bench: $(VENV)/dev.stamp ## every figure beside its floor, with a report in bench/out
	@$(BIN)/python -m bench

chaos: $(VENV)/dev.stamp ## server, database and broker killed under load: no press may be lost
	@$(BIN)/python tests/chaos/run.py

clean: ## everything that the other targets made
	rm -rf $(VENV) build dist demo-data bench/out *.egg-info
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find tgd firmware_sim tests bench -name __pycache__ -type d -prune -exec rm -rf {} +

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1\t\2/p' $(MAKEFILE_LIST)

$(VENV)/demo.stamp: $(SOURCES) | $(BIN)/python
	@echo "Installing (once)…"
	@$(PIP) -e '.[demo]'
	@touch $@

$(VENV)/dev.stamp: $(SOURCES) | $(BIN)/python
	@echo "Installing (once)…"
	@$(PIP) -e '.[demo,dev]'
	@touch $(VENV)/demo.stamp $@

$(BIN)/python:
	@for python in $(PYTHON) python3 python3.14 python3.13 python3.12 python3.11; do \
	  if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	    $$python -m venv $(VENV) && exit 0; \
	    rm -rf $(VENV); \
	    echo "$$python cannot make a virtual environment: install its venv module" \
	         "(Debian: apt-get install python3-venv)" >&2; \
	    exit 1; \
	  fi; \
	done; \
	echo "Python 3.11 or later is needed, and none was found (or name one: make PYTHON=…)" >&2; \
	exit 1
