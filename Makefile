# Every entry point. The work is done by deploy/bootstrap.sh (the environment) and by the tools themselves.
.DEFAULT_GOAL := help
.PHONY: help run test test-keycloak check bench chaos clean reference pictures

BIN := .venv/bin
CORES := $(shell nproc)
# At least two workers, so that tests meet each other as they will in CI; at most four, or the servers starve.
WORKERS ?= $(shell n=$(CORES); [ $$n -lt 2 ] && n=2; [ $$n -gt 4 ] && n=4; echo $$n)

help: ## show this list
	@grep -hE '^[a-z-]+: .*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/'

run: ## set everything up, start the local stack, stop it with Ctrl-C; KEYCLOAK=1 for real Keycloak, CLUSTER=1 for three servers of each kind
	@sh deploy/bootstrap.sh servers
	@sh deploy/console.sh
	@exec setpriv --pdeathsig TERM -- $(BIN)/python -m deploy.local.stack

test: ## set everything up and run all tests, with real servers
	@sh deploy/bootstrap.sh tests
	@sh deploy/console.sh test
	@$(BIN)/python -m deploy.local.keycloak_dist
	@# Real servers on a busy machine: what fails is tried once more, and the report names it. After fifty failures it is
	@# no test that is wrong but what all of them stand on: the rest would take an hour to say the same.
	@$(BIN)/pytest -n $(WORKERS) --dist loadgroup --reruns 1 --maxfail 50 -raR

test-keycloak: ## run the tests over HTTP with tokens of a real Keycloak
	@sh deploy/bootstrap.sh tests
	@REQUIRE_KEYCLOAK=1 $(BIN)/python -m deploy.local.keycloak_dist
	@REQUIRE_KEYCLOAK=1 PENSTOCK_TEST_ISSUER=keycloak $(BIN)/pytest -n $(WORKERS) --dist loadgroup tests/api tests/auth

check: ## lint, format, types, import direction, no registry hosts, known vulnerabilities
	@sh deploy/bootstrap.sh
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/pyright
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/python -m deploy.check_registry_hosts
	@$(BIN)/python -m deploy.check_advisories
	@sh deploy/console.sh lint
	@$(BIN)/python -m deploy.check_helm

bench: ## measure a local stack of its own beside other task queues; QUICK=1 for one short round
	@sh deploy/bootstrap.sh servers
	@sh deploy/bootstrap_peers.sh || :
	@$(BIN)/python -m tests.bench $(if $(QUICK),--quick)

chaos: ## attack a stack of its own for MINUTES (1), with SEED, and check that nothing was lost or doubled
	@sh deploy/bootstrap.sh tests
	@$(BIN)/python -m tests.chaos.run --minutes $(or $(MINUTES),1) $(if $(SEED),--seed $(SEED)) $(if $(RATE),--rate $(RATE)) $(if $(CLUSTER),--cluster)

reference: ## write docs/reference/api.md from the code, every route with its bodies and answers
	@sh deploy/bootstrap.sh
	@mkdir -p docs/reference
	@$(BIN)/python -m api.reference >docs/reference/api.md
	@echo docs/reference/api.md

pictures: ## take the pictures of the console for the guides, in Debian's Chromium
	@sh deploy/bootstrap.sh tests
	@sh deploy/console.sh
	@$(BIN)/python -m tests.pictures.run

clean: ## forget the local stack's data
	@sh deploy/bootstrap.sh
	@$(BIN)/python -m deploy.local.clean
