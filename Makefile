# wsod_mm: run "make" for the list of targets. Needs python3, git and a C++ compiler; everything else goes into .venv.
STACK        ?= openmmlab
VENV         ?= $(if $(filter openmmlab,$(STACK)),.venv,.venv-$(STACK))
PYTHON       ?=
TORCH        ?=
FORCE        ?=
ARGS         ?=
PYTEST_JOBS  ?= logical
PY           := $(VENV)/bin/python

.DEFAULT_GOAL := help
.PHONY: help env demo test lint bench doctor

help:
	@echo 'make env     build $(VENV) (mmcv is compiled once, 13 minutes on two cores, and kept in a cache)'
	@echo 'make demo    the whole way on generated images: data, proposals, training, evaluation, report'
	@echo 'make test    the whole test suite'
	@echo 'make lint    ruff'
	@echo 'make bench   all benchmarks of tools/benchmarks'
	@echo 'make doctor  what is installed, what is wrong with it, and the command that mends it'
	@echo
	@echo 'Options (make TARGET NAME=value):'
	@echo '  STACK=openmmlab|onedl      libraries to build on; each has its environment'
	@echo '  TORCH="torch==2.12.0"      another torch requirement, pip options allowed'
	@echo '  PYTHON=python3.11          interpreter of the environment, 3.10 to 3.12'
	@echo '  VENV=.venv                 its folder'
	@echo '  FORCE=1                    go through all steps of the set-up again, repairing what is broken'
	@echo '  ARGS="-k oicr"             arguments for pytest or the demo'
	@echo '  PYTEST_JOBS=logical        test processes (logical: one per core, at most 4; 0: no sub-processes)'
	@echo 'Environment: WSOD_MM_CACHE (cache of compiled wheels, default ~/.cache/wsod_mm), FORCE_CUDA=1 (compile CUDA'
	@echo '  ops without a visible GPU), TORCH_CUDA_ARCH_LIST, MAX_JOBS.'

env:
	@$(if $(shell command -v python3),python3,$(PYTHON)) scripts/setup_env.py --stack '$(STACK)' --venv '$(VENV)' --python '$(PYTHON)' --torch '$(TORCH)' $(if $(FORCE),--force)

# One thread per process: the tests run side by side, and results do not depend on the number of cores.
test: env
	@echo '== pytest, the whole suite ($(STACK) stack)'
	@OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 $(PY) -m pytest -n $(PYTEST_JOBS) --maxprocesses 4 --dist loadfile $(ARGS)

demo: env
	@echo '== demo: work_dirs/demo/report.html'
	@$(PY) tools/demo.py $(ARGS)

lint: env
	@echo '== ruff'
	@$(PY) -m ruff check .

bench: env
	@for file in tools/benchmarks/bench_*.py; do echo "== $$file"; $(PY) "$$file" $(ARGS) || exit 1; done

doctor: env
	@$(PY) -m wsod_mm.doctor
