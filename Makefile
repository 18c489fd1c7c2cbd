# `make demo`, `make check`, `make test` and `make docs` set up everything that they need.
.DEFAULT_GOAL := help
BIN := .venv/bin
PYTEST := $(BIN)/pytest -q -n 2 --dist loadfile --no-loadscope-reorder

help:  ## Says what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup:  ## Makes .venv from the lock file and checks the system libraries
	@.ci/setup demo

demo: setup  ## Audits a mortgage model on real data; out/lending/report.pdf
	@$(BIN)/python examples/lending/run.py

check:  ## Checks style and types, and runs the unit tests that start no server
	@.ci/setup check
	@$(MAKE) -s style
	@printf 'Running the unit tests\n'
	@$(PYTEST) -m 'not server' tests/unit auditkit

test:  ## Checks style and types, and runs every test
	@.ci/setup test
	@$(MAKE) -s style
	@printf 'Running the tests\n'
	@$(PYTEST)

style:
	@printf 'Checking style and types\n'
	@$(BIN)/ruff check -q auditkit tests examples
	@$(BIN)/ruff format --check -q auditkit tests examples
	@$(BIN)/mypy

coverage: setup  ## Runs the unit tests once more, and holds the pure rooms to a floor of lines tested
	@$(BIN)/coverage run -m pytest -q -m 'not server' tests/unit
	@$(BIN)/coverage report

docs:  ## Builds the documentation as a site: site/index.html
	@.ci/setup docs
	@NO_MKDOCS_2_WARNING=1 .venv-docs/bin/mkdocs build -q --strict
	@! grep -rhoE '<(script|link|img|iframe)[^>]+(src|href)="(https?:)?//[^"]+"' site --include='*.html' \
	  || { printf 'Error: the pages above load something from elsewhere\n' >&2; exit 1; }
	@printf 'site/index.html\n'

bench: setup  ## Measures speed against peers, in one run; prints ratios
	@for bench in tests/benchmarks/bench_*.py; do $(BIN)/python $$bench || exit 1; done

soak: setup  ## Runs the long fault and fuzz tests
	@for soak in tests/soak/soak_*.py; do $(BIN)/python $$soak || exit 1; done

reference: setup  ## Writes the schemas of YAML files and the pages made from code anew
	@$(BIN)/python -m tests.support.reference

LOCK = $(BIN)/uv pip compile --generate-hashes --universal --python-version 3.11 --no-annotate --no-header

lock: setup  ## Resolves the lock files anew: of the tests, of the package, of the docs
	@$(LOCK) pyproject.toml --all-extras --group dev -o requirements-dev.lock
	@$(LOCK) pyproject.toml --all-extras --group build -c requirements-dev.lock -o requirements.lock
	@$(LOCK) requirements-docs.in -o requirements-docs.lock
	@$(LOCK) tests/tools/requirements.in -o tests/tools/requirements.lock

.PHONY: help setup demo check test style coverage docs bench soak reference lock
