PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CLIENTS := .clients

.DEFAULT_GOAL := help
.PHONY: help run test test-min check audit clients serve compare claims site wheel bench soak defects clean

help:  ## this list
	@sed -n 's/^\([a-z-]*\):.*  ## /\1\t/p' $(MAKEFILE_LIST) | expand -t 10

run: $(VENV)/.installed  ## ask all five mocks everything; report/index.html is the result
	@$(BIN)/imageparity run --html report/index.html --report report/report.jsonl

test: $(VENV)/.developing  ## run the tests
	$(BIN)/pytest -n auto

test-min: $(VENV)/bin/python  ## run the tests with the oldest dependencies that are allowed
	@$(PYTHON) -m venv --clear $(VENV)/min
	@sed -n -e '/^dependencies/,/^]/s/^ *"\([a-z0-9-]*\)>=\([0-9.]*\).*/\1==\2/p' \
	  -e 's/^[a-z]* = \["\([a-z]*\)>=\([0-9.]*\)"\]$$/\1==\2/p' \
	  pyproject.toml > $(VENV)/min/oldest.txt
	@$(VENV)/min/bin/pip install --quiet --disable-pip-version-check --upgrade "pip>=25.1"
	@$(VENV)/min/bin/pip install --quiet --editable ".[redis,speedups]" --group dev \
	  --constraint $(VENV)/min/oldest.txt
	$(VENV)/min/bin/pytest -n auto tests/specs tests/mockserver tests/contracts

clients: $(CLIENTS)/node/.installed  ## install other makers' clients, for the tests

check: $(VENV)/.developing  ## lint and type-check
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

audit: $(VENV)/.developing  ## report what is known against the dependencies
	$(BIN)/pip-audit --skip-editable --progress-spinner off --timeout 15

serve: $(VENV)/.installed  ## serve all five mocks on port 8080
	@$(BIN)/imageparity serve

compare: $(VENV)/.installed  ## show where the documents differ
	@$(BIN)/imageparity compare

claims: $(VENV)/.installed  ## list each claim, its source, and whether it is asked
	@$(BIN)/imageparity claims

site: $(VENV)/.installed  ## publish the differences: site/, and the README's table
	@$(BIN)/python -m contracts.site site README.md

wheel: $(VENV)/.developing  ## build the wheel into dist/
	$(BIN)/python -m build

bench: $(VENV)/.developing  ## measure speed and size; tests/benchmarks/RESULTS.md is the result
	$(BIN)/python tests/benchmarks/run.py

soak: $(VENV)/.developing  ## 200,000 requests, memory has to stay flat; then all hostile ones
	$(BIN)/python tests/benchmarks/soak.py
	SOAK=1 $(BIN)/pytest -n auto tests/hostile

defects: $(VENV)/.developing  ## ask every planted defect; tests/benchmarks/DEFECTS.md is the result
	FAULTY_SERVERS=all $(BIN)/pytest -n auto tests/faulty_servers
	$(BIN)/python tests/benchmarks/defects.py

clean:  ## remove the environment and what was built
	rm -rf $(VENV) $(CLIENTS) dist report .pytest_cache .mypy_cache .ruff_cache

$(VENV)/bin/python:
	@echo "Making the environment in $(VENV) (once, about a minute) …"
	@$(PYTHON) -m venv $(VENV) || { \
	  echo "Python's venv is missing: apt-get install python3-venv" >&2; \
	  rm -rf $(VENV); exit 2; }

$(VENV)/.installed: $(VENV)/bin/python pyproject.toml
	@$(BIN)/pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/.developing: $(VENV)/.installed pyproject.toml
	@$(BIN)/pip install --quiet --disable-pip-version-check --upgrade "pip>=25.1"
	@$(BIN)/pip install --quiet --editable ".[redis,speedups]" --group dev
	@touch $@

# The tests of these clients are skipped where they are not installed.
$(CLIENTS)/python/.installed: tests/clients/requirements.txt
	@echo "Installing other makers' clients in $(CLIENTS) (once, some minutes) …"
	@$(PYTHON) -m venv --clear $(CLIENTS)/python
	@$(CLIENTS)/python/bin/pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@

# Scripts find their packages from the folder that they seem to be in: hence the link.
$(CLIENTS)/node/.installed: tests/clients/package-lock.json $(CLIENTS)/python/.installed
	@mkdir -p $(CLIENTS)/node
	@cp tests/clients/package.json tests/clients/package-lock.json $(CLIENTS)/node
	@ln -sfn ../../tests/clients/drivers $(CLIENTS)/node/drivers
	@cd $(CLIENTS)/node && PATH="$(CURDIR)/$(CLIENTS)/python/bin:$$PATH" \
	  npm ci --no-audit --no-fund --loglevel=error
	@touch $@
