.DEFAULT_GOAL := help
python := .venv/bin/python
# Two processes, each with a Spark session of its own; files that read the same pipeline run stay together (tests/conftest.py).
side_by_side := -n 2 --dist loadfile --no-loadscope-reorder
.PHONY: help setup format check test test-unit chaos cluster bench lock pictures wheel clean

help: ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## the environment that the tests run in
	@./setup.sh dev

format: setup ## rewrite the code as ruff likes it
	@$(python) -m ruff format . && $(python) -m ruff check --fix .

check: setup ## format, lint, types, import floors
	$(python) -m ruff format --check .
	$(python) -m ruff check .
	$(python) -m mypy
	.venv/bin/lint-imports

test: setup ## everything: unit, doctests, pipeline, notebooks
	. .venv/environment.sh && $(python) -m pytest $(side_by_side) tests src/social_signals

test-unit: setup ## the quick ones
	. .venv/environment.sh && $(python) -m pytest tests/unit src/social_signals

chaos: setup ## failures rehearsed: kills, cuts, full disks, two writers; an hour on two cores
	@. .venv/environment.sh && $(python) -m pytest -m chaos $(side_by_side) tests/chaos

cluster: setup ## the same tables in local mode, local-cluster and on hosts of a standalone cluster; half an hour
	. .venv/environment.sh && $(python) -m pytest -m cluster -s tests/cluster

bench: setup ## every claim about speed and growth, with a page and a chart: docs/benchmarks.md (an hour and a half; benchmarks/suite.py --only NAME for one)
	@. .venv/environment.sh && $(python) benchmarks/suite.py

lock: ## resolve requirements/*.in anew into the locks with hashes
	uv pip compile --universal --python-version 3.10 --generate-hashes -q requirements/runtime.in -o requirements/runtime.lock
	uv pip compile --universal --python-version 3.10 --generate-hashes -q requirements/java.in -o requirements/java.lock
	uv pip compile --universal --python-version 3.10 --generate-hashes -q requirements/dev.in -c requirements/runtime.lock -o requirements/dev.lock

pictures: setup ## the screenshots of the README, from lakehouse/report.html (needs chromium)
	@docs/images/take.sh lakehouse/report.html

wheel: setup ## dist/social_signals-*.whl with conf/ and the text models inside
	$(python) -m build --wheel --no-isolation --outdir dist .

clean: ## what runs leave behind, not the environment
	rm -rf lakehouse dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
