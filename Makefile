# Every target sets up what it needs; `make help` lists them.
SHELL := /bin/bash
NODE := sh build/node.sh
SETUP := node_modules/.package-lock.json
CONTEXT ?=
IMAGE ?=
COMMANDS ?= 1000000
export CONTEXT IMAGE

# What the target needs of the machine: build/prerequisites.sh says what is missing before npm begins to download.
NEEDS := packages
demo recording quickstart cluster e2e pages release: NEEDS += cluster
servers conformance bench consistency protocol mutants deletions: NEEDS += servers
test integration: NEEDS += servers cluster
mutants toolchains: NEEDS += git

.PHONY: conformance help demo recording quickstart test unit integration e2e pages bench consistency deletions protocol model mutants toolchains generate format lint types bundle release cluster servers clean prerequisites

help: ## This list
	@grep -hE '^[a-z0-9 ]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 24

demo: $(SETUP) ## The main job on a real cluster, with a report (CONTEXT=name IMAGE=registry/name:tag for a cluster of yours)
	@$(NODE) demo/main.ts

recording: $(SETUP) ## Runs the demo and draws docs/images/demo.svg of what it prints
	@$(NODE) demo/recording.ts

quickstart: $(SETUP) ## Operator, servers, a policy and traffic of quickstart/, to look around in (CONTEXT, IMAGE as for demo)
	@$(NODE) demo/quickstart/main.ts

test: $(SETUP) ## Everything that must pass before a change lands
	@$(NODE) test/run.ts

unit integration e2e pages: $(SETUP) ## One suite of `make test`; FILES="test/unit/event.test.ts" for single files
	@$(NODE) test/run.ts $@ $(FILES)

bench: $(SETUP) servers ## This worker beside plain consumers and one that only acknowledges, in one run
	@$(NODE) test/bench/bench.ts

consistency: $(SETUP) servers ## MES, CRM and readers at work, and every hit checked against the order of commits; ARGS="--seed 7"
	@$(NODE) --no-warnings test/consistency/main.ts $(ARGS)

deletions: $(SETUP) servers cluster ## Policy, Secrets, rights and namespace deleted in all orders and at random; ARGS="--all --races 300 --seed 7"
	@$(NODE) --no-warnings test/deletions/main.ts $(ARGS)

protocol: $(SETUP) servers ## A million random commands on Redis and a Cluster, against a twin in memory (COMMANDS=1000000 SEED=1)
	@$(NODE) --no-warnings test/protocol/protocol.ts "$(COMMANDS)" "$(SEED)"

model: $(SETUP) ## Every interleaving of the protocol's scenarios, large ones too; SCENARIO="part of a name" FENCE=ticket
	@$(NODE) --no-warnings --max-old-space-size=6144 test/model/main.ts "$(SCENARIO)" "$(FENCE)"

mutants: $(SETUP) servers ## Takes down each fence in turn: its tests must go red (FENCE="part of a name")
	@$(NODE) --no-warnings test/mutants/mutants.ts "$(FENCE)"

toolchains: $(SETUP) ## A clean copy with npm 9, 10 and 11, and with Debian's Node alone in PATH
	@$(NODE) test/toolchains/main.ts

conformance: $(SETUP) servers ## A reader in any language against the record protocol; CMD="python3 my_reader.py" ARGS=--read-only, or INITIATOR="./mes"
	@$(NODE) --no-warnings test/conformance/main.ts --reader "$(CMD)" --initiator "$(INITIATOR)" $(ARGS)

generate: $(SETUP) ## CRD, install manifests, chart, API reference, docs/outbox.sql, docs/contract and quickstart/ from their sources
	@$(NODE) cdk8s/generate.ts
	@$(NODE) build/outbox-sql.ts
	@$(NODE) build/contract/contract.ts
	@$(NODE) demo/quickstart/generated-files.ts

format: $(SETUP) ## Format and organise imports
	@$(NODE) node_modules/.bin/biome check --write .

lint: $(SETUP) ## Format, lint and import directions
	@$(NODE) node_modules/.bin/biome check .

types: $(SETUP) ## TypeScript, strict
	@$(NODE) node_modules/.bin/tsc --noEmit

bundle: $(SETUP) ## dist/image: operator, worker and maintenance as one file each
	@$(NODE) build/bundle.ts

release: $(SETUP) ## dist/release: all files of a release, none published (TAG=v0.1.0 DIGEST=sha256:... OWNER=account)
	@$(NODE) --no-warnings build/release/main.ts

cluster: $(SETUP) ## The one-node Kubernetes that demo and tests use
	@$(NODE) test/cluster/cluster.ts up

servers: $(SETUP) ## RabbitMQ, Redis and PostgreSQL on loopback for the tests
	@$(NODE) test/servers/servers.ts up

clean: ## Takes away the demo, the cluster and the servers; keeps the caches (CONTEXT=name: the demo out of a cluster of yours)
	@if [ -e $(SETUP) ]; then \
	  $(NODE) demo/clean.ts && $(NODE) test/cluster/cluster.ts down && $(NODE) test/servers/servers.ts down; \
	fi
	@rm -rf dist

prerequisites:
	@sh build/prerequisites.sh $(NEEDS)

$(SETUP): package.json package-lock.json test/node/package.json | prerequisites
	@echo "installing npm packages"
	@npm ci --prefer-offline --no-audit --no-fund --loglevel=error
	@touch $(SETUP)
