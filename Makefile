# make demo | make test | make check | make wheel: each sets up .venv by itself, once; the demo without PyTorch.
#
# It needs Python 3.10 or newer with its venv module, and nothing else. Every path below is relative, so the folder of
# the repository may have spaces in its name. PYTHON and PHOTO may have spaces too.

PYTHON ?= python3
PHOTO ?= examples/otter.jpg
SCALE ?= 4

.DEFAULT_GOAL := help
.PHONY: help demo test check wheel figures curves before-after clean
.DELETE_ON_ERROR:

# Windows keeps the programs of a virtual environment elsewhere.
ifeq ($(OS),Windows_NT)
VENV_BIN := .venv/Scripts
else
VENV_BIN := .venv/bin
endif
VENV_PYTHON := $(VENV_BIN)/python
PIP_INSTALL := $(VENV_PYTHON) -m pip install --quiet --disable-pip-version-check -c constraints.txt
CORE := .venv/.core
READY := .venv/.ready
NATIVE := $(wildcard src/elansr/engines/cpu/source/*.* src/elansr/engines/cpu/source/*/*.*)

help:
	@echo "make demo    upscale $(PHOTO) $(SCALE) times and show before and after (PHOTO=..., SCALE=2|3|4)"
	@echo "make test    run the tests (quick ones only: $(VENV_BIN)/pytest -m 'not slow')"
	@echo "make check   lint, format and types"
	@echo "make wheel   one wheel for every Python and every processor of this platform, in dist/ (Linux)"
	@echo "make figures after a released weights file was replaced: measure it, write cards, READMEs, pictures (ACCEPT=1)"
	@echo "make clean   remove .venv and everything that was built"
	@echo
	@echo "The first of them sets up .venv; PYTHON=... picks another interpreter than python3."

demo: $(CORE)
	@mkdir -p demo_output
	@photo="$(PHOTO)"; name="$${photo##*/}"; after="demo_output/$${name%.*}_x$(SCALE).png"; \
	$(VENV_BIN)/elansr upscale "$$photo" -s $(SCALE) -o "$$after" --overwrite \
	&& $(VENV_PYTHON) examples/before_after.py "$$photo" "$$after" demo_output/before_after.png \
	&& echo "upscaled:         $$after" \
	&& echo "before and after: demo_output/before_after.png"

test: $(READY)
	$(VENV_PYTHON) -m pytest

check: $(READY)
	$(VENV_PYTHON) -m ruff check
	$(VENV_PYTHON) -m ruff format --check
	$(VENV_PYTHON) -m mypy
	$(VENV_BIN)/clang-format --dry-run -Werror $(NATIVE)

# auditwheel names the oldest Linux that the wheel runs on; setup.py makes it one for any Python 3.
wheel: $(READY)
	rm -rf build
	$(VENV_PYTHON) -m pip wheel --quiet --disable-pip-version-check --no-deps -w build/wheel .
	PATH="$(CURDIR)/$(VENV_BIN):$$PATH" $(VENV_PYTHON) -m auditwheel repair -w dist build/wheel/*.whl

# Keeps what it has measured: stopped, it goes on from there. FIGURES=--check only compares.
figures: $(READY)
	$(VENV_PYTHON) -m tools.release $(if $(ACCEPT),--accept) $(FIGURES)
	$(VENV_PYTHON) -m tools.curves $(filter --check,$(FIGURES))
	$(VENV_PYTHON) -m tools.before_after $(filter --check,$(FIGURES))
	$(VENV_PYTHON) -m tools.openmodeldb $(filter --check,$(FIGURES))

curves: $(READY)
	$(VENV_PYTHON) -m tools.curves $(FIGURES)

before-after: $(READY)
	$(VENV_PYTHON) -m tools.before_after $(FIGURES)

clean:
	rm -rf .venv build dist demo_output .coverage .hypothesis .mypy_cache .pytest_cache .ruff_cache src/elansr.egg-info src/elansr/engines/cpu/_native.*
	find src tests examples -name __pycache__ -type d -prune -exec rm -rf {} +

# torch goes first and alone: it is nearly all of the download, and whichever build of it (CPU, CUDA) the machine's pip
# settings lead to is then there to stay. spandrel comes without what it needs: einops is in `dev`, and torchvision breaks
# beside a torch of another build; the tests do without it.
$(READY): $(CORE)
	@echo "Installing the tools for development, once: torch is large, so this takes one to several minutes ..."
	@$(PIP_INSTALL) torch
	@$(PIP_INSTALL) -e ".[dev]"
	@$(PIP_INSTALL) --no-deps spandrel
	@touch $(READY)
	@echo "Done."

$(CORE): pyproject.toml setup.py constraints.txt $(NATIVE)
	@"$(PYTHON)" -c "" 2>/dev/null || \
	{ echo "error: '$(PYTHON)' does not run: install Python 3.10 or newer, or name one: make PYTHON=/path/to/python3"; exit 1; }
	@"$(PYTHON)" -c "import sys; sys.exit(sys.version_info < (3, 10))" || \
	{ echo "error: elansr needs Python 3.10 or newer, '$(PYTHON)' is $$("$(PYTHON)" -V 2>&1): make PYTHON=/path/to/python3"; exit 1; }
	@"$(PYTHON)" -c "import ensurepip, venv" 2>/dev/null || \
	{ echo "error: '$(PYTHON)' lacks the venv module: install it (Debian, Ubuntu: apt install python3-venv)"; exit 1; }
	@echo "Setting up .venv, once ..."
	@"$(PYTHON)" -m venv .venv
	@$(PIP_INSTALL) -e .
	@touch $(CORE)
