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

status: ## Show the state of each program
	./heartguard status

demo: ## Send and read data of the running system
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

contract: ## Generate XSDs, OpenAPI, pages and Python types
	$(PYTHON) schemas/build.py

docs: ## Generate the tables of the documents
	$(PYTHON) docs/build.py
