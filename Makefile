# Two commands matter: `make course` runs the course, `make test` runs every check. Both set up what they need.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help setup course test lint types unit quick notebooks chaos fuzz lowest lab bench gpu picture panel samples weights clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

setup: $(READY)  ## make .venv with the exact versions from constraints.txt

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed, this is " + sys.version) if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $(READY)

course: $(READY)  ## run every notebook headless into runs/course and print a table
	$(BIN)/densekit course run --offline --out runs/course

test: lint types unit notebooks  ## every check: style, types, unit tests, notebooks, stored outputs

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY)
	$(BIN)/mypy

# Two processes with one thread each: threads that wait for each other on a shared core ruin both.
# Another number of threads may be asked for: OMP_NUM_THREADS=2 make unit
SHARED := OMP_NUM_THREADS=$${OMP_NUM_THREADS:-1} OMP_WAIT_POLICY=PASSIVE

unit: $(READY)
	$(SHARED) $(BIN)/pytest -n 2 --dist worksteal -m 'not notebooks'

quick: $(READY)  ## the unit tests without those that take seconds, for while you work
	$(SHARED) $(BIN)/pytest -n 2 --dist worksteal -m 'not notebooks and not slow'

notebooks: $(READY)  ## run every notebook without a network, compare all outputs with the stored ones
	$(SHARED) $(BIN)/pytest -n 2 -m notebooks

chaos: $(READY)  ## kill trainings at every moment and see what becomes of them (half an hour)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check 'ckpt-chaos==0.1.8'
	$(SHARED) DENSEKIT_KILLS=40 $(BIN)/pytest -q tests/run/test_killed.py
	$(SHARED) $(BIN)/ckpt-chaos run --work runs/chaos --modes before,torn,unsynced --max-points 100 \
		--result-file '{out}/model.safetensors' -- $(BIN)/python tests/chaos/train.py {out}

# SECONDS for each of seven rooms: pictures, folders, settings, their texts, run folders, checkpoints, weights.
fuzz: $(READY)  ## try inputs that nobody thought of for some minutes, and print how many (SECONDS=60 for each room)
	$(SHARED) DENSEKIT_FUZZ=$(or $(SECONDS),60) $(BIN)/pytest -q tests/test_fuzz.py

# The oldest versions that pyproject.toml allows; KEEP='torch torchvision' keeps those of constraints.txt.
lowest: $(READY)  ## run the unit tests on the lowest versions of what densekit depends on
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	mkdir -p build/lowest
	$(BIN)/python tests/lowest.py $(KEEP) > build/lowest/kept.txt
	$(BIN)/uv pip compile --quiet --resolution lowest-direct --overrides build/lowest/kept.txt --extra dev \
		--output-file build/lowest/requirements.txt pyproject.toml
	$(PYTHON) -m venv build/lowest/venv
	build/lowest/venv/bin/python -m pip install --quiet --disable-pip-version-check -r build/lowest/requirements.txt
	build/lowest/venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	$(SHARED) build/lowest/venv/bin/python -m pytest -n 2 --dist worksteal -m 'not notebooks' --ignore tests/workshop

bench: $(READY)  ## time densekit against the usual ways, side by side
	OMP_WAIT_POLICY=ACTIVE $(BIN)/python benchmarks/extraction.py
	OMP_WAIT_POLICY=ACTIVE $(BIN)/python benchmarks/training_step.py
	OMP_WAIT_POLICY=ACTIVE $(BIN)/python benchmarks/head_only.py
	OMP_WAIT_POLICY=ACTIVE $(BIN)/python benchmarks/warm_head.py
	OMP_WAIT_POLICY=ACTIVE $(BIN)/python benchmarks/partial.py --set data.image_size=224 training.batch_size=32
	$(BIN)/python benchmarks/doctor.py

# Made to take under 8 minutes in all.
gpu: $(READY)  ## on a machine with an NVIDIA GPU: the tests that need one, and its rows of the benchmarks
	$(BIN)/python -c 'import sys, torch; sys.exit(None if torch.cuda.is_available() else "There is no GPU that torch can use: nothing was measured.")'
	$(BIN)/pytest -q -m gpu
	$(BIN)/python benchmarks/extraction.py --device cuda --sizes 224 --batch 256 --rounds 5
	$(BIN)/python benchmarks/training_step.py --device cuda --sizes 224 --batch 64 --rounds 5

# The fonts of the Hangul pictures come with three Debian packages, which the command names where they are missing.
samples: $(READY)  ## remake data_samples, picture by picture (about 4 minutes; FONTS=DIR, where Linux hasn't them)
	$(BIN)/python -m workshop.samples messy --out data_samples/messy
	OMP_NUM_THREADS=1 $(BIN)/python -m workshop.samples tabletop --out data_samples/tabletop
	OMP_NUM_THREADS=1 $(BIN)/python -m workshop.samples hangul --out data_samples/hangul $(if $(FONTS),--fonts $(FONTS))

# Niced; a kill at any moment costs a few minutes. MORE='--minutes 30', say.
weights: $(READY)  ## distil weights like the embedded ones into runs/weights (hours); call it again to go on
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[distillation]'
	nice -n 19 $(BIN)/python -m workshop.distillation.parts --work runs/weights $(MORE)

picture: $(READY)  ## remake the picture in the README
	$(BIN)/python docs/picture.py

# It drives the panel in JupyterLab, so it needs a browser of the system: `apt install chromium` on Debian.
panel: $(READY)  ## remake the picture of the panel in the README
	$(BIN)/python -m pip install --quiet --disable-pip-version-check 'playwright==1.65.2'
	$(SHARED) $(BIN)/python docs/panel.py

lab: $(READY)  ## open JupyterLab on the first notebook
	$(BIN)/jupyter lab notebooks/00_start_here.ipynb

clean:  ## delete what can be made again (never your runs)
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache
