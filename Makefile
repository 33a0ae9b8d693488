# All tasks of this repository; `make` without a target lists them.
# Another Python: `make test PYTHON=python3.12`.

PYTHON ?= python3
# Many tests wait: one worker more than there are processors.
WORKERS ?= $(shell expr $$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2) + 1)
SEED ?= 1
SECONDS ?= 20
MUTANTS ?= 150
VENV ?= .venv
BIN := $(VENV)/bin
INSTALL := .ci/install $(BIN)
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo test test-all test-unit test-ray coverage lint format faults fuzz attack mutants soak interop test-lowest audit record notebooks bench docs wheel clean

help:  ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/demo.stamp  ## Set up, and run an agent that illustrates a story (demo_output/index.html)
	$(BIN)/python cookbook/illustrated_story.py

test: $(VENV)/test.stamp  ## Set up, run all unit tests and the essential integration tests
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal --essential

test-all: $(VENV)/test.stamp  ## Run every test, and the attacks, as CI does
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal
	$(MAKE) attack SECONDS=4 GROUP='client parser sandbox mcp'  # complexity is among the tests

test-unit: $(VENV)/test.stamp  ## Set up and run the unit tests, which need no network
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal tests/unit_tests sandbox/tests/unit_tests

test-ray: $(VENV)/test.stamp  ## Test datasets on a cluster of two machines, one of which is lost
	RAY_TESTS=1 $(BIN)/python -m pytest tests/integration_tests/test_ray_data.py

coverage: $(VENV)/test.stamp  ## Run every test, and measure the coverage
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal --cov --cov-report=term

lint: $(VENV)/test.stamp  ## Check style, format and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/test.stamp  ## Fix style and format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

faults: $(VENV)/test.stamp  ## Run the fault matrix: every endpoint and chat model under every fault
	PYTHONPATH=tests $(BIN)/python -W error tests/integration_tests/robustness/fault_matrix.py
	$(BIN)/python -m tests.hostile_corpus

fuzz: $(VENV)/test.stamp  ## Send the sandbox a million broken requests, or as many as ten minutes take
	PYTHONPATH=tests $(BIN)/python -m fuzzing

attack: $(VENV)/test.stamp  ## Attack client, parser, sandbox and MCP for SECONDS=20 each
	PYTHONPATH=tests $(BIN)/python -W error -m attack --seconds $(SECONDS) $(GROUP)

mutants: $(VENV)/mutants.stamp  ## Make small changes to the code; show those that no test notices (SEED=2 MUTANTS=50)
	$(BIN)/python -m tests.mutants --seed $(SEED) --mutants $(MUTANTS)

soak: $(VENV)/test.stamp  ## Look for leaks: an hour's worth of agent traffic with faults, in a few minutes
	$(BIN)/python -m benchmarks.soak

interop: $(VENV)/interop.stamp  ## Run CrewAI, AutoGen, ADK and other clients against a sandbox
	$(BIN)/python -m tests.interop

test-lowest: $(VENV)/lowest.stamp  ## Run the unit tests with the oldest dependencies that are allowed
	$(VENV)/lowest/bin/python -m pytest -q $(addprefix tests/unit_tests/, \
		client tools chat_models media document_loaders test_recorded_standard.py) \
		sandbox/tests/unit_tests

audit: $(VENV)/test.stamp  ## Look for known vulnerabilities in the installed packages
	.ci/audit

record: $(VENV)/test.stamp  ## Record the cassettes again, or one: make record NAME=sd
	PYTHONPATH=tests $(BIN)/python -m recording $(NAME)
ifndef NAME
	$(BIN)/python -m pytest -rs --record-mode=rewrite --force-enable-socket --timeout=600 \
		tests/unit_tests/test_recorded_standard.py
endif

notebooks: $(VENV)/test.stamp  ## Run the cookbook's notebooks and save their outputs
	$(BIN)/python cookbook/run_notebooks.py

bench: $(VENV)/bench.stamp  ## Compare speed and memory with other clients (benchmarks/results.json, .svg)
	$(BIN)/python -m benchmarks --write benchmarks

docs: $(VENV)/docs.stamp  ## Build the documentation site into site/, and check its links
	$(BIN)/python docs/write_pages.py
	$(BIN)/python docs/write_pages.py build/docs
	$(BIN)/zensical build --strict --clean --config-file mkdocs.yml
	$(BIN)/python docs/check_site.py site

wheel: $(VENV)/test.stamp  ## Build the wheel, and test it in a fresh environment without the sources
	PYTHON=$(BIN)/python .ci/try-wheel

clean:  ## Remove everything that these targets made
	rm -rf $(VENV) dist build site demo_output visioncraft-media .coverage .coverage.* \
		.mypy_cache .ruff_cache .pytest_cache .hypothesis

# The stamps stand for what is installed; a changed pyproject.toml installs again.
$(VENV)/python.stamp:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed: make PYTHON=python3.12 ..."; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade \
		'pip>=25.1' 'uv>=0.8,<1'
	@touch $@

$(VENV)/demo.stamp: pyproject.toml sandbox/pyproject.toml $(VENV)/python.stamp
	@echo "Setting up (about a minute, once) ..."
	$(INSTALL) --editable '.[sandbox]' --editable sandbox --group demo
	$(BIN)/visioncraft setup
	@touch $@

$(VENV)/test.stamp: pyproject.toml $(VENV)/demo.stamp
	$(INSTALL) --editable '.[sandbox,remote,media,cli,mcp,ray]' --editable sandbox \
		--group demo --group test --group mcp-client --group deep-agents --group lint
	@touch $@

$(VENV)/bench.stamp: pyproject.toml $(VENV)/python.stamp
	$(INSTALL) --editable '.[media,cli,fast]' --group bench
	@touch $@

$(VENV)/docs.stamp: pyproject.toml $(VENV)/python.stamp
	$(INSTALL) --editable . --group docs
	@touch $@

$(VENV)/lowest.stamp: pyproject.toml $(VENV)/python.stamp
	$(BIN)/uv venv --quiet --seed --clear --python $(BIN)/python $(VENV)/lowest
	$(BIN)/uv pip install --quiet --python $(VENV)/lowest --resolution lowest-direct \
		--editable '.[sandbox,remote,media]' --editable sandbox --group test
	$(VENV)/lowest/bin/visioncraft setup
	@touch $@

# Without npm, two of the clients are left out.
$(VENV)/interop.stamp: pyproject.toml $(VENV)/test.stamp
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(VENV)/interop
	$(BIN)/uv pip install --quiet --python $(VENV)/interop --editable . --group interop
	! command -v npm > /dev/null || npm install --silent --ignore-scripts --no-audit --no-fund \
		--prefix $(VENV)/interop/node ai@7 @ai-sdk/mcp@2 @ai-sdk/openai-compatible@3 \
		@modelcontextprotocol/inspector@2
	@touch $@

$(VENV)/mutants.stamp: pyproject.toml $(VENV)/test.stamp
	$(INSTALL) --group mutants
	@touch $@

$(VENV)/audit.stamp: pyproject.toml $(VENV)/python.stamp
	$(INSTALL) --group audit
	@touch $@
