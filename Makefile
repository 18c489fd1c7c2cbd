# Two commands: `make demo` and `make test`. Both set up everything they need.
.DEFAULT_GOAL := help
PYTHON ?= python3
UV_VERSION := 0.13.9
BIN := .venv/bin

help:  ## Says what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: .venv/ready  ## Makes .venv from the lock file and checks the system libraries

.venv/ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "auditkit needs Python 3.11 or newer. To fix: make PYTHON=python3.12 ..."; exit 1; }
	@test -d .venv || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install -q uv==$(UV_VERSION)
	@$(BIN)/uv pip install -q --python $(BIN)/python --require-hashes -r requirements.lock
	@$(BIN)/uv pip install -q --python $(BIN)/python --no-deps -e .
	@touch $@

test: setup  ## Checks types and style, and runs the tests
	@$(BIN)/ruff check auditkit tests
	@$(BIN)/mypy
	@$(BIN)/pytest -q

lock:  ## Resolves requirements.lock anew
	@$(BIN)/uv pip compile pyproject.toml --all-extras --group dev --generate-hashes --universal --python-version 3.11 --no-annotate --no-header -o requirements.lock

.PHONY: help setup test lock
