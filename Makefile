# Two commands: `make demo` and `make test`. Both set up everything that they need.
.DEFAULT_GOAL := help
BIN := .venv/bin

help:  ## Says what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-7s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup:  ## Makes .venv from the lock file and checks the system libraries
	@.ci/setup demo

demo: setup  ## Audits a mortgage model on real data; out/lending/report.pdf
	@$(BIN)/python examples/lending/run.py

test:  ## Checks style and types, and runs every test
	@.ci/setup test
	@printf 'Checking style and types\n'
	@$(BIN)/ruff check -q auditkit tests examples
	@$(BIN)/ruff format --check -q auditkit tests examples
	@$(BIN)/mypy
	@printf 'Running the tests\n'
	@$(BIN)/pytest -q -n 2 --dist loadgroup

bench: setup  ## Measures speed against peers, in one run; prints ratios
	@for bench in tests/benchmarks/bench_*.py; do $(BIN)/python $$bench || exit 1; done

soak: setup  ## Runs the long fault and fuzz tests
	@for soak in tests/soak/soak_*.py; do $(BIN)/python $$soak || exit 1; done

lock: setup  ## Resolves requirements.lock anew
	@$(BIN)/uv pip compile pyproject.toml --all-extras --group dev --generate-hashes --universal --python-version 3.11 --no-annotate --no-header -o requirements.lock

.PHONY: help setup demo test bench soak lock
