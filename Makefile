# Two commands matter: `make demo` and `make test`. Each does its own set-up.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := /bin/bash

# The first Python that TensorFlow has wheels for.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null \
	&& echo $$p && break; done)
VENV := .venv
RUN := $(VENV)/bin/python
READY := $(VENV)/.ready-for-requirements-dev
# The policy pack's own: its library and TensorFlow want two versions of protobuf.
PACK := policy/.venv
PACK_READY := $(PACK)/.ready-for-requirements
# Half of all the time goes by here, on the real engine: one core runs these while the other does all the
# rest, with one file of the engine's and most of `make life`, so that both take about as long.
PULUMI_ENGINE := $(filter-out tests/engine/test_way_back.py,$(wildcard tests/engine/test_*.py)) \
	tests/attacks/test_canary.py tests/life/test_killed_updates.py tests/life/test_refused_updates.py
# These import TensorFlow, which takes seconds: `make unit` runs them only when T names them.
MODEL_ENGINES := tests/unit/workload/engines tests/unit/packing
# The fast tests of what a company runs beside the workload. Their branch coverage is measured, by area.
FAST := tests/graph tests/contract tests/unit/infra tests/unit/ops tests/unit/policy tests/unit/rehearsal \
	$(wildcard tests/cloud/test_ops_*.py)
AREAS := infra/attestation infra/components infra/config infra ops policy
SOURCES := __main__.py infra workload ops policy rehearsal model bench docs tests

ACTIONLINT := go run github.com/rhysd/actionlint/cmd/actionlint@v1.7.12

# Where this is set, every process of a test run would compile every module anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help
help: ## what there is
	@grep -hE '^[a-z-]+:.*## ' Makefile | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

$(READY): requirements-dev.txt
	@test -n "$(PYTHON)" || { echo "No Python 3.11, 3.12 or 3.13 found on PATH; TensorFlow has \
	wheels for no other. Install one, or name it: make PYTHON=/path/to/python3.12 demo"; exit 1; }
	@echo "Setting up $(VENV) with $(PYTHON) (once; a few minutes)"
	@$(PYTHON) -m venv $(VENV)
	@$(RUN) -m rehearsal.install_packages requirements-dev.txt
	@touch $@

$(PACK_READY): policy/requirements.txt $(READY)
	@$(RUN) -m venv $(PACK)
	@$(PACK)/bin/python -m pip install --disable-pip-version-check --quiet --require-hashes -r $<
	@touch $@

.PHONY: setup
setup: $(READY) $(PACK_READY) ## the virtual environments that everything below uses

.PHONY: company
company: ## what a company's own CI needs: the program, its commands, the policy pack
	@$(PYTHON) -m venv $(VENV)
	@for lock in requirements.txt requirements-ops.txt; do \
	$(RUN) -m pip install --disable-pip-version-check --quiet --require-hashes -r $$lock || exit 1; done
	@$(RUN) -m pip install --disable-pip-version-check --quiet --no-deps --no-build-isolation --editable .
	@$(PYTHON) -m venv $(PACK)
	@$(PACK)/bin/python -m pip install --disable-pip-version-check --quiet --require-hashes -r policy/requirements.txt

.PHONY: demo
demo: $(READY) ## the main job, end to end, on a local cloud
	@$(RUN) -m rehearsal demo $(ARGS)

.PHONY: fleet
fleet: $(READY) ## many machines on a local cloud, of which some die (ARGS='--kills 20')
	@$(RUN) -m rehearsal fleet $(ARGS)

.PHONY: cloud
cloud: $(READY) ## a local cloud to run ordinary `pulumi` commands against, by hand
	@$(RUN) -m rehearsal cloud $(ARGS)

.PHONY: preview
preview: $(READY) $(PACK_READY) ## what the working tree changes, reviewed on a local cloud (BASE=REV: since that commit)
	@$(RUN) -m rehearsal preview $(if $(filter command environment,$(firstword $(origin BASE))),--base $(BASE)) $(ARGS)

.PHONY: attack
attack: $(READY) ## every lie to the release policy, every guard removed, the fuzz (JSON=FILE: as data)
	@$(RUN) -m rehearsal.attacks $(JSON:%=--json %)

.PHONY: bench
bench: $(READY) ## every figure of docs/bench.md, on a quiet machine (half an hour; QUICK=1: a smoke run; SMALL=1: small pictures and peers only)
	@$(RUN) -m bench $(QUICK:%=--quick) $(SMALL:%=--small) $(ARGS)

.PHONY: models
models: $(READY) ## pack models of many architectures and formats: the table of docs/models.md (half an hour)
	@$(RUN) -m bench.models $(ARGS)

.PHONY: model
model: $(READY) ## train the demonstration model again (minutes; ARGS=--convert: only for LiteRT, from it)
	@$(RUN) -m model $(ARGS)

# What differs from this commit is what `make check` looks at.
BASE ?= HEAD
CHANGED = $(shell git diff --name-only --diff-filter=d $(BASE) -- '*.py'; git ls-files -o --exclude-standard '*.py')

.PHONY: check
check: $(READY) ## ruff on the changed files, types, import contracts, workflows: seconds (BASE=main: since main)
	@test -z "$(CHANGED)" || { $(RUN) -m ruff check $(CHANGED) && $(RUN) -m ruff format --check $(CHANGED); }
	@$(RUN) -m mypy
	@$(VENV)/bin/lint-imports --no-logo >/dev/null || $(VENV)/bin/lint-imports --no-logo
	@$(MAKE) --no-print-directory workflows

