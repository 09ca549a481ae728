# Each target is one script in scripts/, so that it can be read, run and tested by itself.
.DEFAULT_GOAL := help
.PHONY: help run example test torture build docs screenshots costs bench bench-quick bench-jose bench-revocation bench-storage fuzz fmt lint clean

# What `make run` gives to signet.
ARGS ?= serve --dev --data-dir ./signet-data
# How large the store of `make bench-storage` grows.
FAMILIES ?= 10000000
# How long `make torture` runs, if nobody says otherwise; below is what `make fuzz` does.
TORTURE_SECONDS := $(or $(SECONDS),180)
# How long `make fuzz` runs.
SECONDS ?= 600

help: ## Say what can be made here.
	@echo 'make …'
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 20

run: ## Install what is missing, build, and start a demo server on http://localhost:8080 (other arguments: make run ARGS='serve --help').
	@scripts/run.sh $(ARGS)

example: ## Run an example of Examples/README.md, such as make example NAME=orders (others: spa, web, cli, tv, python-verifier).
	@Examples/run $(NAME)

test: ## Install what is missing and run every test: unit, conformance, simulation, HTTP, house rules, documentation, interoperability, journeys, examples, crashes.
	@scripts/test.sh

torture: ## Kill, pause and cut off nodes and stores under traffic for three minutes, and judge every answer (longer: make torture SECONDS=600 SEED=7).
	@scripts/torture.sh $(TORTURE_SECONDS) $(SEED)

build: ## Build the release executable, .build/release/signet.
	@scripts/build.sh

docs: ## Build the documentation of the JOSE product into .build/docs, and fail for what it lacks.
	@scripts/docs.sh

screenshots: ## Take a picture of every page, light and dark, desktop and phone, into .build/screenshots, and renew those of Docs/images.
	@scripts/screenshots.sh

costs: ## Count the instructions of a request and compare with Benchmarks/costs.json: what continuous integration does.
	@scripts/costs.sh

bench: ## Measure the server beside its peers and its limits: install them, build in release, run, draw the chart (Benchmarks/README.md).
	@scripts/bench.sh

bench-quick: ## The same with fewer rounds and without latency, memory and soak: under five minutes after the builds.
	@scripts/bench.sh --quick

bench-jose: ## Measure JOSE against other libraries: install what they need, build in release, print a table (Benchmarks/README.md).
	@scripts/bench-jose.sh

bench-revocation: ## Measure how soon, at what cost and under which storm a revocation reaches APIs: wrk, Redis, release build (Benchmarks/README.md).
	@scripts/bench-revocation.sh

bench-storage: ## Measure the stores: rotations against bare SQLite and pgbench, and growth to ten million families, two hours in all (less: make bench-storage FAMILIES=1000000).
	@FAMILIES=$(FAMILIES) scripts/bench-storage.sh

fuzz: ## Give what reads strangers' bytes to libFuzzer for ten minutes (other durations: make fuzz SECONDS=60).
	@scripts/fuzz.sh $(SECONDS)

fmt: ## Format every Swift file in place.
	@swift format --in-place --recursive --parallel Sources Tests Snippets Benchmarks Fuzz Examples Package.swift

lint: ## Check the form of every source file and change nothing.
	@scripts/lint.sh

clean: ## Remove what was built and installed here; the data of `make run` (signet-data) stays.
	@rm -rf .build .venv Fuzz/.build Benchmarks/.build
