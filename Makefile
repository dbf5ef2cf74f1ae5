# Every target prepares .venv by tools/bootstrap.sh first, which is instant once that is done.
#   PYTHON=python3.12     the interpreter to build .venv with
#   EXTRAS="openvino"     optional dependency groups of pyproject.toml to add
#   NO_APT=1              only name missing system packages, never install them

BOOTSTRAP := bash tools/bootstrap.sh
BIN := .venv/bin

# Two targets of one call share .venv.
.NOTPARALLEL:
.DEFAULT_GOAL := help

# $(call stage,NAME,COMMAND): run it; if it fails, say which one did and stop.
stage = @echo "== $(1)"; $(2) || { echo "make $@: $(1) failed" >&2; exit 1; }

.PHONY: help
help:  ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-18s %s\n", $$1, $$2 }' Makefile

# Without a display the window cannot open: files are then classified in the terminal; other
# arguments (a command, an option) mean the same with and without one.
.PHONY: run
run:  ## Set up if needed, then open the window (ARGS="photo.jpg ..." opens photos)
	@$(BOOTSTRAP) $(EXTRAS)
	@set -- $(ARGS); \
	if ! $(BIN)/python -m vggscope.ui.display; then \
	    if [ $$# -eq 0 ]; then \
	        echo "There is no display to open the window on: classifying the sample photos here." >&2; \
	        set -- classify resources/samples --top 5; \
	    elif [ -e "$$1" ]; then \
	        echo "There is no display to open the window on: classifying here." >&2; \
	        set -- classify "$$@" --top 5; \
	    fi; \
	fi; \
	exec $(BIN)/vggscope "$$@"

# Qt's tests use a virtual X display where one can be started, else Qt's offscreen platform. Two at
# a time, file by file: most of the time they wait for a window or a child process.
.PHONY: test
test:  ## Set up if needed, then lint, check types and layers, run the tests (PYTEST_ARGS="-k crop")
	@$(BOOTSTRAP) --xvfb dev $(EXTRAS)
	$(call stage,ruff check,$(BIN)/ruff check .)
	$(call stage,ruff format,$(BIN)/ruff format --check .)
	$(call stage,mypy,$(BIN)/mypy)
	$(call stage,import-linter,$(BIN)/lint-imports)
	$(call stage,pytest,if command -v Xvfb >/dev/null && [ -z "$$($(BOOTSTRAP) --print-missing)" ]; \
	    then export QT_QPA_PLATFORM=xcb; else export QT_QPA_PLATFORM=offscreen; set -- --no-xvfb; fi; \
	    $(BIN)/pytest -n 2 --dist loadfile "$$@" $(PYTEST_ARGS))
	@echo "make test: all passed"

.PHONY: format
format:  ## Format the code and apply the linter's safe fixes
	@$(BOOTSTRAP) dev $(EXTRAS)
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

.PHONY: screenshots
screenshots:  ## Make the documentation's screenshots again
	@$(BOOTSTRAP) dev $(EXTRAS)
	@$(BIN)/python tools/screenshots.py $(ARGS)

.PHONY: benchmarks
benchmarks:  ## Run every benchmark against its reference
	@$(BOOTSTRAP) dev $(EXTRAS)
	@for file in benchmarks/[!_]*.py; do \
	    echo "== $$file"; $(BIN)/python "$$file" $(ARGS) || exit 1; \
	done

.PHONY: wheel
wheel:  ## Build a wheel into dist/
	@$(BOOTSTRAP) dev $(EXTRAS)
	@$(BIN)/python -m build --wheel

# The date of everything inside is that of the commit, so that two builds of it are the same.
.PHONY: linux-packages
linux-packages:  ## Build the .deb and the .tar.xz into dist/ (VGGSCOPE_FLAVOUR=openvino: another one)
	@$(BOOTSTRAP) --linux-packages package $(VGGSCOPE_FLAVOUR:cpu=) $(EXTRAS)
	@export PYTHONHASHSEED=0; \
	export SOURCE_DATE_EPOCH=$${SOURCE_DATE_EPOCH:-$$(git log -1 --format=%ct 2>/dev/null || date +%s)}; \
	$(BIN)/pyinstaller --noconfirm --log-level WARN --workpath build/pyinstaller build.spec && \
	$(BIN)/python packaging/linux/package.py

.PHONY: linux-smoke
linux-smoke:  ## Install the packages of dist/ into an empty Debian and use them there (needs root)
	@$(BOOTSTRAP) --linux-smoke dev package $(EXTRAS)
	@$(BIN)/python packaging/linux/smoke.py $(ARGS)

# On Debian Wine plays Windows; on Windows: py -3.13 packaging\windows\installer.py
.PHONY: windows-installer
windows-installer:  ## Build the Windows installer and the portable archive into dist/
	@$(BOOTSTRAP) --windows-installer package $(EXTRAS)
	@export PYTHONHASHSEED=0; \
	export SOURCE_DATE_EPOCH=$${SOURCE_DATE_EPOCH:-$$(git log -1 --format=%ct 2>/dev/null || date +%s)}; \
	$(BIN)/python packaging/windows/installer.py $(ARGS)

.PHONY: windows-smoke
windows-smoke:  ## Install what windows-installer has built into a fresh Wine, use it, remove it
	@$(BOOTSTRAP) --windows-smoke dev package $(EXTRAS)
	@$(BIN)/python packaging/windows/wine_smoke.py $(ARGS)

# Some 20 minutes; docs/packaging.md keeps the last output.
.PHONY: package-test
package-test: linux-packages linux-smoke windows-installer windows-smoke  ## Build and try all installers

.PHONY: clean
clean:  ## Remove builds and caches (.venv stays)
	@rm -rf build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find app tests tools benchmarks packaging -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: distclean
distclean: clean  ## Remove .venv, too
	@rm -rf .venv
