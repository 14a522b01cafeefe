# `make demo` and `make test` do all the set-up themselves; they need Python 3.11 or newer and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUNNER := $(BIN)/runner

.DEFAULT_GOAL := help
.PHONY: help demo life test matrix coverage check house bench bench-full crash kills damage month lock clean

help:
	@echo "make demo   validate, plan and buy a campaign on the built-in sandbox, twice"
	@echo "make life   run the story of docs/life.md and write its screens anew"
	@echo "make test   lint, types, import contracts and tests"
	@echo "make check  the same without the tests"
	@echo "make house  the folders with their sizes and purposes; fails when one has grown too large"
	@echo "make matrix the two commands of the README in fresh clones, under every Python there is"
	@echo "make coverage  the tests, counting the lines that they run: twice as long"
	@echo "make bench  measure the budgets (bench-full: with a million orders)"
	@echo "make crash  the long search for a crash or fault that breaks a promise"
	@echo "make kills  runs on a PostgreSQL state killed by the hundred, cut off, stopped, raced; the server restarted"
	@echo "make damage runs killed by the hundred, and their files damaged in every way"
	@echo "make month  simulated months of edits, outages and mistakes, books compared at the end"
	@echo "make lock   renew the hash-pinned requirements"

# Hash-pinned, and no resolver: what runs here is what was tested, whatever has been released since.
$(VENV)/.ready: requirements.lock requirements-dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: make PYTHON=python3.11 ..."; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "This Python has no venv module; on Debian and Ubuntu: apt install python3-venv"; exit 1; }
	@echo "setting up $(VENV) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements-dev.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@$(BIN)/python -m pip --disable-pip-version-check check >$(VENV)/check.txt || { cat $(VENV)/check.txt; exit 1; }
	@touch $@

demo: $(VENV)/.ready
	@sh docs/demo.sh $(RUNNER)

life: $(VENV)/.ready
	$(BIN)/python docs/life.py

check: $(VENV)/.ready
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	@$(BIN)/python docs/house.py >/dev/null

house: $(VENV)/.ready
	@$(BIN)/python docs/house.py

test: check
	$(BIN)/pytest -n 3

matrix:
	.ci/matrix

coverage: $(VENV)/.ready
	$(BIN)/pytest -n 3 --cov=runner --cov-report=term:skip-covered

bench: $(VENV)/.ready
	$(BIN)/python -m benchmarks

bench-full: $(VENV)/.ready
	$(BIN)/python -m benchmarks --full

crash: $(VENV)/.ready
	$(BIN)/python -m tests.crash

kills: $(VENV)/.ready
	$(BIN)/pytest -n 3 -m slow tests/postgres

damage: $(VENV)/.ready
	$(BIN)/python -m tests.damage

month: $(VENV)/.ready
	$(BIN)/python -m tests.month

lock: $(VENV)/.ready
	$(BIN)/pip-compile --quiet --no-strip-extras --generate-hashes --no-emit-index-url --no-emit-find-links --allow-unsafe --no-header --extra postgres --output-file requirements.lock pyproject.toml
	$(BIN)/pip-compile --quiet --no-strip-extras --generate-hashes --no-emit-index-url --no-emit-find-links --allow-unsafe --no-header --extra dev --output-file requirements-dev.lock pyproject.toml

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
