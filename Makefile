# What one does with this repository. Needs Python 3.11 or newer, git and make; everything else goes into .venv/.

PORT ?= 8000
DATA ?= .data
JOBS ?= 3
ARGS ?=
PYTHON ?=
export PYTHON
# Tests start hundreds of processes, each of which would compile the program anew.
unexport PYTHONDONTWRITEBYTECODE

BIN := .venv/bin
PACKAGES := registry indexer api hooks tests bench clients
PROGRAMS := registry indexer api hooks clients scripts

.DEFAULT_GOAL := help
.PHONY: help run services services-stop test test-servers test-unit soak lint bench format clean run-env dev-env

help: ## Show this list
	@echo "make <target>, one of:"
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: run-env ## Serve a registry on http://127.0.0.1:8000 until Ctrl-C (PORT=8123 DATA=some/folder)
	@exec env PROMPTUARY_PORT="$(PORT)" PROMPTUARY_DATA="$(DATA)" $(BIN)/promptuary serve

services: dev-env ## Start real PostgreSQL, Redis and Elasticsearch on loopback; to use them: . .services/env
	@$(BIN)/python -m scripts.services start

services-stop: dev-env ## End them; their data stays in .services/
	@$(BIN)/python -m scripts.services stop

test: ## Everything that has to be green: lint and all tests but the long ones (JOBS=3, ARGS=-x)
	@$(MAKE) --no-print-directory --jobs 2 lint test-servers
	$(BIN)/pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder -m "not soak" $(ARGS)

test-servers: dev-env # while mypy thinks; tests tell what an installation fails with
	@$(BIN)/python -m scripts.services start --tests
	-@scripts/mlflow-venv
	-@scripts/oidc-provider

test-unit: dev-env ## The rules alone: no service, no server, in seconds (ARGS="-k korean")
	$(BIN)/pytest -q -n $(JOBS) -m "not soak" tests/domain tests/test_architecture.py tests/test_docs.py $(ARGS)

FUZZ := tests/domain/test_yaml_reader.py tests/domain/test_template_file.py tests/domain/test_language.py \
	tests/domain/test_binding.py tests/domain/test_names.py tests/domain/test_diffs.py tests/domain/test_secret_scan.py \
	tests/domain/test_yaml_writer.py tests/domain/test_compatibility.py tests/domain/test_compatible_output.py \
	tests/domain/importing tests/domain/exporting tests/client/test_local_rendering.py
ROUNDS ?= 10

soak: dev-env ## The long form: hundreds of kills, thousands of histories, fuzzing from ROUNDS=10 seeds
	$(BIN)/python -m scripts.services start --tests
	$(BIN)/pytest -m soak --timeout 2400 $(ARGS)
	for round in $$(seq $(ROUNDS)); do $(BIN)/pytest -q -n $(JOBS) -m "not soak" $(FUZZ) --hypothesis-seed=random || exit 1; done

lint: dev-env ## ruff, bandit, mypy, import contracts, and the sample repository
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/bandit --quiet --configfile pyproject.toml --recursive $(PROGRAMS)
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/promptuary validate sample-repo

bench: dev-env ## Measure against the floors of this machine (ARGS="--help")
	$(BIN)/python -m bench $(ARGS)

format: dev-env ## Put the code into its form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean: ## Remove .venv and caches; DATA and .services stay
	rm -rf .venv .venv-mlflow tests/oidc/node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist bench/out
	find $(PACKAGES) -type d -name __pycache__ -prune -exec rm -rf {} +

run-env:
	@scripts/venv run

dev-env:
	@scripts/venv dev
