# Two commands matter: `make demo` and `make test`. Both make .venv first, once.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SEED := $(shell date +%s)
.DELETE_ON_ERROR:
.PHONY: demo test test-thorough test-slow test-lowest lint links bench clean help
PYTEST := $(BIN)/python -m pytest --numprocesses auto --dist worksteal --randomly-seed $(SEED) --durations 10

help:
	@echo "make demo   play the swiss-roll GAN and say where everything is"
	@echo "make test   run the quick tests"
	@echo "make test-thorough  run these and the whole grids, as CI does"
	@echo "make test-slow  run those that take minutes each: Ray clusters, killed sweeps, nets that are large for two cores"
	@echo "make test-lowest  run a choice of tests on the lowest versions of all requirements, in build/lowest"
	@echo "make lint   check style and types"
	@echo "make bench  measure the arena against loops written by hand"

# pip and setuptools first: those of a fresh venv are older than torch wants.
$(VENV)/installed: pyproject.toml setup.py
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed; say which: make PYTHON=python3.12" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip setuptools wheel
	$(BIN)/python -m pip install --quiet -e .
	@touch $@

$(VENV)/installed-test: $(VENV)/installed
	$(BIN)/python -m pip install --quiet -e '.[test]'
	@touch $@

demo: $(VENV)/installed
	$(BIN)/arena play swiss-roll

test: $(VENV)/installed-test
	$(PYTEST) --ignore tests/bench/test_bench.py -m "not slow and not thorough" --unrendered  # pictures, where they are not the point
	$(BIN)/python -m pytest -m "not slow and not thorough" tests/bench/test_bench.py  # timings are taken with nothing beside them

test-thorough: $(VENV)/installed-test
	$(PYTEST) --ignore tests/bench/test_bench.py -m "not slow"
	$(BIN)/python -m pytest -m "not slow" tests/bench/test_bench.py

test-slow: $(VENV)/installed-test
	$(BIN)/python -m pytest -m slow

# The tests that use other packages' interfaces most.
LOWEST := tests/test_requirements.py tests/registry/test_foreign.py tests/data/test_pixels.py tests/data/test_readers.py \
  tests/trackers/test_libraries.py tests/tuning/test_conditional.py tests/tuning/test_sensitivity.py
test-lowest: $(VENV)/installed
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python build/lowest
	$(BIN)/uv pip install --quiet --python build/lowest/bin/python --resolution lowest-direct -e '.[test]'
	build/lowest/bin/python -m pytest --numprocesses auto --dist worksteal -m "not slow and not thorough" --unrendered $(LOWEST)

# Type checkers and editors follow links: the folders beside arena/ are imported as arena.games, arena.players and arena.tuning.
links:
	@mkdir -p build/types/arena
	@ln -sfn $(CURDIR)/arena/* $(CURDIR)/games $(CURDIR)/players $(CURDIR)/tuning build/types/arena/

lint: $(VENV)/installed-test links
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	MYPYPATH=build/types $(BIN)/mypy

bench: $(VENV)/installed
	$(BIN)/python -m benchmarks.bench

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache build *.egg-info
