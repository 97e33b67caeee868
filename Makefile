# Two commands do all the set-up: `make demo` and `make test`.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
# uv finds local wheels only under its own name for pip's setting.
export UV_FIND_LINKS ?= $(PIP_FIND_LINKS)
export FORECAST_PLATFORM_HOME ?= $(CURDIR)/home

.PHONY: help setup demo test nightly lint types format bench docs ui images audit clean

help: ## Say what each target does
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

$(VENV)/.done: requirements.lock pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.11 is needed: set PYTHON to it"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python -r requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	$(BIN)/python -m forecast_platform.models.warm_up
	$(BIN)/python -m forecast_platform.replenishment.choice.warm_up
	@touch $@

setup: $(VENV)/.done ## Make the isolated environment

demo: setup ## Demo data to replenishment plan, and where to look
	$(BIN)/forecast-platform demo

test: setup ## The tests
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "not nightly" $(ARGS)

nightly: setup ## The tests and those that take longer
	$(BIN)/python -m pytest -n 2 --dist loadfile $(ARGS)

lint: setup ## Linter, formatter and type checker
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: setup ## Format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: setup ## Measure; figures go to docs/benchmarks.md
	$(BIN)/python -m benchmarks.run

docs: setup ## Generated pages
	$(BIN)/python -m forecast_platform.contracts.dictionary > docs/data-dictionary.md

ui: setup ## Dagster and MLflow pages
	$(BIN)/forecast-platform ui

images: ## Container image; WHEELS names a folder of wheels to prefer
	docker build -f docker/Dockerfile $(if $(WHEELS),--build-context wheels=$(WHEELS)) \
		-t forecast-platform:0.1.0 .

audit: setup ## Known vulnerabilities of what the lock pins; asks the package index
	$(BIN)/uv tool run pip-audit --requirement requirements.lock --no-deps --disable-pip

clean: ## Remove the environment and compiled kernels
	rm -rf $(VENV)
	find forecast_platform \( -name '*.nbi' -o -name '*.nbc' \) -delete
