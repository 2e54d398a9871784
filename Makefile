# make install   .venv with everything that users and the tests need
# make demo      the whole road on pictures that come with the install
# make test      every check and every test that needs neither a GPU nor the network
# make test-all  the same, and networks at full size
# make test-fast the tests of single parts, which take seconds each
# make docs      the generated pages, and the site that holds all pages in site/
# make clean     delete what the above made, .venv too

PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
OFFLINE := not gpu and not network
USUAL := $(OFFLINE) and not exhaustive
CODE := src tests benchmarks
# Two tests at a time, each on one thread.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n 2 --dist worksteal --durations=15

.PHONY: install demo test test-all test-fast check docs clean

install: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[datasets,dev,demo,docs,excel,export,medical,mlflow,motion,parquet,serve,sound,stores,tensorboard,text,track]'
	touch $(STAMP)

demo: install
	$(BIN)/preseason demo

check: install
	$(BIN)/ruff check $(CODE)
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/mypy

test: check
	$(PYTEST) -m '$(USUAL)'

test-all: check
	$(PYTEST) -m '$(OFFLINE)'

test-fast: install
	$(PYTEST) -m 'not slow and $(USUAL)' src tests/unit tests/property

docs: install
	$(BIN)/python -m preseason.cli.reference > docs/cli.md
	$(BIN)/python -m preseason.cli.error_page > docs/error-codes.md
	$(BIN)/python -m preseason.cli.python_reference > docs/python.md
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet

clean:
	rm -rf .venv build site src/preseason.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
