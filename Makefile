# make study   set up and run the default study       make test    set up and run the tests
# make env     set up only                            make lint    style, types, imports, workflow checks
# make docs    pages of the library, in docs/         make keys    write the reference of keys into config/README.md
# make bench   speed and memory, as ratios            make clean   remove the environment and caches (not the results)
# make test-quick   the tests that take seconds: no workflow, no browser
# make models   networks of Hugging Face and timm, from end to end: a table
# make test-slurm   run parts of a study through a Slurm that is installed on this machine for it (as root, on Debian)

PYTHON ?= python3.11
BIN := .venv/bin
CORES ?= all
CHROMIUM ?= $(shell command -v chromium || command -v chromium-browser)
export OMP_NUM_THREADS := 1
unexport PYTHONDONTWRITEBYTECODE  # images set it, and each start of a Python with torch would compile for 3 s

.PHONY: env study test test-quick test-slurm lint docs keys bench models clean

env: .venv/installed

# Without --no-compile pip compiles 13,800 modules (45 s of processor time); Python does those that are imported.
.venv/installed: requirements.lock pyproject.toml
	@command -v $(PYTHON) > /dev/null || { echo "Cannot set up: $(PYTHON) was not found. Install Python 3.11, or name one: make PYTHON=/path/to/python3.11"; exit 1; }
	@echo "Setting up .venv from requirements.lock (two to three minutes, once)"
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --quiet --disable-pip-version-check --no-compile --requirement requirements.lock
	$(BIN)/pip install --quiet --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

study: env
	@PATH="$(CURDIR)/$(BIN):$$PATH" snakemake --cores $(CORES)

test: env
	CHROMIUM=$(CHROMIUM) $(BIN)/python -m pytest --numprocesses auto --dist loadfile --no-loadscope-reorder $(if $(CHROMIUM),,-m "not slurm and not browser")
	@$(if $(CHROMIUM),,echo "Not run: the tests of the report in a browser, because no Chromium was found (apt-get install chromium).")

test-quick: env
	$(BIN)/python -m pytest --numprocesses auto --dist loadfile -m "not workflow and not browser and not slurm"

.venv/slurm: tests/slurm_requirements.txt .venv/installed
	$(BIN)/pip install --quiet --quiet --disable-pip-version-check --no-deps --upgrade --target $@ --requirement $<
	@touch $@

test-slurm: env .venv/slurm
	tests/slurm_cluster.sh install
	PYTHONPATH=$(CURDIR)/.venv/slurm tests/slurm_cluster.sh run $(BIN)/python -m pytest -m slurm tests/test_slurm.py

lint: env
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/snakefmt --check workflow
	$(BIN)/snakemake --lint

docs: env
	$(BIN)/python workflow/pages/build.py docs
	@echo "The pages of the library begin at docs/index.html"

keys: env
	$(BIN)/python -m symgeom keys --write config/README.md

bench: env
	$(BIN)/python tests/bench_alignment.py
	$(BIN)/python tests/bench_files.py
	$(BIN)/python tests/bench_symmetry.py
	$(BIN)/python tests/bench_training.py
	$(BIN)/python tests/bench_paths.py
	$(BIN)/python tests/bench_curvature.py
	$(BIN)/python tests/bench_charges.py
	$(BIN)/python tests/bench_noise.py
	$(BIN)/python tests/bench_attacks.py
	$(BIN)/python tests/bench_neighbours.py
	$(BIN)/python tests/bench_study.py
	$(BIN)/python tests/bench_plan.py
	$(BIN)/python tests/bench_size.py

.venv/models: tests/models_requirements.txt .venv/installed
	$(BIN)/pip install --quiet --quiet --disable-pip-version-check --no-deps --upgrade --target $@ --requirement $<
	@touch $@

models: env .venv/models
	PYTHONPATH=$(CURDIR)/.venv/models HF_HUB_OFFLINE=1 $(BIN)/python tests/bench_models.py
	PYTHONPATH=$(CURDIR)/.venv/models HF_HUB_OFFLINE=1 $(BIN)/python tests/bench_model_files.py

clean:
	rm -rf .venv docs .pytest_cache .ruff_cache .mypy_cache .hypothesis .import_linter_cache *.egg-info
