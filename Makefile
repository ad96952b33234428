# Each target makes the virtual environment it needs; `make demo` and `make test` work from a bare clone.
PYTHON ?= python3
BIN := .venv/bin
STORE ?= demo-out/store
PLAN ?= shop
WORKERS ?= 2
PIP := $(BIN)/pip install --quiet --disable-pip-version-check --no-compile --constraint constraints.txt

.PHONY: demo serve loadtest test test-light chaos test-all lint format docs clean

demo: .venv/runtime
	$(BIN)/vlclip demo

serve: .venv/runtime
	VLCLIP_PAGE__PHOTOS=demo-out/catalogue $(BIN)/vlclip serve --store demo-out/store

loadtest: .venv/development $(filter demo-out/store,$(STORE))
	$(BIN)/python -m vlclip.loadtest serve-and-run $(PLAN) --store $(STORE)

demo-out/store: | .venv/runtime
	$(BIN)/vlclip demo

test: .venv/development
	$(BIN)/python -m pytest -m "not slow and not chaos" --numprocesses $(WORKERS) --dist worksteal

# what `pip install vlclip` brings has to be enough without PyTorch
test-light: .venv-light/ready
	.venv-light/bin/python -m pytest tests/test_light.py

.venv-light/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv-light
	.venv-light/bin/pip install --quiet --disable-pip-version-check --upgrade "pip>=25.1"
	.venv-light/bin/pip install --quiet --disable-pip-version-check --no-compile --constraint constraints.txt \
		--editable . "pytest>=9,<10" "hypothesis>=6.130" "httpx>=0.28"
	touch $@

chaos: .venv/development
	$(BIN)/python -m pytest -m chaos --numprocesses $(WORKERS) --dist loadfile

test-all: .venv/development
	$(BIN)/python -m pytest

lint: .venv/development
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/codespell
	$(BIN)/lint-imports
	$(BIN)/hadolint Dockerfile

format: .venv/development
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.venv/runtime: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --upgrade "pip>=25.1"
	$(PIP) --editable .
	touch $@

.venv/development: .venv/runtime
	$(PIP) --editable ".[models,reports,llm,grounding,redis,load,tracing]" --group test --group lint
	touch $@

docs: .venv/development
	$(BIN)/python -m vlclip.service.reference

clean:
	rm -rf .venv .venv-light demo-out
