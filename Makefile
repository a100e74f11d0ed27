# A bare `make` lists the targets.
PYTHON    ?= python3
VENV      ?= .venv
PORT      ?= 8000
STATE_DIR ?= var
DATA      ?=
TIMEZONE  ?=
TARIFF    ?=
SITE      ?=
BIN       := $(VENV)/bin
STAMP     := $(VENV)/.installed
UV        := 0.13.9

# both lines of Compose: the plugin of today's Docker, and docker-compose 1.29
COMPOSE    = $(shell docker compose version >/dev/null 2>&1 && echo docker compose || echo docker-compose)
PLATFORM   = @test -f deploy/.env || { echo "make: deploy/.env is missing; deploy/make-env makes it with fresh secrets" >&2; exit 2; }

.DEFAULT_GOAL := help
.PHONY: help setup run up down logs test check bench lock schemas clean

help: ## this list
	@awk 'BEGIN {FS = ":.*## "; print "make TARGET [NAME=value ...]\n"} /^[a-z]+:.*## / {printf "  %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@printf '\n  make run PORT=8080 STATE_DIR=/srv/der          another port, another folder for all state\n'
	@printf '  make run DATA=home.csv TIMEZONE=Europe/Berlin  your own measurements instead of a simulated home\n'

setup: $(STAMP) ## make the environment in .venv from the locked dependencies (again only when they change)

$(STAMP): requirements-dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "make: Python >= 3.11 is needed, $(PYTHON) is `$(PYTHON) -V 2>&1`; name another with PYTHON=python3.12" >&2; exit 2; }
	@test -x $(BIN)/python || deploy/make-venv $(PYTHON) $(VENV)
	@echo "installing the locked dependencies into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV)
	@$(BIN)/uv pip sync --quiet --compile-bytecode --python $(BIN)/python --require-hashes requirements-dev.lock 2>/dev/null \
	  || $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

run: $(STAMP) ## one home in one process: forecasts, schedule, page and API on http://127.0.0.1:8000/
	@exec $(BIN)/der --state-dir "$(STATE_DIR)" run --port "$(PORT)" \
	  $(if $(DATA),--data "$(DATA)") $(if $(TIMEZONE),--timezone "$(TIMEZONE)") $(if $(TARIFF),--tariff "$(TARIFF)") $(if $(SITE),--site-in-file "$(SITE)")

up: ## the whole platform in containers: RabbitMQ, InfluxDB, PostgreSQL with its REST API, every service (SCALE="forecaster=2")
	$(PLATFORM)
	@cd deploy && $(COMPOSE) up --detach --build $(foreach pair,$(SCALE),--scale $(pair))

down: ## stop it; its data stays (deploy/.env and the volumes belong together)
	$(PLATFORM)
	@cd deploy && $(COMPOSE) down

logs: ## what its containers say, until Ctrl-C (SERVICE=sync)
	$(PLATFORM)
	@cd deploy && $(COMPOSE) logs --follow --tail 100 $(SERVICE)

test: $(STAMP) ## every test that can run here
	@tests/install-servers
	# a worker for each core: threads of the linear algebra besides would fight for them
	OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto $(ARGS)

check: $(STAMP) ## format, lint, types, imports
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(STAMP) ## every benchmark, short (BENCH_ARGS= for the full ones)
	@for script in benchmarks/[a-z]*.py; do echo "== $$script"; $(BIN)/python $$script $(if $(BENCH_ARGS),$(BENCH_ARGS),--quick) || exit 1; done

lock: $(STAMP) ## resolve the dependencies again
	$(BIN)/python -m pip install --quiet uv==$(UV)
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 --no-header pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 --no-header --extra dev pyproject.toml -o requirements-dev.lock
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 --no-header --extra benchmark pyproject.toml -o requirements-benchmark.lock

clean: ## remove the environment and caches; state folders stay
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