.PHONY: workflows
workflows: $(READY) ## zizmor, and actionlint with shellcheck, on .github/workflows
	@$(VENV)/bin/zizmor --offline --quiet --no-progress --persona=auditor .github/workflows
	@if $(ACTIONLINT) -version >/dev/null 2>&1; then $(ACTIONLINT) -shellcheck=$(VENV)/bin/shellcheck; \
	else echo "NOT RUN: actionlint. It needs Go, and the Internet once."; fi

.PHONY: life
life: $(READY) ## the second day on the real engine: rollouts, stops, failures, drift, teardown
	@$(RUN) -m pytest -q tests/life $(ARGS)

.PHONY: unit
unit: $(READY) ## the unit tests of one area, without engine or TensorFlow: make unit T=infra
	@$(RUN) -m pytest -q $(if $(T),tests/unit/$(T),tests/unit) $(if $(filter workload/engines packing,$(T)),,$(MODEL_ENGINES:%=--ignore=%)) $(ARGS)

.PHONY: coverage
coverage: $(READY) ## the fast tests of infra, ops and policy, and the branch coverage they reach, by area
	@$(RUN) -m coverage run -m pytest $(FAST)
	@$(RUN) -m coverage report --fail-under=0 --skip-covered
	@for area in $(AREAS); do printf '%-20s ' $$area; $(RUN) -m coverage report --format=total \
	--include="$$area/*.py" || { echo "the coverage of $$area is too low, see above"; exit 1; }; done

.PHONY: lint
lint: $(READY) ## ruff, mypy, import-linter, workflows
	@$(RUN) -m ruff check $(SOURCES)
	@$(RUN) -m ruff format --check $(SOURCES)
	@$(RUN) -m mypy
	@$(VENV)/bin/lint-imports
	@$(MAKE) --no-print-directory workflows

.PHONY: docs
docs: $(READY) ## the documentation as pages that a browser opens, without a server
	@$(RUN) -m sphinx -W --keep-going -n -q -b html docs docs/_build/html
	@echo "$(CURDIR)/docs/_build/html/index.html"

.PHONY: screenshot
screenshot: $(READY) ## draw docs/images/report.png from the report that `make demo` left (needs Chromium)
	@$(RUN) -m rehearsal.report_screenshot

# The first line of a drawing names its source by hash, so that a test needs no Graphviz to see that
# they belong together.
.PHONY: diagrams
diagrams: ## draw docs/diagrams/*.svg again, after a change of their sources (needs Graphviz)
	@for source in docs/diagrams/*.dot; do \
	drawn=$$(dot -Tsvg "$$source") || exit 1; \
	{ printf '<!-- drawn by `make diagrams` from %s, SHA-256 %s -->\n' "$$(basename "$$source")" \
	"$$(sha256sum <"$$source" | cut -d ' ' -f 1)"; sed -n '/^<svg/,$$p' <<<"$$drawn"; } >"$${source%.dot}.svg"; done

.PHONY: cli
cli: $(READY) ## get the Pulumi CLI (PATH, official download, or built from Go modules)
	@$(RUN) -m rehearsal.pulumi_cli

.PHONY: test
test: $(READY) $(PACK_READY) ## every check; what .ci/run calls
	@$(RUN) -m rehearsal.pulumi_cli || echo "Going on without a Pulumi CLI: the engine tests will not run."
	@$(RUN) -m tests.cloud.pstest || echo "Going on without it: the tests against it will not run."
	@$(MAKE) --no-print-directory lint; linted=$$?; \
	output=$$(mktemp); $(RUN) -m pytest $(PULUMI_ENGINE) >$$output 2>&1 & pid=$$!; \
	$(MAKE) --no-print-directory coverage; fast=$$?; \
	$(RUN) -m pytest tests $(PULUMI_ENGINE:%=--ignore=%) $(FAST:%=--ignore=%) $(ARGS); rest=$$?; \
	wait $$pid; engine=$$?; cat $$output; rm $$output; \
	if [ $$engine -eq 5 ]; then engine=0; fi; exit $$((linted | fast | rest | engine)) # 5: no engine, as it says

.PHONY: lock
lock: $(READY) ## resolve the seven lock files from pyproject.toml
	@lock="$(RUN) -m uv pip compile --quiet --generate-hashes --custom-compile-command make\ lock"; \
	eval "$$lock --universal --python-version 3.11 --group pulumi -o requirements.txt" && \
	eval "$$lock --universal --python-version 3.11 --group dev -o requirements-dev.txt" && \
	eval "$$lock --universal --python-version 3.11 --group ops -c requirements.txt -c requirements-dev.txt -o requirements-ops.txt" && \
	eval "$$lock --universal --python-version 3.11 --group pack -c requirements.txt -c requirements-dev.txt -o requirements-pack.txt" && \
	eval "$$lock --universal --python-version 3.11 --group policy -o policy/requirements.txt" && \
	lock="$$lock --python-version 3.13 --python-platform x86_64-manylinux_2_28"; \
	eval "$$lock --group workload -o workload/requirements.txt" && \
	eval "$$lock --group workload-litert -c workload/requirements.txt -o workload/requirements-litert.txt"

.PHONY: clean
clean: ## remove the virtual environment and caches
	@rm -rf $(VENV) $(PACK) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis docs/_build
