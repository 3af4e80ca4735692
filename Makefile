# Everything that a developer or CI runs; `make` alone lists it. A target installs what it needs into .venv by itself,
# and installs again only when pyproject.toml or constraints.txt has changed.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules --no-print-directory

LOCK := constraints.txt
VENV := .venv
BIN := $(VENV)/bin
OLDEST_VENV := .venv39
NODE_MODULES := tests/js/node_modules
PIP_INSTALL := python -m pip --quiet --disable-pip-version-check --no-input install --progress-bar off -c $(LOCK)

# PyTorch, SAM 2 and Cutie for the tests. Plain `pip install torch` takes gigabytes of CUDA on Linux, and sam2's own requirements
# and its isolated build would each fetch it again: docs/decisions/0009-installing-sam2.md.
TORCH := torch==2.13.0
SAM2 := sam2==1.1.0
CUTIE := rf-cutie==1.0.1
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu

# The first of these that is new enough, unless the caller names one: make PYTHON=/opt/python/bin/python3.11
PYTHON ?= $(shell for python in python3.11 python3.12 python3.13 python3; do \
	"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo "$$python"; break; }; done)
# The floor of the client: hosts still ship Python 3.9.
OLDEST_PYTHON ?= $(shell for python in python3.9 "$${PYENV_ROOT:-$$HOME/.pyenv}"/versions/3.9.*/bin/python; do \
	"$$python" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 9))' 2>/dev/null && { echo "$$python"; break; }; done)
# What needs neither the daemon's libraries nor the generator of the protocol's code.
OLDEST_TESTS := tests/shapes tests/client tests/plugins tests/contracts/test_shape_sinks.py tests/contracts/test_hosts.py

# So many processes share the tests out; each then has one thread for numbers, or they take each other's time.
JOBS ?= 2
PYTEST = OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(1)/bin/python -m pytest -q -n $(JOBS) --dist worksteal

# Folders and files that hold Python of ours.
SOURCES := daemon proto shared_client plugins tests demo
# The newest release below HEAD: the protocol that the world may already speak. Nothing is promised before the first.
RELEASE = $(shell git describe --tags --abbrev=0 --match 'v[0-9]*' 2>/dev/null)

# The demo's settings reach its command line through the environment, so that `#`, `%` and spaces in a path survive.
OUT ?= out
export PLATE CLICK EXCLUDE FRAMES OUT

.PHONY: help
help: ## List what can be made
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' Makefile | awk -F'|' '{ printf "%-20s %s\n", $$1, $$2 }'

.PHONY: demo
demo: $(VENV)/.demo ## Follow one object through real footage into out/; or PLATE=… CLICK=F:X,Y [EXCLUDE=…] [FRAMES=A-B] [OUT=…]
	@set -- --out "$$OUT"; \
	[ -z "$$PLATE" ] || set -- "$$@" --plate "$$PLATE"; \
	[ -z "$$FRAMES" ] || set -- "$$@" --frames "$$FRAMES"; \
	for click in $$CLICK; do set -- "$$@" --click "$$click"; done; \
	for click in $$EXCLUDE; do set -- "$$@" --exclude "$$click"; done; \
	exec $(BIN)/python demo/demo.py "$$@"

.PHONY: test
test: test-newest test-oldest ## Run every test, the client's under the oldest Python as well

.PHONY: test-newest
test-newest: $(VENV)/.dev javascript
	$(call PYTEST,$(VENV)) --cov

# What tests/js needs, by its own lock. tests/standins/javascript.py skips those tests, or fails them in CI, without it.
.PHONY: javascript
javascript:
	@if node -e 'process.exit(+(process.versions.node.split(".")[0] < 20))' 2>/dev/null && npm --version >/dev/null 2>&1; then \
		$(MAKE) $(NODE_MODULES)/.made; \
	elif [ "$$CI" = true ]; then \
		echo 'Tests need Node.js 20 or newer and npm here: install them.' >&2; exit 1; \
	else echo 'Skipped: tests that run JavaScript; Node.js 20 or newer with npm is not installed here. CI runs them.'; fi

.PHONY: test-oldest
test-oldest:
	@if [ -n '$(OLDEST_PYTHON)' ]; then $(MAKE) run-oldest; \
	elif [ "$$CI" = true ]; then \
		echo 'The tests of the client need Python 3.9 here. Install it, or name it: make test OLDEST_PYTHON=/path/to/python3.9' >&2; exit 1; \
	else echo 'Skipped: the tests of the client under Python 3.9, which is not installed here. CI runs them.'; fi

.PHONY: run-oldest
run-oldest: $(OLDEST_VENV)/.dev
	$(call PYTEST,$(OLDEST_VENV)) $(OLDEST_TESTS)

.PHONY: check
check: form types layers protocol dependencies spelling ## Run the static gates

.PHONY: form
form: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

.PHONY: types
types: $(VENV)/.dev
	$(BIN)/mypy $(SOURCES)
	@# The client also as its hosts see it; mypy speaks no older Python than this.
	$(BIN)/mypy --python-version 3.10 shared_client proto/roto_proto plugins

.PHONY: layers
layers: $(VENV)/.dev
	$(BIN)/lint-imports

.PHONY: protocol
protocol: $(VENV)/.dev
	$(BIN)/buf lint
	@if [ -n '$(RELEASE)' ]; then set -x; $(BIN)/buf breaking --against '.git#tag=$(RELEASE)'; \
	else echo 'buf breaking: no release to compare with.'; fi

