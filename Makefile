# The one place for commands: `make` lists them.

PYTHON ?= python3
VENV := .venv
RUNTIME := $(VENV)/.installed-runtime
TEST := $(VENV)/.installed-test
# Those of the tests, Locust and Schemathesis.
LOADTEST := $(VENV)/.installed-loadtest
# Four workers for two cores, because tests wait for stores, servers and browsers; stolen work, because tests with stores
# take a hundred times as long as others.
PYTEST_ARGUMENTS ?= -n 4 --dist worksteal
# Of which package `make integration` runs the tests: a folder of tests/integration, or all of them.
PACKAGE ?=
# Which of them: on a single Redis alone, in short. MARKS= runs all, as `make test` does.
MARKS ?= not fakeredis and not cluster
# More options of `holdfast bench`.
BENCH_ARGUMENTS ?=

# What holds and caches; the folders below run on a cluster in `make test` as well, or have tests of their own for it.
ON_A_CLUSTER := tests/integration/lua tests/integration/holds tests/integration/availability \
	tests/integration/bookings tests/integration/catalogue tests/integration/workers \
	tests/integration/reconciliation tests/concurrency

# Such as --seed 7, or --fault silent --json faults.json.
FAULTS_ARGUMENTS ?=

# Which attacks, such as silent --visitors 200, or --source of another checkout, to compare with.
ABUSE_ARGUMENTS ?=

# Such as --minutes 2, or --keys publishable --seed 7.
FUZZ_ARGUMENTS ?=

# What `make load` plays; with HOST and KEY on an engine that runs already. More in LOAD_ARGUMENTS="--users 200 --run-time 10m".
SCENARIO ?= mixed
HOST ?=
KEY ?=
LOAD_ARGUMENTS ?=

# Without it, `make lock` keeps the pins that still fit.
LOCK_ARGUMENTS ?= --upgrade

.DEFAULT_GOAL := help
.PHONY: help install demo bench performance trace unit integration test cluster check lint types contracts format schema conformance lock redis chromium promtool haproxy generators model faults abuse load invalidation webhooks events spin clean

help: ## List the targets
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

install: $(RUNTIME) ## Make .venv with what the engine needs to run

demo: $(RUNTIME) ## Start an example business with embedded stores, and print requests to paste
	$(VENV)/bin/holdfast demo

bench: $(RUNTIME) redis ## Measure the engine beside bare FastAPI routes; BENCH_ARGUMENTS="--quick --only place"
	$(VENV)/bin/holdfast bench $(BENCH_ARGUMENTS)

performance: $(RUNTIME) redis ## Measure everything on a quiet machine, and write docs/reference/performance.md anew
	$(VENV)/bin/holdfast bench --workers 2 --growth --telemetry --json docs/reference/performance/requests.json $(BENCH_ARGUMENTS)
	$(VENV)/bin/python -m benchmark.page docs/reference/performance.md

trace: $(TEST) redis ## Count the functions and files that each kind of request enters
	$(VENV)/bin/python tools/trace_requests.py

unit: $(TEST) ## Run the tests of pure code: no stores, no browser, half a minute
	$(VENV)/bin/pytest $(PYTEST_ARGUMENTS) tests/unit

# Prometheus judges the alerts, which are among the tests of the workers.
integration: $(TEST) redis $(if $(filter-out workers,$(PACKAGE)),,promtool) ## Run those of packages on real stores; PACKAGE=bookings for one alone, MARKS= on each Redis
	$(VENV)/bin/pytest $(PYTEST_ARGUMENTS) -m "$(MARKS)" tests/integration/$(PACKAGE)

test: $(LOADTEST) redis chromium promtool haproxy generators ## Run all tests, against a real Postgres, a real Redis and a real browser
	$(VENV)/bin/pytest $(PYTEST_ARGUMENTS)

cluster: $(TEST) redis ## Run the tests of holds, bookings and caches on a Redis Cluster of three masters
	HOLDFAST_TEST_REDIS_CLUSTER=true $(VENV)/bin/pytest $(PYTEST_ARGUMENTS) $(ON_A_CLUSTER)

check: lint types contracts ## Run everything that needs no stores: lint, types, import contracts

lint: $(TEST) ## Lint, and compare the layout with the formatter's
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .

types: $(LOADTEST) ## Check the types
	$(VENV)/bin/mypy

contracts: $(TEST) ## Check who imports whom
	$(VENV)/bin/lint-imports

format: $(TEST) ## Lay out the code, and mend what the linter can
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

schema: $(TEST) ## Write migrations/schema.sql anew, after a new migration
	PYTHONPATH=src:. $(VENV)/bin/python -m tests.support.schema_dump

conformance: $(TEST) ## Write conformance/daylight-saving anew, after a change of its cases or of the zone data
	$(VENV)/bin/python conformance/daylight-saving/generate.py

model: spin ## Go through all orders of the hold protocol's steps, with and without its guards
	$(PYTHON) models/check.py

faults: $(TEST) redis ## Kill, cut and silence everything under load, then compare every answer with Postgres
	PYTHONPATH=src:tools:. $(VENV)/bin/python -m loadtests.faults $(FAULTS_ARGUMENTS)

abuse: $(TEST) redis ## Attack an engine as a stranger could, beside ordinary visitors; ABUSE_ARGUMENTS="silent headers"
	PYTHONPATH=src:tools:. $(VENV)/bin/python -m loadtests.abuse $(ABUSE_ARGUMENTS)

