# Two commands on a fresh machine: `make quickstart` runs the main job, `make test` runs all tests but those of clusters.
# constraints.txt holds the versions that were tested; pyproject.toml the lowest ones that are allowed.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --constraint constraints.txt

.PHONY: quickstart test test-next test-cluster check docs dist clean

# LPIPS=no leaves its weights out.
LPIPS ?= yes

quickstart: $(VENV)/.installed
ifneq ($(LPIPS),no)
	@echo "fetches AlexNet's weights for the column LPIPS (244 MB, once; leave them out by: make quickstart LPIPS=no)"
	@$(BIN)/python -m srbench data get alexnet patience=5 || echo "goes on without them: the column LPIPS will be –"
endif
	$(BIN)/python -m srbench -m model=carn,mossnet ablation=atrous

test: $(VENV)/.installed-test
	$(BIN)/python -m pytest -m "not cluster" -n auto --dist worksteal --durations=10

# All tests again with the release candidate of Hydra, which lies beside the environment.
test-next: .next/hydra $(VENV)/.installed-test
	PYTHONPATH=$(CURDIR)/.next $(BIN)/python -m pytest -m "not cluster" -n auto --dist worksteal

.next/hydra: $(VENV)/bin/python
	$(BIN)/python -m pip --disable-pip-version-check install --quiet --no-deps --target .next \
		hydra-core==1.4.0rc3 omegaconf==2.4.1rc1

# On real clusters, which the tests start on this machine. SLURM needs root, and is installed where apt-get is there.
SLURM := slurm-wlm slurmctld slurmd slurm-client munge

test-cluster: $(VENV)/.installed-cluster
	@if [ "$$(id -u)" = 0 ] && command -v apt-get > /dev/null && ! command -v slurmctld > /dev/null; then \
		echo "installs SLURM"; \
		{ apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $(SLURM); } \
		> /dev/null || echo "SLURM could not be installed: its tests are skipped"; fi
	$(BIN)/python -m pytest -m cluster -rs --durations=10

check: $(VENV)/.installed-test
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy

# The documentation as a site, in site/; its examples are run by the tests.
docs: $(VENV)/.installed-test
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo "site/index.html"

# A wheel and an sdist, in dist/.
dist: $(VENV)/.installed-test
	rm -rf dist
	$(BIN)/python -m build --quiet
	@ls dist

clean:
	rm -rf $(VENV) .next .mypy_cache .ruff_cache .pytest_cache build dist site

$(VENV)/bin/python:
	@echo "makes $(VENV) with $$($(PYTHON) --version)"
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(VENV)/bin/python pyproject.toml constraints.txt
	@echo "installs srbench and what it needs into $(VENV) (several GB, minutes)"
	$(PIP) --editable .
	@touch $@

$(VENV)/.installed-test: $(VENV)/.installed
	@echo "installs what the tests need"
	$(PIP) --editable '.[test]'
	@touch $@

$(VENV)/.installed-cluster: $(VENV)/.installed-test
	@echo "installs what clusters need"
	$(PIP) --editable '.[test,slurm,ray]'
	@touch $@
