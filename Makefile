# make demo      set up .venv, then simulate a movie, localise it, score it
# make test      set up .venv, then lint, types and the quick tests
# make test-all  the same with the slow tests
# make docs      set up what it takes, then build the documentation's site: site/index.html
# make docs-picture  the same, then its picture, docs/site.png (it takes Chromium)
# make clean     remove everything that these make

# The first Python of at least 3.11 that runs; or: make demo PYTHON=/path/to/python
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo "$$p"; break; }; done)
# Options for pip, such as a mirror
PIP_ARGS ?=
# PyPI's torch for Linux is built for NVIDIA GPUs and takes gigabytes; the CPU build is preferred
# where its index can be reached. For a GPU: make demo TORCH_ARGS=
TORCH_ARGS ?= --retries 1 --timeout 10 --extra-index-url https://download.pytorch.org/whl/cpu
BIN := .venv/bin
READY := .venv/.installed
SCENE := filaments

.PHONY: demo test test-all lint docs docs-picture clean

demo: $(READY)
	mkdir -p demo
	$(BIN)/truevar simulate --scene $(SCENE) --density 0.5 --frames 200 --seed 1 \
		-o demo/movie.tif --truth demo/truth.csv --overwrite
	$(BIN)/truevar localize demo/movie.tif -o demo/emitters.csv --picture demo/picture.png \
		--overwrite
	$(BIN)/truevar convert demo/emitters.csv demo/emitters-picasso.hdf5 --overwrite
	$(BIN)/truevar evaluate demo/emitters.csv demo/truth.csv --pixel-size 100 --size 64
	@echo
	@echo "movie:   demo/movie.tif            truth: demo/truth.csv"
	@echo "table:   demo/emitters.csv         for ThunderSTORM, locan, napari-storm"
	@echo "         demo/emitters-picasso.hdf5  for Picasso"
	@echo "picture: demo/picture.png"

test: lint
	$(BIN)/python -m pytest -m "not slow"

test-all: lint
	$(BIN)/python -m pytest

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: .venv/.docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet
	@echo "open site/index.html"

docs-picture: docs
	$(BIN)/python benchmarks/docs_screenshot.py docs/site.png

# The versions that the lock has stay as they are: the tests go by them.
.venv/.docs: $(READY)
	$(BIN)/python -m pip install -q $(PIP_ARGS) -c requirements.lock -e ".[docs]"
	@touch .venv/.docs

# torch first: it is the largest by far, and the rest is not worth fetching without it.
$(READY): requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "make: no Python of at least 3.11 found; on Debian: apt install python3 python3-venv"; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "make: $(PYTHON) is not a Python of at least 3.11"; exit 1; }
	@"$(PYTHON)" -c 'import ensurepip, venv' || { echo "make: $(PYTHON) cannot make environments; on Debian: apt install python3-venv"; exit 1; }
	"$(PYTHON)" -m venv .venv
	$(BIN)/python -m pip install -q --no-deps $(TORCH_ARGS) $(PIP_ARGS) "$$(grep '^torch==' requirements.lock)"
	$(BIN)/python -m pip install -q $(PIP_ARGS) -r requirements.lock
	$(BIN)/python -m pip install -q --no-deps --no-build-isolation -e .
	@touch $(READY)

clean:
	rm -rf .venv demo site build dist .pytest_cache .mypy_cache .ruff_cache src/truevar.egg-info
