# Two commands: `make lab` opens the first lesson, `make test` checks the kit. What they need goes into .venv.
# Every path here is relative, so that a folder with spaces in its name will do.

PYTHON ?= python3
VENV ?= .venv
SITE_VENV ?= .venv-site
SITE_LOCK := notebooks/site/requirements.lock
BENCH_VENV ?= .venv-bench
BENCH_LOCK := tests/benchmarks/requirements.lock
ROUNDS ?= 15
MINUTES ?= 10
PARTS ?=
STEPS ?=
SUPPORTED := 3.11 3.12 3.13
COPIED := course_lib/school/program/*.json course_lib/school/program/ipython_config.py course_lib/school/program/labextension/*.json course_lib/school/program/labextension/static/*.js
AGAIN := $(MAKE) --no-print-directory

# Without the compiled modules that Python keeps, each notebook would start seconds later.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help lab test bench lock site pythons install install-site install-bench venv

help:
	@echo "make lab       open the first lesson; the first time, this installs what it needs"
	@echo "make test      run every check; some of them: make test STEPS='lint types'"
	@echo "make site      build the website of the lessons into .site/html; nothing is run"
	@echo "make bench     measure what the patterns cost, beside other libraries; less: ROUNDS=3 PARTS='repository transfers'"
	@echo "make lock      choose the exact versions again, after a change in pyproject.toml"
	@echo "make pythons   run every check on each supported Python found here"
	@echo "Another Python than python3: make lab PYTHON=python3.12"

lab: install
	@$(VENV)/bin/course lab

test: install
	@$(VENV)/bin/course test $(STEPS)

site: install-site
	@$(SITE_VENV)/bin/python notebooks/site/build_site.py

bench: install-bench
	@PYTHONPATH=tests:. $(BENCH_VENV)/bin/python -m benchmarks $(PARTS) --rounds $(ROUNDS) --minutes $(MINUTES)

# The libraries to compare with have an environment of their own: the kit's, and they beside it.
install-bench:
	@lists="$$(cat requirements.lock $(BENCH_LOCK) | cksum)"; \
	test "$$(cat $(BENCH_VENV)/built 2>/dev/null)" = "$$lists" && $(BENCH_VENV)/bin/python -c '' 2>/dev/null && exit 0; \
	set -e; \
	$(AGAIN) venv VENV=$(BENCH_VENV); \
	echo "Installing exactly what $(BENCH_LOCK) names; the first time this takes about a minute."; \
	$(BENCH_VENV)/bin/python -m pip install --quiet --no-deps --require-hashes -r $(BENCH_LOCK); \
	$(BENCH_VENV)/bin/python -m pip install --quiet --no-deps --no-build-isolation -e .; \
	$(BENCH_VENV)/bin/python -m pip check; \
	echo "$$lists" > $(BENCH_VENV)/built

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
		pyproject.toml --group bench -o $(BENCH_LOCK)
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
