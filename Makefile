# What one does with Rankscope's sources. `make` alone lists it. Nothing is built inside the checkout: it all goes to
# $XDG_CACHE_HOME/rankscope (~/.cache/rankscope), or where CARGO_TARGET_DIR says.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:
BUILD := server/build
STEPS := $(BUILD)/steps.sh

.PHONY: help run test build model client server cuda cuda-test format lint unit integration browser api-test reference schema clean-cache

help: ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: ## install what is missing, build, and serve on 127.0.0.1:3000 (ARGS="--address 127.0.0.1:4000 …" go to `rankscope serve`)
	@$(BUILD)/run.sh $(ARGS)

test: ## every check and test, browser tests included; needs no data from elsewhere
	@$(STEPS) test-requirements model format lint rust-tests-build rust-tests api-fuzz client browser-tests
	@echo 'make test: all passed'

build: ## the client and the program, without starting it
	@$(STEPS) run-requirements client server

model: ## fetch the default model, and check it
	@$(BUILD)/model.sh

client: ## what the browser loads, into the site folder
	@$(BUILD)/client.sh

server: ## the program
	@$(STEPS) server

cuda: ## the program for NVIDIA GPUs, in a target folder of its own; no GPU is needed to build it (ARGS=--release)
	@$(BUILD)/cuda.sh $(ARGS)

cuda-test: ## the engine's operations and training on a GPU, which must be there, held to the CPU's
	@$(BUILD)/cuda.sh test $(ARGS)

format: ## write the sources in the project's format
	@cargo fmt --all

lint: ## format and clippy
	@$(STEPS) format lint

unit: ## tests inside the crates
	@. $(BUILD)/paths.sh; RANKSCOPE_REQUIRE_MODEL=1 cargo test --locked --workspace --exclude rankscope-tests $(ARGS)

integration: ## tests over a real server and the command line
	@. $(BUILD)/paths.sh; RANKSCOPE_REQUIRE_MODEL=1 cargo test --locked -p rankscope-tests $(ARGS)

browser: ## the browser tests (ARGS="form.spec.ts --headed" go to Playwright)
	@$(STEPS) test-requirements model server client
	@. $(BUILD)/paths.sh; RANKSCOPE_PROGRAM="$$CARGO_TARGET_DIR/debug/rankscope" $(BUILD)/browser_tests.sh $(ARGS)

api-test: ## Schemathesis against the API's own OpenAPI document (ARGS="--include-tag studies" go to it)
	@$(STEPS) test-requirements server
	@. $(BUILD)/paths.sh; RANKSCOPE_PROGRAM="$$CARGO_TARGET_DIR/debug/rankscope" $(BUILD)/api_fuzz.sh $(ARGS)

reference: ## write tests/reference anew with PyTorch and the rest, several GB (ARGS="statistics" for one part)
	@tests/reference/rerun.sh $(ARGS)

clean-cache: ## remove what was built here (studies and models stay)
	@. $(BUILD)/paths.sh; set -x; rm -rf "$$CARGO_TARGET_DIR" "$$CARGO_TARGET_DIR-cuda" "$$client_target" "$$cache"/{site,bindgen,steps,cuda,api-fuzz} end2end/node_modules
