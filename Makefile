# Everything happens in .venv, which `make setup` builds from the exact versions in deploy/constraints.txt.
.DEFAULT_GOAL := help
.PHONY: help setup demo up down status clean-stack test test-minio lint fmt bench bench-services chaos bench-fidelity denoisers.txt fidelity.txt judging.txt guards.txt train schemas metrics dashboards dashboard-pictures clean

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
S3 ?= versitygw
# The stack needs no package, so no setup.
STACK = $(or $(wildcard $(BIN)/python),$(PYTHON)) -m deploy.local
MINIO := 127.0.0.1:29001

help:  ## Show what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | column -t -s "$$(printf '\t')"

setup: $(READY)  ## Build .venv (two to three minutes at first; 6 GB with torch)

$(READY): pyproject.toml deploy/constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "semstream needs Python 3.11 or newer: install it, or run make PYTHON=/path/to/python3.11 setup"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || \
	  { echo "python3 cannot make a virtual environment: on Debian and Ubuntu, apt-get install python3-venv"; exit 1; }
	@echo "installing into $(VENV) (torch is large: two to three minutes at first, and nothing is printed meanwhile)"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c deploy/constraints.txt -e '.[bm3d,dev,tracing]'
	@touch $@

demo: $(READY)  ## Simulated instrument, embedded pipeline, report in out/report.html
	$(BIN)/semstream demo --out out

up:  ## Start Kafka, S3, Redis and PostgreSQL on this machine, in .stack, and Prometheus where it is installed (S3=minio: MinIO as the S3 server)
	@$(STACK) up --s3 $(S3)

down:  ## Stop them; their data stays
	@$(STACK) down

status:  ## Show which of them run
	@$(STACK) status

clean-stack:  ## Stop them and remove their data; the programs fetched for them stay
	@$(STACK) down --wipe

test: $(READY)  ## Run every test; those that need services skip unless `make up` started them
	$(BIN)/pytest

test-minio: $(READY)  ## Run the contract of object stores on MinIO as well (built once: three minutes and more)
	@$(STACK) up --only minio
	@trap '$(STACK) down --only minio' EXIT; \
	  SEMSTREAM_TEST_MINIO=http://$(MINIO) $(BIN)/pytest tests/contract/test_object_store.py

lint: $(READY)  ## ruff, mypy strict, import-linter
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

fmt: $(READY)  ## Format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

SHORT = $(BIN)/semstream bench
bench: $(READY)  ## Efficiency against a bare loop and, after `make up`, short runs of the rest, which rewrite a section of docs/benchmarks.md
	$(SHORT) efficiency
	@if [ -z "$$SEMSTREAM_SETTINGS" ] && [ ! -f .stack/settings.toml ]; then \
	  echo "no services, so latency, users, throughput, utilisation, io and replay are left out: make up, then make bench"; \
	else $(MAKE) --no-print-directory bench-services; fi

bench-services: $(READY)
	$(SHORT) latency --images 100 --out out/bench
	$(SHORT) users --clients 1,8,32 --seconds 5 --out out/bench
	$(SHORT) throughput --processes 1,2 --images 24 --out out/bench
	$(SHORT) utilisation --images 24 --out out/bench
	$(SHORT) io --images 12 --rounds 1 --out out/bench
	$(SHORT) replay --references 2000 --out out/bench
	$(BIN)/python -m streams.bench.page docs/benchmarks.md out/bench

chaos: $(READY)  ## 20 runs of 1,000 images while everything goes wrong; goes on where it was left (SEEDS=20 IMAGES=1000)
	$(BIN)/semstream bench chaos --seeds $(or $(SEEDS),20) --images $(or $(IMAGES),1000) --out .stack/chaos.jsonl

REAL = --pairs $(PAIRS) --fields 29-35
bench-fidelity: $(READY)  ## Restorations, half an hour on two cores; rewrites a section of docs/benchmarks.md; PAIRS=folder of KIND/noisy_NNN.tif, KIND/clean_NNN.tif
	mkdir -p out/bench
	$(MAKE) --no-print-directory denoisers.txt
	$(MAKE) --no-print-directory judging.txt
	$(MAKE) --no-print-directory -j2 fidelity.txt guards.txt
	$(BIN)/semstream bench gallery out/bench/img --pairs $(PAIRS)
	$(BIN)/python -m streams.bench.faithful_page docs/benchmarks.md out/bench

denoisers.txt: GIVEN = $(REAL)
fidelity.txt: GIVEN = $(REAL) --simulated 144 --criteria
judging.txt: GIVEN = --pairs $(PAIRS) --fields 29-31 --simulated 36
guards.txt: GIVEN = $(REAL)
# Denoisers and judging are timed, so they run alone. Where one fails the page is not written.
denoisers.txt fidelity.txt judging.txt guards.txt:
	$(BIN)/semstream bench $(basename $@) $(GIVEN) --json > out/bench/$@ || { tail -n 3 out/bench/$@; exit 1; }
	cat out/bench/$@

train: $(READY)  ## Go on training the shipped network for nine minutes
	$(BIN)/semstream train stages/training/unet.toml --minutes 9

schemas: $(READY)  ## Write schemas/json from the models
	$(BIN)/python -m schemas.json_schema schemas/json

metrics: $(READY)  ## Write docs/metrics.md from the list of metrics
	$(BIN)/python -m streams.telemetry.page docs/metrics.md

dashboard-pictures: $(READY)  ## Draw docs/img/dashboard-*.svg from a run of two minutes that a Prometheus watches
	$(BIN)/python -m tests.grafana.paint docs/img

dashboards: $(READY)  ## Write grafana/dashboards from the code beside it
	$(BIN)/python -m grafana.write grafana/dashboards

clean:  ## Remove .venv, results and caches
	rm -rf $(VENV) out .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
