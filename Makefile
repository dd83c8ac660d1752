# Each target makes its own .venv the first time (PYTHON names another interpreter: make test PYTHON=python3.12).

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --constraint constraints.txt
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help demo test check format bench migration clean

help: ## This list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1|/' | awk -F'|' '{printf "  make %-10s %s\n", $$1, $$2}'

demo: $(VENV)/.program ## A day of the sample shop, without account or network (ARGS="--serve" keeps it running)
	@$(BIN)/aftercart demo $(ARGS)

test: $(VENV)/.developer ## All tests, on SQLite and a real PostgreSQL (ARGS="tests/base -k clock" for some)
	@$(BIN)/python -m pytest $(or $(ARGS),-n 2 --dist worksteal)

check: $(VENV)/.developer ## Format, lint, types, direction of imports, documentation
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m pytest tests/test_docs.py tests/base/test_config.py -k "example or readme or makefile"

format: $(VENV)/.developer ## Format, and mend what the linter can mend
	@$(BIN)/ruff check --fix --quiet . ; $(BIN)/ruff format .

bench: $(VENV)/.developer ## The figures of the README, measured here
	@$(BIN)/python tests/benchmarks/figures.py $(ARGS)

migration: $(VENV)/.developer ## A revision for changed tables (ARGS="what changes")
	@$(BIN)/python -m bot.migrations.write $(ARGS)
	@$(BIN)/ruff format --quiet bot/migrations/versions

clean: ## Remove .venv and what tools left
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache

$(VENV)/.python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "aftercart needs Python 3.11 or newer; $(PYTHON) is not. Name one: make $(MAKECMDGOALS) PYTHON=python3.11" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "no venv module: apt-get install python3-venv" >&2; rm -rf $(VENV); exit 1; }
	@$(PIP) --upgrade pip
	@touch $@

$(VENV)/.program: $(VENV)/.python pyproject.toml constraints.txt
	@echo "Installing into $(VENV), a minute or two the first time ..."
	@$(PIP) --editable .
	@touch $@

$(VENV)/.developer: $(VENV)/.program
	@$(PIP) --group dev
	@touch $@
