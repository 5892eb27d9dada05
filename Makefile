# `make app` and `make test` are all that a newcomer needs; each sets up what it uses.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

# One worker a core, up to eight; tests/conftest.py leaves each one thread.
TOGETHER := --numprocesses logical --maxprocesses 8 --dist loadfile

.PHONY: setup app test nightly fast lint types docs wheel bench check screenshots clean

setup: $(READY)

$(READY): pyproject.toml
	@echo "Setting up $(VENV): PyTorch, Streamlit and the rest (once, a few minutes, about 6 GB with a GPU build of PyTorch)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; set PYTHON=/path/to/python3.11"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

app: $(READY)
	$(BIN)/streamlit run app/main.py

test: $(READY)
	$(BIN)/pytest $(TOGETHER) -m "not nightly"

nightly: $(READY)
	$(BIN)/pytest $(TOGETHER) -m nightly

fast: $(READY)
	$(BIN)/pytest $(TOGETHER) -m "not slow and not browser and not nightly"

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: $(READY)
	$(BIN)/pyright

docs: $(READY)
	$(BIN)/mkdocs build --strict

wheel: $(READY)
	$(BIN)/hatchling build -d dist

bench: $(READY)
	$(BIN)/python -m benchmarks.relations
	$(BIN)/python -m benchmarks.explorer
	$(BIN)/python -m benchmarks.startup

check: lint types docs test

screenshots: $(READY)
	$(BIN)/python -m tools.screenshots

clean:
	rm -rf $(VENV) site dist .pytest_cache .ruff_cache .hypothesis
