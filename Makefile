# `make` alone says what there is. All that a target needs is installed into .venv first, from hash-pinned locks.
SHELL := /bin/sh
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
VENV := .venv
BIN := $(VENV)/bin
# The tools of security-check have a place of their own: what they depend on is none of ours.
SECURITY := $(VENV)/security

# Where things are; override on the command line: make demo PORT=9000
PORT ?= 8080
DATA ?= .demo
TRAFFIC ?= 30
HUB ?= http://127.0.0.1:$(PORT)
# Further arguments: make tests-unit ARGS='-k outbox -x', make admin ARGS='login admin --password-stdin'
ARGS ?=

PYTHON ?= $(shell for name in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { command -v $$name; break; }; done)
UV := $(or $(shell command -v uv 2>/dev/null),$(BIN)/uv)
UV_INSTALL := UV_PYTHON_DOWNLOADS=never $(UV) pip install --quiet --python $(BIN)/python
LOCKS := .locks/uv.txt .locks/dev.txt
# The stamp is named after the locks' content: an unchanged lock installs nothing, whatever a file's date says.
STAMP := $(VENV)/.installed-$(shell cat $(LOCKS) | cksum | cut -d ' ' -f 1)

# What a recipe's end prints, so that the next reader knows what to expect.
TIMED = started=$$(date +%s); status=0; $(1) || status=$$?; \
	echo "$(2): $$(( $$(date +%s) - started )) s"; exit $$status

.PHONY: help setup dev demo kiosk admin test tests-unit tests-integration tests-e2e bench test-faults format lint security-check lock

help: ## Say what there is
	@awk 'BEGIN { FS = ":.*## " } /^[a-z0-9-]+:.*## / { printf "make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(STAMP) ## Fill .venv with what the locks name
	@$(if $(filter setup,$(MAKECMDGOALS)),echo "setup: $(VENV) is as .locks/dev.txt says")

$(STAMP): $(LOCKS)
	@test -n "$(PYTHON)" || { echo "setup: needs Python 3.11 or newer; set PYTHON=/path/to/python3" >&2; exit 1; }
	@echo "setup: $$($(PYTHON) --version), packages from .locks/dev.txt into $(VENV)"
	@test -x $(BIN)/python || { if test -x "$(UV)"; then $(UV) venv --quiet --python "$(PYTHON)" $(VENV); \
		else "$(PYTHON)" -m venv $(VENV); fi; }
	@test -x "$(UV)" || { echo "setup: no uv on this machine; putting one into $(VENV)"; \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes \
		-r .locks/uv.txt; }
	@$(UV_INSTALL) --no-deps --require-hashes -r .locks/dev.txt
	@$(UV_INSTALL) --no-deps --no-build-isolation --editable .
	@rm -f $(VENV)/.installed-*
	@touch $@

dev: setup ## The hub, PostgreSQL and Valkey on this machine, without simulated kiosks; logs on the screen
	@$(BIN)/attendance-hub demo --headless --port $(PORT) --data $(DATA) --traffic 0 $(ARGS)

demo: setup ## The whole system with a moving board; on a terminal also a kiosk. Ctrl-C ends it
	@$(BIN)/attendance-hub demo --port $(PORT) --data $(DATA) --traffic $(TRAFFIC) $(ARGS)

kiosk: setup ## One more kiosk, on the running demo's first spare device
	@$(BIN)/attendance-kiosk --hub $(HUB) --data $(DATA)/spare-kiosk --demo $(DATA)/demo.json --device \
		"$$($(BIN)/python -c 'import json, sys; \
		print(next(d["device_id"] for d in json.load(open(sys.argv[1]))["devices"] if d["spare"]))' \
		$(DATA)/demo.json)" $(ARGS)

admin: setup ## The administrators' command line: make admin ARGS='hub status'
	@$(BIN)/attendance-admin --hub $(HUB) $(ARGS)

test: setup ## Every test: real PostgreSQL, Valkey, browser and terminal; no service needed
	@browser=$$($(BIN)/python -m tests.browser.find) || exit 1; echo "test: all tests, in the browser $$browser"; \
	export ATTENDANCE_BROWSER="$$browser"; $(call TIMED,$(BIN)/python -m tests $(ARGS),test)

tests-unit: setup ## Tests without any service
	@$(call TIMED,$(BIN)/pytest -m "not integration and not e2e" $(ARGS),tests-unit)

tests-integration: setup ## Tests of single parts on real PostgreSQL, Valkey, sockets and processes
	@$(call TIMED,$(BIN)/pytest -m integration $(ARGS),tests-integration)

tests-e2e: setup ## Tests of the whole: demo, hubs, browser, terminal, faults
	@browser=$$($(BIN)/python -m tests.browser.find) || exit 1; \
	export ATTENDANCE_BROWSER="$$browser"; $(call TIMED,$(BIN)/pytest -m e2e $(ARGS),tests-e2e)

bench: setup ## How fast it is, beside what else one would pick; writes README.md (ARGS='--parts fan-out --rounds 1')
	@$(UV_INSTALL) --no-deps --require-hashes -r .locks/bench.txt
	@$(call TIMED,$(BIN)/python -m tests.benchmarks $(ARGS),bench)

test-faults: setup ## The fault campaign: 50,000 punches amid kills, cuts and worse; SEED=… repeats a schedule
	@$(call TIMED,$(BIN)/python -m tests.faults.campaign $(if $(SEED),--seed $(SEED)) $(ARGS),test-faults)

format: setup ## Bring the code into its one form
	@$(BIN)/ruff check --quiet --fix-only . && $(BIN)/ruff format .

lint: setup ## Form, lint rules, types and import contracts
	@$(call TIMED,{ $(BIN)/ruff format --check . && $(BIN)/ruff check . && $(BIN)/mypy \
		&& $(BIN)/lint-imports --no-logo; },lint)

security-check: setup ## Security linters, dependency audit, secret scan of tree and history (OFFLINE=1: no audit)
	@test -x $(SECURITY)/bin/python || $(UV) venv --quiet --python $(BIN)/python $(SECURITY)
	@UV_PYTHON_DOWNLOADS=never $(UV) pip install --quiet --python $(SECURITY)/bin/python --no-build --no-deps \
		--require-hashes -r .locks/security.txt
	@cp $(BIN)/ruff $(SECURITY)/bin/ruff
	@export OFFLINE="$(OFFLINE)"; $(call TIMED,$(SECURITY)/bin/python -m tests.security,security-check)

lock: setup ## Resolve the locks anew from pyproject.toml
	@for use in server kiosk dev bench security; do UV_PYTHON_DOWNLOADS=never $(UV) pip compile --quiet --universal \
		--generate-hashes --no-emit-index-url --python-version 3.11 --extra $$use pyproject.toml \
		-o .locks/$$use.txt || exit 1; done; echo "lock: .locks/server.txt, .locks/kiosk.txt, .locks/dev.txt, .locks/bench.txt, .locks/security.txt"