fuzz: $(LOADTEST) redis ## Make requests from the OpenAPI document, and check every answer; FUZZ_ARGUMENTS="--minutes 2"
	@PYTHONPATH=src:tools:. $(VENV)/bin/python -m loadtests.fuzz $(FUZZ_ARGUMENTS)

load: $(LOADTEST) redis ## Simulate visitors on Locust, then verify; SCENARIO=mixed, or HOST=https://… KEY=hfs_…
	@PYTHONPATH=src:tools:. $(if $(KEY),HOLDFAST_LOAD_KEY="$(KEY)") $(VENV)/bin/python -m loadtests.load \
		--scenario $(SCENARIO) $(if $(HOST),--host $(HOST)) $(LOAD_ARGUMENTS)

invalidation: $(TEST) redis ## Measure how soon the cache hears of a commit, and what telling it costs
	$(VENV)/bin/python -m loadtests.invalidation

webhooks: $(TEST) redis ## Measure deliveries; WEBHOOKS_ARGUMENTS=flood, throughput or slow
	PYTHONPATH=src:tools:. $(VENV)/bin/python -m loadtests.webhooks $(or $(WEBHOOKS_ARGUMENTS),flood)

events: $(TEST) redis ## Measure events and tasks; EVENTS_ARGUMENTS=idle, flood or million
	PYTHONPATH=src:tools:. $(VENV)/bin/python -m loadtests.events $(or $(EVENTS_ARGUMENTS),idle)

lock: ## Choose the newest versions that pyproject.toml allows, and pin them with hashes
	@set -e; tools=$$(mktemp -d); trap 'rm -rf "$$tools"' EXIT; \
	$(PYTHON) -m venv "$$tools"; "$$tools/bin/pip" install --quiet uv; \
	pin() { \
		output=$$1; shift; \
		"$$tools/bin/uv" pip compile --quiet --universal $(LOCK_ARGUMENTS) --python-version 3.11 --generate-hashes \
			--no-emit-index-url --no-emit-find-links --no-annotate --no-header \
			"$$@" -o "requirements/$$output.txt"; \
	}; \
	all="pyproject.toml requirements/build.in --extra embedded"; \
	pin generators requirements/generators.in; pin build requirements/build.in; pin server pyproject.toml --extra tracing; \
	pin runtime $$all; pin test $$all --extra test --extra tracing; \
	pin loadtest $$all --extra test --extra tracing --extra loadtest

clean: ## Remove .venv and caches; data in .data stay
	rm -rf $(VENV) dist .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find src tests tools loadtests migrations -name __pycache__ -type d -prune -exec rm -rf {} +

# Redone when the lock file or the package's own data change. Hashes: what is installed is what was tested.
$(VENV)/.installed-%: requirements/%.txt pyproject.toml | $(VENV)/bin/pip
	$(VENV)/bin/pip install --quiet --require-hashes -r $<
	$(VENV)/bin/pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/bin/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Holdfast needs Python 3.11 or later: make PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)

# The tests want the real thing. Where we may install it, we do; else the tests say what is missing.
redis:
	@command -v redis-server >/dev/null || command -v valkey-server >/dev/null || { $(call install_package,redis-server); }

# The tests in a browser want one that nobody downloads in the middle of a run.
chromium:
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || \
		{ $(call install_package,chromium); }

# The configuration in docs/how-to/run-several-nodes.md is run by what it is for.
haproxy:
	@command -v haproxy >/dev/null || { $(call install_package,haproxy); }

# Prometheus itself judges the alert rules. Only its checker is taken out of the package: nothing is installed, and no
# Prometheus starts.
promtool: | $(VENV)/bin/pip
	@command -v promtool >/dev/null || test -x $(VENV)/bin/promtool || { $(take_promtool); }

# Clients are made of the OpenAPI document by what others make them with. Its Python packages stay apart from ours.
generators: $(VENV)/.installed-generators
	@command -v npm >/dev/null || { $(call install_package,npm); }
	@test tests/generators/node_modules/.package-lock.json -nt tests/generators/package-lock.json || npm ci --silent --prefix tests/generators

$(VENV)/.installed-generators: requirements/generators.txt | $(VENV)/bin/pip
	$(PYTHON) -m venv $(VENV)/generators
	$(VENV)/generators/bin/pip install --quiet --require-hashes -r requirements/generators.txt
	@touch $@

spin:
	@command -v spin >/dev/null || { $(call install_package,spin); }

define install_package
if command -v apt-get >/dev/null && { [ "$$(id -u)" = 0 ] || sudo -n true 2>/dev/null; }; then \
	as_root=$$([ "$$(id -u)" = 0 ] || echo sudo -n); \
	$$as_root apt-get update -qq && \
	$$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $(1); \
else \
	echo "There is no $(1) on the PATH: install it."; \
fi
endef

define take_promtool
if command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null; then \
	target=$$(pwd)/$(VENV)/bin; folder=$$(mktemp -d); trap 'rm -rf "$$folder"' EXIT; cd "$$folder"; \
	if [ "$$(id -u)" = 0 ] || sudo -n true 2>/dev/null; then $$([ "$$(id -u)" = 0 ] || echo sudo -n) apt-get update -qq; fi; \
	apt-get download -qq -o APT::Sandbox::User=$$(id -un) prometheus && \
	dpkg-deb -x prometheus_*.deb . && install usr/bin/promtool "$$target"; \
else \
	echo "There is no promtool on the PATH: install Prometheus."; \
fi
endef
