# Everything a checkout needs: `make demo` and `make test` set up all they use, in .venv, from Python and make alone.

PYTHON  ?= python3
VENV    := .venv
BIN     := $(VENV)/bin
STAMP   := $(VENV)/set-up-is-current
OURS    := .[demo,dev,kafka,notebook]
HELPER  := ./instrumentation[aiokafka,confluent,kafka,rabbitmq]

# The tests of one file stay together, so that what a file sets up is set up once; conftest.py says which come first.
WORKERS ?= 2
PYTEST  := $(BIN)/pytest

.DEFAULT_GOAL := help
.PHONY: help set-up services demo test check check-format check-lint check-types check-imports format bench soak lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

set-up: $(STAMP) ## make .venv with both distributions and all they need (PYTHON=python3.12 picks the Python)

services: ## install the real services that some tests need (Kafka, RabbitMQ, PostgreSQL, Collector, Node SDK, Chromium)
	@bash .ci/services/install

demo: $(STAMP) ## run an order system that breaks now and then, and see what broke
	$(BIN)/tracecheck demo

test: $(STAMP) ## run all tests; those whose service is absent are skipped
	$(PYTEST) --numprocesses=$(WORKERS) --dist=loadfile --no-loadscope-reorder --durations=30

check: check-format check-lint check-types check-imports ## check format, lint, types and the import rules

check-format: $(STAMP)
	$(BIN)/ruff format --check .

check-lint: $(STAMP)
	$(BIN)/ruff check .

check-types: $(STAMP)
	$(BIN)/mypy

check-imports: $(STAMP)
	$(BIN)/lint-imports

format: $(STAMP) ## bring the code into its format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(STAMP) ## measure speed, as ratios
	set -e; for file in tests/benchmarks/bench_*.py; do \
	    printf '\n=== %s\n' "$$file"; $(BIN)/python -m "tests.benchmarks.$$(basename "$$file" .py)"; done

soak: $(STAMP) ## run what takes many minutes
	$(PYTEST) -m soak --capture=no --timeout=7200

lock: $(STAMP) ## choose versions for new dependencies (UPGRADE=--upgrade: for all) and keep them in .ci/constraints.txt
	printf '%s\n' '-e $(OURS)' '-e $(HELPER)' uv | $(BIN)/uv pip compile --quiet $(UPGRADE) --universal --python-version 3.11 \
	    --no-emit-index-url --no-header --no-annotate --no-emit-package tracecheck \
	    --no-emit-package tracecheck-instrumentation --output-file .ci/constraints.txt -

clean: ## remove .venv, caches and whatever the demo wrote
	rm -rf $(VENV) build dist *.egg-info instrumentation/*.egg-info tracecheck-demo
	rm -rf tracecheck/receiver/*.so .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

# Constraints give every version, for each Python from 3.11 on. uv installs them in a fraction of pip's time.
$(STAMP): pyproject.toml setup.py $(wildcard tracecheck/receiver/columns/*.py) instrumentation/pyproject.toml .ci/constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	    echo "tracecheck needs Python 3.11 or later, but $(PYTHON) is $$($(PYTHON) --version 2>&1);" \
	         "name a newer one: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)" >&2; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint .ci/constraints.txt uv
	$(BIN)/uv pip install --quiet --python $(BIN)/python --constraint .ci/constraints.txt -e '$(OURS)' -e '$(HELPER)'
	@touch $@
