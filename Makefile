# Two commands: `make lab` opens the first lesson, `make test` checks the kit. What they need goes into .venv.
# Every path here is relative, so that a folder with spaces in its name will do.

PYTHON ?= python3
VENV ?= .venv
SITE_VENV ?= .venv-site
SITE_LOCK := notebooks/site/requirements.lock
FIGURES_VENV ?= .venv-figures
FIGURES_LOCK := tests/figures.lock
ROUNDS ?= 15
MINUTES ?= 45
SECONDS_EACH ?= 60
PARTS ?=
STEPS ?=
SUPPORTED := 3.11 3.12 3.13
COPIED := course_lib/school/program/*.json course_lib/school/program/ipython_config.py course_lib/school/program/labextension/*.json course_lib/school/program/labextension/static/*.js
AGAIN := $(MAKE) --no-print-directory

# Without the compiled modules that Python keeps, each notebook would start seconds later.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help lab test bench costs torture lock site pythons install install-site install-figures venv

help:
	@echo "make lab       open the first lesson; the first time, this installs what it needs"
	@echo "make test      run every check; some of them: make test STEPS='lint types'"
	@echo "make site      build the website of the lessons into .site/html; nothing is run"
	@echo "make bench     measure what the patterns cost, beside other libraries; less: ROUNDS=3 PARTS='repository transfers'"
	@echo "make costs     put what it measured onto the page notebooks/costs.ipynb"
	@echo "make torture   break what can be broken, for minutes, and count what is lost; less: SECONDS_EACH=10 PARTS=money"
	@echo "make lock      choose the exact versions again, after a change in pyproject.toml"
	@echo "make pythons   run every check on each supported Python found here"
	@echo "Another Python than python3: make lab PYTHON=python3.12"

lab: install
	@$(VENV)/bin/course lab

test: install
	@$(VENV)/bin/course test $(STEPS)

site: install-site
	@$(SITE_VENV)/bin/python notebooks/site/build_site.py

bench: install-figures
	@PYTHONPATH=tests:. $(FIGURES_VENV)/bin/python -m benchmarks $(PARTS) --rounds $(ROUNDS) --minutes $(MINUTES)

# What the last whole run measured, on the page of costs.
costs: install-figures
	@JUPYTER_PREFER_ENV_PATH=1 PYTHONPATH=tests:. $(FIGURES_VENV)/bin/python -m benchmarks.page .bench/result.json

torture: install-figures
	@PYTHONPATH=tests:. $(FIGURES_VENV)/bin/python -m torture $(PARTS) --seconds-each $(SECONDS_EACH)

# The libraries to compare with, and those that think out bad input, have an environment of their own beside the kit's.
install-figures:
	@lists="$$(cat requirements.lock $(FIGURES_LOCK) | cksum)"; \
	test "$$(cat $(FIGURES_VENV)/built 2>/dev/null)" = "$$lists" && $(FIGURES_VENV)/bin/python -c '' 2>/dev/null && exit 0; \
	set -e; \
	$(AGAIN) venv VENV=$(FIGURES_VENV); \
	echo "Installing exactly what $(FIGURES_LOCK) names; the first time this takes about a minute."; \
	$(FIGURES_VENV)/bin/python -m pip install --quiet --no-deps --require-hashes -r $(FIGURES_LOCK); \
	$(FIGURES_VENV)/bin/python -m pip install --quiet --no-deps --no-build-isolation -e .; \
	$(FIGURES_VENV)/bin/python -m pip check; \
	echo "$$lists" > $(FIGURES_VENV)/built

# The website has an environment of its own: no learner needs what builds it.
install-site:
	@lists="$$(cksum < $(SITE_LOCK))"; \
	test "$$(cat $(SITE_VENV)/built 2>/dev/null)" = "$$lists" && $(SITE_VENV)/bin/python -c '' 2>/dev/null && exit 0; \
	set -e; \
	$(AGAIN) venv VENV=$(SITE_VENV); \
	echo "Installing exactly what $(SITE_LOCK) names; the first time this takes half a minute."; \
	$(SITE_VENV)/bin/python -m pip install --quiet --no-deps --require-hashes -r $(SITE_LOCK); \
	$(SITE_VENV)/bin/python -m pip check; \
	echo "$$lists" > $(SITE_VENV)/built

# The file `built` says where the environment was built, from which lists, and from which of those files that are
# copied into it (the others are read where they lie). It is written last. Without it the
# environment is half built, and if it names another folder its programs point there: both are built anew.
install:
	@where="$$(pwd -P)"; lists="$$(cat requirements.lock pyproject.toml $(COPIED) | cksum)"; \
	built="$$(cat $(VENV)/built 2>/dev/null)"; \
	test -x $(VENV)/bin/course && $(VENV)/bin/python -c '' 2>/dev/null || built=; \
	test "$$built" = "$$where: $$lists" && exit 0; \
	set -e; \
	case "$$built" in "$$where: "*) rm $(VENV)/built ;; *) $(AGAIN) venv ;; esac; \
	echo "Installing exactly what requirements.lock names; the first time this takes about a minute."; \
	$(VENV)/bin/python -m pip install --quiet --no-deps --require-hashes -r requirements.lock; \
	$(VENV)/bin/python -m pip install --quiet --no-deps --no-build-isolation -e .; \
	$(VENV)/bin/python -m pip check; \
	echo "$$where: $$lists" > $(VENV)/built

venv:
	@$(PYTHON) -c 'import sys; sys.exit("%d.%d" % sys.version_info[:2] not in "$(SUPPORTED)".split())' 2>/dev/null || { \
	echo "The lessons need one of Python $(SUPPORTED); $(PYTHON) is $$($(PYTHON) -V 2>&1 || true)."; \
	echo "If another one is here, name it: make lab PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -m venv --clear $(VENV)

# Compiling knows every system at once, and pip does not: this alone takes uv, and gets it if it is not here.
lock:
	@command -v uv >/dev/null || test -x .venv-uv/bin/uv || { $(PYTHON) -m venv .venv-uv && .venv-uv/bin/python -m pip install uv; }
	PATH="$$PATH:.venv-uv/bin" uv pip compile --quiet --universal --generate-hashes \
		--no-emit-index-url --no-header --no-annotate pyproject.toml -o requirements.lock
	PATH="$$PATH:.venv-uv/bin" uv pip compile --quiet --universal --generate-hashes \
		--no-emit-index-url --no-header --no-annotate --group site -o $(SITE_LOCK)
	PATH="$$PATH:.venv-uv/bin" uv pip compile --quiet --universal --generate-hashes \
		--no-emit-index-url --no-header --no-annotate --constraint requirements.lock \
		pyproject.toml --group figures -o $(FIGURES_LOCK)
	sed -n '/^[^ ]/s/ *\\$$//p' requirements.lock > constraints.txt

pythons:
	@failed=; for version in $(SUPPORTED); do \
		found=; for python in "$$(command -v python$$version)" "$$HOME"/.pyenv/versions/$$version.*/bin/python; do \
			test -z "$$found" && "$$python" -c '' 2>/dev/null && found="$$python"; done; \
		if test -z "$$found"; then echo "Python $$version is not here."; continue; fi; \
		echo "Python $$version: $$found"; \
		$(AGAIN) test VENV=.venv-$$version PYTHON="'$$found'" || failed="$$failed $$version"; \
	done; \
	test -z "$$failed" || { echo "Failed on Python$$failed."; exit 1; }
