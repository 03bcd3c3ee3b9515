# make repro and make test are the two commands of a fresh machine; both make the environment they need.
PYTHON ?= python3
VENV := .venv
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
export MLFLOW_DISABLE_TELEMETRY := true

.PHONY: setup setup-gpu fetch weights repro test lint ui report compare clean

setup: $(VENV)/.ready

$(VENV)/.ready: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "make setup: expected Python 3.11 or newer, found " + sys.version.split()[0] + "; name another with PYTHON=")'
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

# CUDA torch first, then the two packages that compile against it.
setup-gpu:
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check torch setuptools wheel ninja
	grep -v -E '^(torch|setuptools)==' constraints.txt > $(VENV)/constraints-gpu.txt
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-build-isolation -c $(VENV)/constraints-gpu.txt -e '.[dev,gpu]'
	@touch $(VENV)/.ready

# DSEC's archives into data/raw: continued at the byte where the line broke, their sums kept by DVC. `prepare` unpacks them.
DSEC := https://download.ifi.uzh.ch/rpg/DSEC/train
SEQUENCES := thun_00_a zurich_city_04_b zurich_city_04_e

fetch: setup
	@mkdir -p data/raw
	@for name in $(SEQUENCES); do \
		url=$(DSEC)/$$name/$${name}_events_left.zip file=data/raw/$${name}_events_left.zip; \
		test -e $$file.dvc || dvc import-url --quiet --no-download $$url $$file || exit 2; \
		wget --quiet --continue --tries=20 --directory-prefix=data/raw $$url || exit 2; \
		dvc commit --quiet --force $$file.dvc || exit 2; \
	done

# The experiment that the weights in src/unflare/weights are of; their README says on what, and how long.
WEIGHTS := seed=7 data.validation=0.1 data.test=0.08 \
	sample.sequences=200 sample.seconds=1.02 sample.flares=480 \
	sample.shapes=[[260,346],[480,640],[180,240],[480,640],[260,346],[720,1280],[480,640]] \
	sample.kinds=[objects,street,objects,street,sparks] sample.thresholds=[0.6,2.0] \
	scenes.train=2400 scenes.validation=60 scenes.test=40 scenes.background_only=0.3 scenes.thresholds=[0.6,2.0] \
	features.cache=false \
	training.window=2048 training.lead=0 training.batch=32 training.steps=15000 training.warmup=300 \
	training.precision=bfloat16 training.validate_every=1000 training.validation_windows=240 training.keep_background=0.985

weights: setup
	@python -c 'import sys, torch; sys.exit(None if torch.cuda.is_available() else "make weights: expected a CUDA device, found none")'
	dvc exp run $(WEIGHTS:%=-S '%') train
	cp models/model.safetensors models/model.json src/unflare/weights/
	@echo "make weights: params.yaml is this experiment's now, so are data and models; git checkout params.yaml and make repro go back"

repro: setup
	dvc repro
	@$(MAKE) --no-print-directory report

lint: setup
	ruff check
	ruff format --check
	mypy

test: lint
	pytest -n auto --maxprocesses 4 --dist loadfile

ui: setup
	MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false mlflow ui --backend-store-uri $${MLFLOW_TRACKING_URI:-sqlite:///mlflow.db} --host 127.0.0.1 --port $${PORT:-5000} --workers 1

# RUN=<id> rebuilds the report of any run in the store.
report:
ifdef RUN
	@unflare report $(RUN)
else
	@test -f reports/report.en.html || { echo "make report: reports/report.en.html is not there yet; make repro writes it" >&2; exit 2; }
	@echo "The report: $(CURDIR)/reports/report.en.html"
	@if [ -t 1 ] && command -v xdg-open >/dev/null && [ -n "$$DISPLAY$$WAYLAND_DISPLAY" ]; then xdg-open reports/report.en.html; fi
endif

compare: setup
	@unflare compare $(RUNS)

# Products only; the environment, raw data and the record of experiments stay.
clean:
	rm -rf data/sample data/index.json data/sequences data/scenes data/features models reports/stages reports/training reports/evaluation reports/figures reports/previous.json reports/findings.json reports/compare reports/report.*
