# Thimble: `make run` and `make test` are all a newcomer needs; the rest is listed by `make help`.

BUILD   := build
CC      ?= gcc
CSTD    := -std=c11 -D_POSIX_C_SOURCE=200809L
WARN    := -Wall -Wextra -Wshadow
# -ffp-contract=off: every build must give the same bits (models/FORMAT.md 5).
CFLAGS  ?= -O3
ALL_CFLAGS = $(CSTD) $(WARN) $(CFLAGS) -ffp-contract=off -fno-math-errno -Isrc
SUDO    := $(if $(filter 0,$(shell id -u)),,sudo)
MODEL   := models/tiny
MACHINE := $(shell uname -m)

CORE_SRC := $(filter-out $(wildcard src/cli*.c),$(wildcard src/*.c))
CLI_SRC  := $(wildcard src/cli*.c)
CORE_OBJ := $(CORE_SRC:src/%.c=$(BUILD)/obj/%.o)
CLI_OBJ  := $(CLI_SRC:src/%.c=$(BUILD)/obj/%.o)
HEADERS  := $(wildcard src/*.h)

# Objects that only tests need are kept all the same: the next run is quicker.
.SECONDARY:
.PHONY: all help deps deps-test run test test-c test-js bench eval golden demo clean
all: $(BUILD)/thimble package

help:
	@echo "make run    build everything and route a sample request"
	@echo "make test   all tests (C, sanitizers, Node, Deno, workerd, Chromium)"
	@echo "make bench  speed: kernels against plain C, native against wasm"
	@echo "make eval   accuracy of models/tiny on the dev sets, through the engine"
	@echo "make demo   serve web-demo/ on http://localhost:8080"
	@echo "make clean  remove build/ and dist/"

# ---- the native program --------------------------------------------------------------------------

# Each kernel file is compiled for its own instruction set and chosen at run time (src/kernels.h).
ifneq ($(filter x86_64 amd64,$(MACHINE)),)
ISA_kernels_avx2   := -mavx2
ISA_kernels_avx512 := -mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx512vnni
endif

$(BUILD)/obj/%.o: src/%.c $(HEADERS) | $(BUILD)/obj
	$(CC) $(ALL_CFLAGS) $(ISA_$*) -c $< -o $@

$(BUILD)/thimble: $(CORE_OBJ) $(CLI_OBJ)
	$(CC) $(CFLAGS) $^ -o $@

$(BUILD)/obj $(BUILD)/test $(BUILD)/san $(BUILD)/san/obj:
	mkdir -p $@

# ---- WebAssembly and the JavaScript package ---------------------------------------------------------

include wasm/build.mk

# ---- what the machine must have ----------------------------------------------------------------

# $(call missing,command,package): the package if the command is not there.
missing = $(if $(shell command -v $(1) 2>/dev/null),,$(2))
APT_RUN  = $(call missing,$(CC),build-essential) $(if $(wildcard /usr/include/jsmn.h),,libjsmn-dev) \
           $(call missing,emcc,emscripten) $(call missing,clang-19,clang-19) $(call missing,wasm-ld-19,lld-19)
APT_TEST = $(if $(wildcard /usr/bin/chromium /usr/bin/chromium-browser),,chromium)

define apt_install
	@set -e; packages="$(strip $(1))"; if [ -n "$$packages" ]; then \
	  echo "installing: $$packages"; \
	  $(SUDO) apt-get update -qq; \
	  for p in $$packages; do \
	    $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$p >/dev/null || \
	      { case $$p in clang-19|lld-19) echo "no $$p here: the relaxed-SIMD build is left out";; *) exit 1;; esac; }; \
	  done; fi
endef

deps:
	$(call apt_install,$(APT_RUN))

deps-test: deps node_modules
	$(call apt_install,$(APT_TEST))

node_modules: package.json package-lock.json
	npm ci --no-audit --no-fund --loglevel=error
	@touch $@

# ---- run -----------------------------------------------------------------------------------------

SAMPLE := make it 21 in the nursery

run: deps node_modules
	@$(MAKE) --no-print-directory -s all
	@echo '"$(SAMPLE)", native:'
	@$(BUILD)/thimble route --model $(MODEL) --tools tests/data/home.json --time "$(SAMPLE)"
	@echo 'and as WebAssembly in Node:'
	@node dist/cli.js --tools tests/data/home.json --time "$(SAMPLE)"

demo: deps node_modules
	@$(MAKE) --no-print-directory -s all
	node web-demo/serve.js

# ---- tests ----------------------------------------------------------------------------------------

TEST_SRC := $(wildcard tests/c/test_*.c)
TESTS    := $(TEST_SRC:tests/c/%.c=$(BUILD)/test/%)
SAN_TESTS := $(TEST_SRC:tests/c/%.c=$(BUILD)/san/%)
FUZZERS  := $(patsubst tests/fuzz/%.c,$(BUILD)/san/%,$(wildcard tests/fuzz/fuzz_*.c))
SANITIZE := -g -O1 -fsanitize=address,undefined -fno-sanitize-recover=all
SAN_OBJ  := $(CORE_SRC:src/%.c=$(BUILD)/san/obj/%.o)

$(BUILD)/test/%: tests/c/%.c tests/c/test.h $(CORE_OBJ) | $(BUILD)/test
	$(CC) $(ALL_CFLAGS) $< $(CORE_OBJ) -o $@ -lm

$(BUILD)/san/obj/%.o: src/%.c $(HEADERS) | $(BUILD)/san/obj
	$(CC) $(ALL_CFLAGS) $(ISA_$*) $(SANITIZE) -c $< -o $@

$(BUILD)/san/test_%: tests/c/test_%.c tests/c/test.h $(SAN_OBJ) | $(BUILD)/san
	$(CC) $(ALL_CFLAGS) $(SANITIZE) $< $(SAN_OBJ) -o $@ -lm

$(BUILD)/san/fuzz_%: tests/fuzz/fuzz_%.c tests/fuzz/driver.c $(SAN_OBJ) | $(BUILD)/san
	$(CC) $(ALL_CFLAGS) $(SANITIZE) $< tests/fuzz/driver.c $(SAN_OBJ) -o $@

test: deps-test
	@$(MAKE) --no-print-directory all test-c test-js

test-c: $(TESTS) $(SAN_TESTS) $(FUZZERS) $(BUILD)/thimble
	@set -e; for t in $(TESTS); do echo "== $$t"; $$t; done
	@set -e; for t in $(SAN_TESTS) $(FUZZERS); do echo "== $$t (sanitizers)"; $$t; done
	node --test tests/decisions.test.js

test-js: node_modules package $(BUILD)/thimble
	npm test --silent

# ---- measurements ---------------------------------------------------------------------------------

bench: all
	@node $(shell node --experimental-wasm-relaxed-simd -e 0 2>/dev/null && echo --experimental-wasm-relaxed-simd) tests/bench.js

# Accuracy, then robustness: the same requests with the tools shuffled, wrapped, renamed or without descriptions.
eval: $(BUILD)/thimble package
	@for v in plain shuffled openai renamed nodesc; do node tests/eval.js models/data/dev/*.jsonl --variant $$v; done
	@node tests/retrieval.js

# The golden files of Needle 1 that are too large to commit; needs python3 with numpy.
golden:
	PYTHONPATH=models python3 -m needle1.golden all $(BUILD)/golden

clean:
	rm -rf $(BUILD) dist
