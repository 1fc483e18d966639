# Two commands set everything up: `make demo` and `make test`. They need Python 3.11 or newer, make and git.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
WORKERS ?= auto

.PHONY: demo test lint docs format types bench clean

# Each stamp is redone when the dependencies change.
$(VENV)/.base: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Revet needs Python 3.11 or newer; run: make PYTHON=python3.11 $(MAKECMDGOALS)")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --editable .
	touch $@

# Without a release named first, pip takes the newest torch with gigabytes of CUDA that no test uses.
$(VENV)/.dev: $(VENV)/.base .ci/constraints.txt
	$(BIN)/pip install --quiet --disable-pip-version-check 'torch==2.13.0'
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev]' --constraint .ci/constraints.txt
	touch $@

demo: $(VENV)/.base  ## repair the six example packages (in a copy) and undo one of the commits
	$(BIN)/python examples/demo.py

# Strings hash alike in all workers, so that they collect the tests in one order.
test: $(VENV)/.dev  ## every test: those that can on all cores, then those that must be alone
	PYTHONHASHSEED=0 $(BIN)/python -m pytest -m "not alone" -n $(WORKERS) --dist loadfile
	$(BIN)/python -m pytest -m alone

lint: $(VENV)/.dev  ## what the gate checks besides the tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: $(VENV)/.dev  ## the site, in site/: open site/index.html
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet

format: $(VENV)/.dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/.dev  ## the figures that the documentation quotes
	$(BIN)/python benchmarks/staging.py
	$(BIN)/python benchmarks/sandboxes.py
	$(BIN)/python benchmarks/loop.py round
	$(BIN)/python benchmarks/loop.py many
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/local.py
	$(BIN)/python benchmarks/repair.py

clean:
	rm -rf $(VENV) build dist site .revet .pytest_cache .mypy_cache .ruff_cache .hypothesis
