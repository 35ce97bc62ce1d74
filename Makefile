# Every command a person needs. `make help` lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help

CACHE ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/landfall
export LANDFALL_VENV ?= $(CACHE)/venv
export PATH := $(LANDFALL_VENV)/bin:$(CACHE)/tools/bin:$(PATH)
# In CI every checkout shares one build folder outside of it; elsewhere it is cargo's own choice.
ifeq ($(CI),true)
export CARGO_TARGET_DIR ?= $(CACHE)/target
endif
PYTHON := $(LANDFALL_VENV)/bin/python
# Says what goes on, and how long it still takes by the last time it ran.
STEP := python3 local/step.py

.PHONY: help
help: ## List the commands.
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: setup
setup: ## Install what the other commands need, into the cache folder.
	@python3 local/setup.py

.PHONY: build
build: setup ## Build the command and the functions for this machine.
	@$(STEP) build -- cargo build --locked --workspace --bins

.PHONY: demo
demo: build ## Deploy a real environment and a service on the local AWS, end to end.
	@$(PYTHON) examples/demo/run.py

.PHONY: test
test: test-rust test-system ## Set up, then run every test.
	@$(PYTHON) tests/closing.py

.PHONY: test-rust
test-rust: setup
	@$(PYTHON) tests/closing.py --begin
	@$(STEP) test-build -- cargo test --locked --workspace --no-run
	@$(STEP) test-rust -- $(PYTHON) tests/crates.py

.PHONY: test-system
test-system: build
	@$(STEP) test-system -- $(PYTHON) -m pytest tests -n 2 --dist loadfile --no-loadscope-reorder

.PHONY: test-faults
test-faults: build ## Break every AWS call of every module and of the demo, in every way; takes hours. LANDFALL_FAULTS_SECONDS=600 bounds it.
	@LANDFALL_CONFORMANCE_SECONDS=$${LANDFALL_FAULTS_SECONDS:-3600} cargo test --locked --workspace --test conformance
	@LANDFALL_FAULTS=all $(PYTHON) -m pytest tests/test_faults.py

.PHONY: soak
soak: build ## Edit layers at random under random faults for ten minutes; SOAK_SECONDS and SOAK_SEED set how long, which.
	@$(PYTHON) tests/soak.py

.PHONY: lint
lint: setup ## Check format, lints, licences, the template and the state machines.
	@$(STEP) format -- cargo fmt --all --check
	@$(STEP) clippy -- cargo clippy --locked --workspace --all-targets --quiet -- -D warnings
	@python3 local/setup.py --lint
	@$(STEP) deny -- cargo deny --log-level error check bans licenses sources
	@$(STEP) template -- cargo run --locked --quiet --package landfall-bootstrap --bin landfall-template -- --check
	@$(STEP) cfn-lint -- cfn-lint bootstrap/template.yaml
	@$(STEP) statelint -- $(PYTHON) tests/statelint.py

.PHONY: template
template: ## Write bootstrap/template.yaml anew from the functions and their policies.
	@cargo run --quiet --package landfall-bootstrap --bin landfall-template

.PHONY: bench
bench: build ## Measure the budgets and print them beside their limits.
	@$(STEP) bench-pure -- cargo bench --locked --workspace
	@$(PYTHON) tests/bench.py

.PHONY: format
format: ## Format the code.
	@cargo fmt --all

.PHONY: clean
clean: ## Stop the local AWS and remove what it keeps.
	@cd local && python3 -m landfall_local down
