# make repro: environment + pipeline; make test: environment + tests.
PYTHON ?= python3
JOBS ?= 2
BASE ?= main
VENV := .venv
BIN := $(VENV)/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: help env repro test test-slow compare lint bench bench-gpu

help:
	@echo "make repro      install into $(VENV) and run the pipeline (JOBS=$(JOBS) cells at once)"
	@echo "make test       install into $(VENV) and run the tests"
	@echo "make test-slow  the tests that take longer"
	@echo "make compare    what changed against a revision, as Markdown (BASE=$(BASE))"
	@echo "make lint       ruff and mypy"
	@echo "make bench      the benchmarks (ONLY='loss loader' for some)"
	@echo "make bench-gpu  on a machine with a CUDA device: tests that need it, then its benchmarks"

env: $(VENV)/installed

$(VENV)/installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	  { echo "error: Python 3.11 or newer is needed; install it or run make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@echo "environment: creating $(VENV) and installing requirements.lock (some minutes the first time)"
	@$(PYTHON) -m venv $(VENV) || \
	  { echo "error: $(PYTHON) -m venv failed; install the venv module of your Python" >&2; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock >$(VENV)/install.log 2>&1 && \
	 $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e . >>$(VENV)/install.log 2>&1 || \
	  { echo "error: pip could not install requirements.lock; is a package registry reachable? details: $(VENV)/install.log" >&2; exit 1; }
	@touch $@

repro: env
	@echo "pipeline: dvc repro, $(JOBS) cells at once"
	@PYTHONPATH=src $(BIN)/python -m sentinel_fusion.repro --jobs $(JOBS)
	@echo "done. report: report/index.html (open it in a browser); plots: metrics/figures/; metrics: metrics/headline.json, metrics/ablation.json, metrics/scores.csv"

test: env
	@echo "tests: pytest"
	@$(BIN)/python -m pytest

test-slow: env
	@echo "slow tests: pytest -m slow"
	@$(BIN)/python -m pytest -m slow

compare: env
	@PYTHONPATH=src $(BIN)/python -m stages.compare $(BASE)

lint: env
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy

bench: $(VENV)/peers
	@echo "benchmarks: some minutes; leave the machine alone meanwhile"
	@PYTHONPATH=src $(BIN)/python benchmarks/run.py $(ONLY)

bench-gpu: $(VENV)/peers
	@$(BIN)/python -c 'import sys, torch; sys.exit(not torch.cuda.is_available())' || \
	  { echo "error: bench-gpu needs a CUDA device that PyTorch can use; there is none" >&2; exit 1; }
	@echo "tests that need a GPU, then benchmarks: up to an hour; leave the machine alone meanwhile"
	@$(BIN)/python -m pytest -m gpu
	@PYTHONPATH=src $(BIN)/python benchmarks/run.py steps loader loss

$(VENV)/peers: $(VENV)/installed requirements-bench.lock
	@echo "benchmarks: installing what they compare with (requirements-bench.lock)"
	@if $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -r requirements-bench.lock >$(VENV)/peers.log 2>&1; then touch $@; \
	 else echo "some peers could not be installed, their rows will say so; details: $(VENV)/peers.log"; fi
