# make run     serve the page at http://localhost:8501
# make test    run the tests: the same examples each time, in parallel; less than five minutes on two cores
# make check   lint, and check the formatting
# make fuzz    search at random for what the tests have not tried; two minutes
# make claims  train hundreds of networks, and see that what the page says of training holds; some minutes
# make browser try in Chromium all that the page does; some eight minutes
# make engines try the page in Chromium, Firefox and WebKit; some minutes
# make faults  kill servers, slow lines down, shut the page into frames, move on and on: does it hold? some minutes
# make words   bring the translations up to date with the code, and print what is to be translated
# make format  put the formatting right
# make bench   print what a reader waits for in Chromium, and what the engine costs; some minutes on a quiet machine
# make beside  drag a slider here and on small pages in Panel, Dash, Gradio and Vega alone; three minutes and more
# make load    ever more simulated readers, until they are too many; about six minutes
# make endurance   ten thousand reruns in one process: does it grow? a quarter of an hour or more
# make screenshots  render the README's pictures
# make clean   remove the environment and the caches
#
# PYTHON is the interpreter the environment is made with (3.11 to 3.13): make test PYTHON=python3.12
# VENV is where the environment stands; a second one can stand beside the first: make test VENV=.venv-3.12
# ARGS goes on to the command: make run ARGS="--server.port 9000"   make test ARGS="-k imports"
# PROCESSES is how many share the tests, by default one for each core: make test PROCESSES=0 runs them in this one
# SECONDS is how long make fuzz searches, SEED where it begins: make fuzz SECONDS=600   make fuzz SEED=342320507

PYTHON ?= python3
VENV ?= .venv
ARGS ?=
PROCESSES ?= logical
SECONDS ?= 120
SEED ?=
BIN := $(VENV)/bin

# The tensors are tiny and the readers many: one thread for each torch call. OpenMP reads this once, at start.
export OMP_NUM_THREADS := 1
# Python runs one thread at a time: glibc need not keep a heap for each. With 100 readers that is 30 MB and more.
export MALLOC_ARENA_MAX := 1

.DELETE_ON_ERROR:
.PHONY: run test check fuzz browser engines faults claims words format bench beside load endurance screenshots clean

run: $(VENV)/page.stamp
	$(BIN)/python -m streamlit run streamlit_app.py $(ARGS)

PYTEST := $(BIN)/python -m pytest --numprocesses $(PROCESSES) --maxprocesses 8
# What belongs together stays in one process, and all is begun in the order that tests/conftest.py says.
TOGETHER := --dist loadgroup --no-loadscope-reorder

test: $(VENV)/tests.stamp
	$(PYTEST) $(TOGETHER) $(ARGS)

fuzz: $(VENV)/tests.stamp
	$(PYTEST) --dist worksteal -p tests.fuzz --fuzz-seconds $(SECONDS) $(if $(SEED),--hypothesis-seed $(SEED)) \
		$$(grep -rl --include='test_*.py' hypothesis tests) $(ARGS)

# Only the files that have such a test are collected: with all of them that takes longer than some claims.
browser faults claims: $(VENV)/tests.stamp
	$(PYTEST) $(TOGETHER) -m $@ $$(grep -rl --include='*.py' 'mark[.]$@' tests) $(ARGS)

engines: $(VENV)/tests.stamp
	$(PYTEST) $(TOGETHER) -m engines tests/browser/engines $(ARGS)

check: $(VENV)/tests.stamp
	$(BIN)/python -m ruff check
	$(BIN)/python -m ruff format --check

words: $(VENV)/tests.stamp
	$(BIN)/python scripts/words.py

format: $(VENV)/tests.stamp
	$(BIN)/python -m ruff check --fix
	$(BIN)/python -m ruff format

bench: $(VENV)/tests.stamp
	@for what in page drags frames engine networks depth reach training grade; do $(BIN)/python -m benchmarks.$$what || exit 1; done

beside: $(VENV)/tests.stamp
	$(BIN)/python -m benchmarks.beside $(ARGS)

load: $(VENV)/tests.stamp
	$(BIN)/python -m benchmarks.load $(ARGS)

endurance: $(VENV)/tests.stamp
	$(BIN)/python -m benchmarks.endurance $(ARGS)

screenshots: $(VENV)/tests.stamp
	$(BIN)/python scripts/screenshots.py

clean:
	rm -rf $(VENV) .pytest_cache .hypothesis .ruff_cache
	find explainer tests -type d -name __pycache__ -exec rm -rf {} +

# A stamp is newer than the requirements it was installed from, so that an unchanged environment costs nothing.
$(VENV)/page.stamp: requirements.txt | $(BIN)/python
	$(BIN)/python -m pip install --requirement requirements.txt
	touch $@

$(VENV)/tests.stamp: requirements-dev.txt $(VENV)/page.stamp
	$(BIN)/python -m pip install --requirement requirements-dev.txt
	touch $@

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "needs Python 3.11 or newer: make PYTHON=...")'
	$(PYTHON) -m venv --clear $(VENV)
