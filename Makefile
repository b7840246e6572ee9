# The one front door. `make help` lists what it opens.
SHELL := /bin/bash
BIN := .venv/bin
export OPENBLAS_NUM_THREADS ?= 1
export OMP_NUM_THREADS ?= 1

.DEFAULT_GOAL := help
.PHONY: help run demo setup setup-dev setup-tests test test-quick lint format bench bench-analysis essentia test-essentia check-deploy screenshots docs lock clean

help: ## Show what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk 'BEGIN {FS = ":.*## "} {printf "  make %-16s %s\n", $$1, $$2}'

setup: ## Install what running needs into .venv
	@tools/bootstrap.sh --runtime

setup-dev: ## Install what tests and benchmarks need too
	@tools/bootstrap.sh

setup-tests: ## Install the browser and the servers that tests drive, too (as root, by apt)
	@tools/bootstrap.sh --test-tools

run: setup ## Bring everything up on http://localhost:8000 (MUSIC_DIR=... for a folder of music)
	@$(BIN)/audiomuse up

demo: setup ## Make up a small library, analyse it, make playlists and open the page
	@$(BIN)/audiomuse demo

test: setup-tests lint ## Every check and every test
	@tools/bootstrap.sh --test-tools
	$(BIN)/pytest -n auto --dist loadfile

test-quick: setup-dev ## The tests without browser, databases and long ones
	$(BIN)/pytest -m "not e2e and not postgres and not slow"

lint: setup-dev ## Style, types and layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: setup-dev ## Put the code into its style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: setup-dev ## Run every benchmark; each prints BENCH lines (DIR=... for real music)
	@set -e; for file in benchmarks/bench_*.py; do echo "# $$file"; $(BIN)/python $$file $(if $(DIR),--dir "$(DIR)"); done

bench-analysis: setup-dev ## Compare decode, our analysis and the original recipe on DIR=... (make essentia first)
	@$(BIN)/python benchmarks/bench_analysis.py --dir "$(DIR)" \
	  $(if $(wildcard .venv-essentia),--original-python .venv-essentia/bin/python --models build/musicnn-pb)

essentia: setup-dev ## Install the original chain into .venv-essentia and make its models
	@python3 -m venv .venv-essentia 2>/dev/null || $(BIN)/python -m venv .venv-essentia
	@.venv-essentia/bin/pip install -q -e '.[essentia]' pytest pytest-timeout hypothesis
	@$(BIN)/python tools/export_musicnn_pb.py build/musicnn-pb

test-essentia: essentia ## Compare our numbers with the original chain
	MUSICNN_PB_DIR=build/musicnn-pb .venv-essentia/bin/python -m pytest -m essentia tests/inference

check-deploy: setup-dev ## Check containers, manifests and workflows without a container engine
	@tools/check_deploy.sh

screenshots: setup-dev ## Take the pictures of README and docs from the running page
	@$(BIN)/python tools/screenshots.py

docs: ## Build the documentation into build/site
	@tools/build_docs.sh

lock: ## Pin the newest versions that pyproject.toml allows
	@tools/make_locks.sh

clean: ## Remove what was built
	rm -rf .venv .venv-essentia .bootstrap build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