.PHONY: dependencies
dependencies: $(VENV)/.dev
	$(BIN)/deptry daemon proto shared_client plugins

.PHONY: spelling
spelling: $(VENV)/.dev
	$(BIN)/codespell

.PHONY: bench
bench: $(VENV)/.dev ## Measure speed and memory (tests/benchmarks)
	$(BIN)/python -m pytest tests/benchmarks -o python_files='bench_*.py' -p no:randomly --benchmark-only --timeout=0

.PHONY: bench-shapes
bench-shapes: $(VENV)/.dev ## Measure fitted shapes on clips whose truth is known; ARGS='--family clean --seeds 101'
	@# GPL: a yardstick of this benchmark alone, no dependency of anything that is shipped.
	$(BIN)/$(PIP_INSTALL) 'potracer==0.0.4'
	$(BIN)/python tests/benchmarks/shapes/shape_bench.py $(ARGS)

.PHONY: bench-engines
bench-engines: $(VENV)/.dev ## Measure how engines follow objects whose masks are known; ARGS='--seeds 101 102 103'
	PYTHONPATH=tests/standins $(BIN)/python tests/benchmarks/bench_engines.py $(ARGS)

.PHONY: bench-matting
bench-matting: $(VENV)/.dev ## Measure soft edges on composites whose coverage is known; ARGS='--seeds 101 102 103'
	PYTHONPATH=tests/standins $(BIN)/python tests/benchmarks/bench_matting.py $(ARGS)

.PHONY: panel-picture
panel-picture: $(VENV)/.dev ## Make the picture of the panel in docs/hosts again
	PYTHONPATH=tests/standins $(BIN)/python tests/standins/panel_picture.py docs/hosts/pictures/panel.jpg

.PHONY: panel-script
panel-script: $(VENV)/.made ## Build the After Effects panel's script again after a change to its sources
	$(BIN)/python plugins/aftereffects_uxp/build.py

.PHONY: proto
proto: $(VENV)/.dev ## Generate the protocol's Python code again after a change to a .proto file
	$(BIN)/python proto/generate.py

.PHONY: lock
lock: $(VENV)/.made ## Write constraints.txt again from pyproject.toml; UPGRADE=1 takes the newest versions
	$(BIN)/python -m pip --quiet install 'uv>=0.9,<1'
	$(BIN)/uv pip compile --quiet --universal --python-version 3.9 --extra daemon --extra demo --extra dev \
		--annotation-style line --custom-compile-command 'make lock' $(if $(UPGRADE),--upgrade) \
		--output-file $(LOCK) pyproject.toml

.PHONY: clean
clean: ## Remove the environments, caches, measurements and out/
	rm -rf .venv .venv39 $(NODE_MODULES) out build dist .coverage .coverage.* .benchmarks .hypothesis
	find . \( -name __pycache__ -o -name '.*_cache' \) -type d -prune -exec rm -rf {} +

# Stamps: each stands for a finished step, so a step that was interrupted is done again.

$(VENV)/.made:
	@[ -n '$(PYTHON)' ] || { echo 'Python 3.11 or newer is needed. Install it, or name it: make PYTHON=/path/to/python3.11' >&2; exit 1; }
	@'$(PYTHON)' -m venv $(VENV)
	@touch $@

$(VENV)/.demo: pyproject.toml $(LOCK) | $(VENV)/.made
	@echo 'Installing Rotolink and the footage of the demo into $(VENV); this happens once.'
	@$(BIN)/$(PIP_INSTALL) -e '.[demo]'
	@touch $@

$(VENV)/.dev: pyproject.toml $(LOCK) | $(VENV)/.made
	@echo 'Installing Rotolink and what its tests and gates need into $(VENV); this happens once.'
	@$(BIN)/$(PIP_INSTALL) -e '.[demo,dev]'
	@# A wheel from a folder that pip is told of (PIP_FIND_LINKS) goes before a download.
	@$(BIN)/$(PIP_INSTALL) --no-deps --no-index '$(TORCH)' 2>/dev/null || \
		$(BIN)/$(PIP_INSTALL) --no-deps --index-url '$(TORCH_INDEX)' '$(TORCH)'
	@SAM2_BUILD_CUDA=0 $(BIN)/$(PIP_INSTALL) --no-deps --no-build-isolation '$(SAM2)'
	@$(BIN)/$(PIP_INSTALL) --no-deps '$(CUTIE)'
	@touch $(VENV)/.demo $@

$(NODE_MODULES)/.made: tests/js/package.json tests/js/package-lock.json tests/js/.npmrc
	@echo 'Installing what tests run in Node.js into $(NODE_MODULES); this happens once.'
	@cd tests/js && npm ci --no-progress --loglevel=error >/dev/null
	@touch $@

# Markers in pyproject.toml leave the client and its tests of the extra `dev` on Python 3.9.
$(OLDEST_VENV)/.dev: pyproject.toml $(LOCK)
	@echo 'Installing the client and its tests under Python 3.9 into $(OLDEST_VENV); this happens once.'
	@'$(OLDEST_PYTHON)' -m venv $(OLDEST_VENV)
	@$(OLDEST_VENV)/bin/$(PIP_INSTALL) -e '.[dev]'
	@touch $@
