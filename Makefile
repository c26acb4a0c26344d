PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CLIENTS := .clients
# A module's tests share its fixtures, which take long: one process has them all.
PARALLEL := -n auto --dist loadscope

.DEFAULT_GOAL := help
.PHONY: help run test test-all test-quick test-min docs check audit clients serve compare claims site wheel bench soak defects exercised clean

help:  ## list all targets
	@sed -n 's/^\([a-z-]*\):.*  ## /\1\t/p' $(MAKEFILE_LIST) | expand -t 10

run: $(VENV)/.installed  ## run the harness against all mocks; writes report/index.html
	@$(BIN)/imageparity run $(OPTIONS) --html report/index.html --report report/report.jsonl

test: $(VENV)/.developing  ## run the tests
	$(BIN)/pytest $(PARALLEL)

test-all: $(VENV)/.developing  ## run the tests with all their parameters; takes twice as long
	ALL_CASES=1 FAULTY_SERVERS=all $(BIN)/pytest $(PARALLEL)

test-quick: $(VENV)/.developing  ## run the tests that take less than a minute together
	$(BIN)/pytest $(PARALLEL) -m "not slow and not browser and not clients and not redis"

test-min: $(VENV)/bin/python  ## run the tests with the oldest supported dependencies
	@$(PYTHON) -m venv --clear $(VENV)/min
	@sed -n '/^dependencies/,/^\[dependency-groups\]/s/^[^#]*"\([a-z0-9-]*\)>=\([0-9.]*\).*/\1==\2/p' \
	  pyproject.toml > $(VENV)/min/oldest.txt
	@$(VENV)/min/bin/pip install --quiet --disable-pip-version-check --upgrade "pip>=25.1"
	@$(VENV)/min/bin/pip install --quiet --editable ".[harness,redis,speedups,fleet]" --group dev \
	  --constraint $(VENV)/min/oldest.txt
	$(VENV)/min/bin/pytest -n auto tests/specs tests/mockserver tests/contracts

clients: $(CLIENTS)/node/.installed  ## install the clients of other makers that the tests use

check: $(VENV)/.developing  ## lint and type-check
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/mypy --platform win32

audit: $(VENV)/.developing  ## report known vulnerabilities of the dependencies
	$(BIN)/pip-audit --skip-editable --progress-spinner off --timeout 15

serve: $(VENV)/.installed  ## serve all mocks on port 8080
	@$(BIN)/imageparity serve

compare: $(VENV)/.installed  ## show where the documents differ
	@$(BIN)/imageparity compare

claims: $(VENV)/.installed  ## list each documented claim with source and test coverage
	@$(BIN)/imageparity claims

site: $(VENV)/.installed  ## make site/ and the README's table from the documents
	@$(BIN)/python -m contracts.site site README.md

docs: $(VENV)/.documenting  ## build the documentation into docs/build
	$(BIN)/python -m contracts.reference docs/pages/words.md
	$(BIN)/mkdocs build --quiet --config-file docs/mkdocs.yml

wheel: $(VENV)/.developing  ## build the wheel into dist/
	$(BIN)/python -m build

bench: $(VENV)/.developing  ## measure speed and size; writes tests/benchmarks/RESULTS.md
	$(BIN)/python tests/benchmarks/run.py

soak: $(VENV)/.developing  ## send requests for 30 minutes while memory must stay flat, then all hostile ones
	$(BIN)/python tests/benchmarks/soak.py
	SOAK=1 $(BIN)/pytest $(PARALLEL) tests/hostile

defects: $(VENV)/.developing  ## run the harness on every planted defect; writes tests/benchmarks/DEFECTS.md
	FAULTY_SERVERS=all $(BIN)/pytest $(PARALLEL) tests/faulty_servers
	$(BIN)/python tests/benchmarks/defects.py

exercised: $(VENV)/.developing  ## record in contracts/report which claims new planted defects turn red
	PYTHONPATH=tests $(BIN)/python -m faulty_servers.record

clean:  ## remove the environments and everything that was built
	rm -rf $(VENV) $(CLIENTS) dist report docs/build .pytest_cache .mypy_cache .ruff_cache

$(VENV)/bin/python:
	@echo "Making the environment in $(VENV) (once, about a minute) …"
	@$(PYTHON) -m venv $(VENV) || { \
	  echo "Python's venv is missing: apt-get install python3-venv" >&2; \
	  rm -rf $(VENV); exit 2; }

$(VENV)/.installed: $(VENV)/bin/python pyproject.toml
	@$(BIN)/pip install --quiet --disable-pip-version-check --editable ".[harness]"
	@touch $@

$(VENV)/.developing: $(VENV)/.installed pyproject.toml
	@$(BIN)/pip install --quiet --disable-pip-version-check --upgrade "pip>=25.1"
	@$(BIN)/pip install --quiet --editable ".[harness,redis,speedups,fleet]" --group dev
	@touch $@

$(VENV)/.documenting: $(VENV)/.developing pyproject.toml
	@$(BIN)/pip install --quiet --disable-pip-version-check --group docs
	@touch $@

# The tests of these clients are skipped where they are not installed. They use a part of
# the modules, which Python compiles then: to compile all takes half a minute.
$(CLIENTS)/python/.installed: tests/clients/requirements.txt tests/clients/older.txt
	@echo "Installing other makers' clients in $(CLIENTS) (once, some minutes) …"
	@$(PYTHON) -m venv --clear $(CLIENTS)/python
	@$(CLIENTS)/python/bin/pip install --quiet --disable-pip-version-check --no-compile \
	  --requirement $<
	@$(CLIENTS)/python/bin/pip install --quiet --disable-pip-version-check --no-compile --no-deps \
	  --target $(CLIENTS)/python/older --requirement tests/clients/older.txt
	@touch $@

# Scripts find their packages from the folder that they seem to be in: hence the link.
$(CLIENTS)/node/.installed: tests/clients/package-lock.json $(CLIENTS)/python/.installed
	@mkdir -p $(CLIENTS)/node
	@cp tests/clients/package.json tests/clients/package-lock.json $(CLIENTS)/node
	@ln -sfn ../../tests/clients/drivers $(CLIENTS)/node/drivers
	@cd $(CLIENTS)/node && PATH="$(CURDIR)/$(CLIENTS)/python/bin:$$PATH" \
	  npm ci --no-audit --no-fund --loglevel=error
	@touch $@
