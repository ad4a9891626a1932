# Every target installs what it needs. A machine needs only Python 3.11 or newer and make.
#   make demo     capture the sample clip, write demo/          make test     run every test
#   make check    format, lint, types, import rules             make format   let ruff rewrite the source
#   make bench    measure speed and quality, fill the tables    make clean    remove what these targets made
#   make test-blender   test how Blender reads exported takes (350 MB more; bpy has wheels for Python 3.11 only)
# Variables: PYTHON=python3.12 chooses the interpreter; ARGS="-k track" is passed to pytest (and by `make bench` to
# benchmarks.run); JOBS=4 sets the number of pytest processes; PIP_FLAGS="..." is passed to pip (an index with CPU builds of
# torch, for instance).

PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
JOBS ?= 2
NODE_TOOLS := tools/gltf-validator tools/three
BPY_PYTHON ?= python3.11
PIP = .venv/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt $(PIP_FLAGS)

.PHONY: demo test test-blender check format bench clean
.DELETE_ON_ERROR:

demo: .venv/base.stamp
	.venv/bin/mien demo

# Each process uses one thread: the networks are small, and JOBS processes already use the cores.
test: .venv/dev.stamp $(NODE_TOOLS:%=%/node_modules/stamp)
	OMP_NUM_THREADS=1 .venv/bin/python -m pytest -n $(JOBS) --dist loadfile $(ARGS)

# bpy (Blender as a module) has an environment of its own, because it needs Python 3.11 and an older numpy.
test-blender: .venv/dev.stamp .venv-bpy/stamp
	OMP_NUM_THREADS=1 MIEN_BLENDER=$(CURDIR)/.venv-bpy/bin/python .venv/bin/python -m pytest tests/blender $(ARGS)

check: .venv/dev.stamp
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/pyright
	.venv/bin/lint-imports

format: .venv/dev.stamp
	.venv/bin/ruff format .
	.venv/bin/ruff check --fix .

bench: .venv/dev.stamp
	.venv/bin/python -m benchmarks.run $(ARGS)
	.venv/bin/python -m benchmarks.tables

clean:
	rm -rf .venv .venv-bpy $(NODE_TOOLS:%=%/node_modules) demo

.venv/python.stamp:
	@test -n "$(PYTHON)" || { echo "mien needs Python 3.11 or newer; none was found (PYTHON=/path/to/python names one)"; exit 1; }
	$(PYTHON) -m venv .venv
	@touch $@

.venv/base.stamp: .venv/python.stamp pyproject.toml constraints.txt
	@echo "Installing mien into .venv (once)"
	$(PIP) -e .
	@touch $@

.venv/dev.stamp: .venv/python.stamp pyproject.toml constraints.txt
	@echo "Installing mien with its training and test tools into .venv (once; torch is a large download)"
	$(PIP) -e ".[dev]"
	@touch $@ .venv/base.stamp

.venv-bpy/stamp:
	@command -v $(BPY_PYTHON) >/dev/null || { echo "Blender as a module needs Python 3.11 (BPY_PYTHON=/path/to/python3.11 names one)"; exit 1; }
	@echo "Installing Blender as a module into .venv-bpy (once; a large download)"
	$(BPY_PYTHON) -m venv .venv-bpy
	.venv-bpy/bin/python -m pip install --quiet --disable-pip-version-check bpy==5.0.1
	@touch $@

# Without npm, the tests that run the Khronos validator and three.js are skipped.
$(NODE_TOOLS:%=%/node_modules/stamp): %/node_modules/stamp: %/package.json %/package-lock.json
	@mkdir -p $(@D)
	@if command -v npm >/dev/null; then cd $* && npm ci --silent --no-fund --no-audit; \
		else echo "npm is not installed: the tests that need $* are left out"; fi
	@mkdir -p $(@D) && touch $@
