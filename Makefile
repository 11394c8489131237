# One list of commands: hooks, CI and the README call these.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
ARGS ?=
PACKAGES := lifecycle lifecycle/flows lifecycle/gating lifecycle/judging training registry payloads payloads/etl reports reports/cards reports/drift reports/gates reports/impact reports/live reports/profiles reports/rollout reports/shift service service/backtesting service/cli service/durable service/http service/http/templates service/monitoring service/rollouts service/serving service/migrations service/migrations/versions
WORKERS ?= 2

export DO_NOT_TRACK = 1
export MLFLOW_DISABLE_TELEMETRY = true

.PHONY: help install demo test unit lint format types imports rules peers bench soak lock clean

help:  ## This list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

install: $(VENV)/.linked  ## The pinned dependencies and driftgate itself, into .venv

$(VENV)/.locked: requirements.txt
	$(PYTHON) -c 'import sys; sys.exit("Driftgate needs Python 3.11 or newer: make install PYTHON=python3.11" if sys.version_info < (3, 11) else 0)'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing pinned dependencies (a few minutes the first time)"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.txt
	@touch $@

# A strict editable install links each file by name, so a new file needs a new link: folders are prerequisites.
$(VENV)/.linked: $(VENV)/.locked pyproject.toml $(PACKAGES)
	rm -rf build
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --config-settings editable_mode=strict --editable .
	@touch $@

demo: install  ## The whole story on generated data (ARGS=--exit ends it afterwards)
	$(BIN)/driftgate demo $(ARGS)

test: install  ## Every test
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

unit: install  ## The fast tests only
	$(BIN)/python -m pytest tests/unit $(ARGS)

lint: install  ## Style, dead imports, formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: install  ## Rewrites what the formatter would
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: install  ## mypy --strict
	$(BIN)/mypy -p driftgate.lifecycle -p driftgate.training -p driftgate.registry -p driftgate.payloads -p driftgate.reports -p driftgate.service

imports: install  ## The layers hold
	$(BIN)/lint-imports

rules:  ## The alarms for Prometheus come when they should (needs promtool: Debian package prometheus)
	promtool check config --syntax-only deploy/prometheus/prometheus.yml
	promtool check rules deploy/prometheus/rules.yml
	promtool test rules deploy/prometheus/rules_test.yml

# The same versions of what a pickled model needs, so that the peers load the very model that Driftgate fitted.
PEER_PINS := cloudpickle|fastapi|httptools|numpy|pandas|pydantic|scikit-learn|scipy|starlette|uvicorn|uvloop|xgboost

peers: .venv-peers/.locked .venv-nannyml/.locked  ## What the benchmarks compare with, into .venv-peers and .venv-nannyml

.venv-%/.locked: benchmarks/%-requirements.txt
	test -x .venv-$*/bin/python || $(PYTHON) -m venv .venv-$*
	.venv-$*/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r benchmarks/$*-requirements.txt
	@touch $@

bench: install peers  ## Every benchmark; each prints its ratios and one JSON line
	$(BIN)/python -m benchmarks.startup
	$(BIN)/python -m benchmarks.simulation
	$(BIN)/python -m benchmarks.serving
	$(BIN)/python -m benchmarks.etl
	$(BIN)/python -m benchmarks.drift
	$(BIN)/python -m benchmarks.alarms
	$(BIN)/python -m benchmarks.decisions
	$(BIN)/python -m benchmarks.replay
	$(BIN)/python -m benchmarks.year

soak: install  ## Heavy fault and fuzz runs, at full counts
	DRIFTGATE_SOAK=1 $(BIN)/python -m pytest --timeout 3600 -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

lock: install  ## Pins every dependency anew, with hashes
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --group dev pyproject.toml --output-file requirements.txt
	grep -E '^($(PEER_PINS))==' requirements.txt | sed 's/ \\$$//' | $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --group peers --constraints - --output-file benchmarks/peers-requirements.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --group nannyml --output-file benchmarks/nannyml-requirements.txt

clean:  ## Everything that can be made again
	rm -rf build dist $(VENV) .venv-nannyml .venv-peers .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
