# make demo       set up, then show the whole story on the embedded stack
# make test       set up, then pass the tests
# make campaign   set up, then damage vaults 300 times at random (SEED=N repeats one)
# make kill-campaign  set up, then kill COUNT=200 whole rollbacks, and walk as far at random (SEED=N repeats, COUNT=0 is all)
# make recovery-campaign  set up, then kill a whole recovery (terraform, database, cluster, visitors) at every point (SEED=N)
# make fuzz-campaign  set up, then post 10,000 mutilated and 10,000 distinct alerts (SEED=N repeats)
# make screenshots    set up, then photograph Prefect's pages for docs/images
# make benchmark  set up, then measure beside PostgreSQL's own tools, and draw docs/images
# make check      set up, then lint, types and the import rule

PYTHON ?=
BIN := .venv/bin
STAMP := .venv/.set-up

SEED ?=
COUNT ?= 200

.PHONY: help setup demo test campaign kill-campaign recovery-campaign fuzz-campaign screenshots benchmark check format lock clean
.DEFAULT_GOAL := help

help:
	@sed -n 's/^# make /make /p' Makefile

setup: $(STAMP)

$(STAMP): requirements.lock bootstrap.lock pyproject.toml scripts/setup.sh
	@PYTHON="$(PYTHON)" sh scripts/setup.sh

demo: setup
	@$(BIN)/continuity demo

test: setup
	@$(BIN)/python -m pytest

campaign: setup
	@$(BIN)/python -m tests.faults.campaign $(if $(SEED),--seed $(SEED))

kill-campaign: setup
	@$(BIN)/python -m pytest -q -s tests/rollback/test_kill_campaign.py tests/rollback/test_walk_campaign.py \
	  --campaign $(COUNT) $(if $(SEED),--campaign-seed $(SEED))

recovery-campaign: setup
	@$(BIN)/python -m pytest -q -s tests/recovery/test_killed_recovery.py -m campaign \
	  --campaign 0 $(if $(SEED),--campaign-seed $(SEED))

fuzz-campaign: setup
	@$(BIN)/python -m pytest -q -s tests/deployments/test_receiver.py -m campaign \
	  --campaign 10000 $(if $(SEED),--campaign-seed $(SEED))

screenshots: setup
	@$(BIN)/python -m pytest -q tests/deployments/test_prefect_pages.py --screenshots docs/images

benchmark: setup
	@for each in backup restore recovery memory command_line swap rollback media quarantine webhooks; do \
	  $(BIN)/python -m benchmarks.$$each || exit 1; done

check: setup
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: setup
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

lock: setup
	@$(BIN)/uv pip compile --quiet --universal --generate-hashes --all-extras --group dev --no-emit-index-url --no-header \
	  --python-version 3.11 pyproject.toml --output-file requirements.lock
	@$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11 \
	  --constraint requirements.lock $$(sed -nE 's/^([A-Za-z0-9._-]+)==.*/--no-emit-package \1/p' requirements.lock) \
	  deployments/kubernetes/worker.in --output-file deployments/kubernetes/worker.lock

clean:
	rm -rf .venv .continuity
