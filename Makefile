# Common commands of a developer; `make` alone lists them.
VENV := $(or $(HEARTGUARD_VENV),.venv)
PYTHON := $(VENV)/bin/python

.DEFAULT_GOAL := help
.PHONY: help start stop demo status test unit check format contract docs

help: ## List these commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

start: ## Start HeartGuard on this machine
	./start_services.sh

stop: ## Stop it
	./stop_services.sh

status: ## Show what runs
	./heartguard status

demo: ## Show what the running system does
	./demo.sh

test: ## Run every check and test, as CI does
	./run_tests.sh

unit: ## Run the tests that need no server
	$(PYTHON) -m pytest -q tests/unit

check: ## Run the checks that need no test: lint, types, layers, contract
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy
	PYTHONPATH=$$($(PYTHON) sources.py) $(VENV)/bin/lint-imports
	$(PYTHON) schemas/build.py --check
	$(PYTHON) docs/build.py --check

format: ## Format the code and sort its imports
	$(PYTHON) -m ruff format .
	$(PYTHON) -m ruff check --fix .

contract: ## Make XSDs, OpenAPI and the other generated files anew
	$(PYTHON) schemas/build.py

docs: ## Make the generated parts of the documents anew
	$(PYTHON) docs/build.py
