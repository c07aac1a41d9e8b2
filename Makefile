# The commands of the project. Everything runs in .venv, built from requirements.lock; options for a command: make demo ARGS="--port 8060"
PYTHON ?= python3
ARGS ?=
BIN := .venv/bin
BIN2 := .venv-duckdb2/bin
LOCK = $(BIN)/uv pip compile --quiet --no-config --universal --python-version 3.11 --fork-strategy fewest \
       --generate-hashes --custom-compile-command "make lock" --group dev pyproject.toml

# A worker takes whole files, in the order of tests/conftest.py: what a file's fixtures make is made once.
BY_FILE := -n 3 --dist loadfile --no-loadscope-reorder

# Where this is set, every process of the tests would compile all modules anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup demo test fuzz check bench lock screenshots test-duckdb2 clean

help:  ## list these commands
	@sed -n 's/^\([a-z][a-z0-9-]*\):[^#]*## \(.*\)/\1|\2/p' Makefile | while IFS='|' read -r name does; do printf '  make %-14s %s\n' "$$name" "$$does"; done

setup: .venv/.ready  ## build the environment (done once; again when the lock changes)
	@echo "Listo: make demo / Ready: make demo"

demo: .venv/.ready  ## sample data and the system in a browser
	$(BIN)/callcenter demo $(ARGS)

test: .venv/.ready  ## all tests
	$(BIN)/pytest $(BY_FILE) $(ARGS)

fuzz: .venv/.ready  ## far more of what tests draw, 10 000 damaged files a reader (ARGS="--draws 100 --first-seed 5000")
	$(BIN)/pytest -n 3 --dist worksteal -m drawn --draws 20 $(ARGS)

check: .venv/.ready  ## style, types and who may import whom
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

bench: .venv/.ready  ## measure loads and queries
	$(BIN)/python -m tests.bench $(ARGS)

lock: | $(BIN)/python  ## write both lock files anew (ARGS=--upgrade for newer versions)
	$(BIN)/python -m pip install --quiet "uv>=0.13.9,<0.14"
	$(LOCK) --output-file requirements.lock --upgrade-package duckdb==1.5.6 $(ARGS)
	cp requirements.lock requirements-duckdb2.lock
	$(LOCK) --output-file requirements-duckdb2.lock --upgrade-package duckdb==2.0.0

screenshots: .venv/.ready  ## pictures of every page
	$(BIN)/python -m tests.screenshots $(ARGS)

test-duckdb2: .venv-duckdb2/.ready  ## the tests marked duckdb, on the second version
	$(BIN2)/pytest $(BY_FILE) -m duckdb $(ARGS)

clean:  ## remove environments, caches and build output; never data
	rm -rf .venv .venv-duckdb2 build dist test-results *.egg-info .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/.ready: requirements.lock pyproject.toml | .venv/bin/python
.venv-duckdb2/.ready: requirements-duckdb2.lock pyproject.toml | .venv-duckdb2/bin/python
.venv/.ready .venv-duckdb2/.ready:
	@echo "Instalando en $(@D), un minuto... / Installing into $(@D), a minute..."
	$(@D)/bin/python -m pip install --quiet --require-hashes -r $<
	$(@D)/bin/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

%/bin/python:
	@command -v $(PYTHON) >/dev/null && $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Hace falta Python 3.11 o posterior; $(PYTHON) no sirve. Con otro: make setup PYTHON=python3.11"; \
	  echo "Python 3.11 or newer is needed; $(PYTHON) will not do. With another: make setup PYTHON=python3.11"; exit 1; } >&2
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  package=$$($(PYTHON) -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])'); \
	  echo "A $(PYTHON) le falta venv. Instale el paquete: apt-get install $$package (o python3-venv)"; \
	  echo "$(PYTHON) lacks venv. Install the package: apt-get install $$package (or python3-venv)"; exit 1; } >&2
	$(PYTHON) -m venv $*
