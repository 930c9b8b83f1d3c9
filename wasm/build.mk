# build.mk - the two wasm engines, included by the top Makefile; `make -f wasm/build.mk wasm` works too.
#
#   dist/engine.wasm          simd128: Chrome 91, Firefox 89, Safari 16.4, Node 16.4 and later
#   dist/engine-relaxed.wasm  relaxed SIMD: Chrome 114, Firefox 145, Node 21 and later
#
# Emscripten compiles the first (Debian's 3.1.6: LLVM 14, which knows no relaxed SIMD), clang-19 the
# second; wasm-ld links both. Emscripten's own link step is left out on purpose: the modules are
# standalone, import nothing, and export the functions of exports.txt and their memory.

WASM_SRC ?= $(filter-out src/cli%.c src/main%.c src/thimble%.c,$(wildcard src/*.c))
WASM_SHIM := wasm/shim.c wasm/info.c wasm/heap.c wasm/sha256.c
WASM_OUT ?= dist
WASM_BUILD ?= build/wasm

WASM_EMCC ?= emcc
WASM_LD ?= $(firstword $(shell command -v wasm-ld-14 wasm-ld 2>/dev/null))
WASM_CLANG ?= $(firstword $(shell command -v clang-19 2>/dev/null))
WASM_LD_RELAXED ?= $(firstword $(shell command -v wasm-ld-19 2>/dev/null))
WASM_OPT ?= $(firstword $(shell command -v wasm-opt 2>/dev/null))
# jsmn is one header, taken out of /usr/include lest the rest of that folder comes along.
WASM_JSMN ?= /usr/include/jsmn.h
# Only the C headers of Emscripten's system root are used: no library of it is linked.
WASM_SYSROOT ?= /usr/share/emscripten/cache/sysroot

WASM_STACK := 131072
WASM_CFLAGS := -std=c11 -flto -Wall -Wextra -ffp-contract=off -fno-math-errno -fvisibility=hidden \
	-ffunction-sections -fdata-sections -msimd128 -mbulk-memory -Isrc -Iwasm -I$(WASM_BUILD)/include
# Speed where the time goes, size elsewhere: -O3 throughout makes the module twice as large and not faster.
WASM_FAST := kernels_simd128 kernels_relaxed
# The stack comes first, so that an overflow traps instead of reaching data. 1 GiB is the most the
# memory may grow to.
WASM_LDFLAGS := --no-entry --stack-first -z stack-size=$(WASM_STACK) --max-memory=1073741824 \
	--lto-O2 -O2 --gc-sections --strip-all $(addprefix --export=,$(shell cat wasm/exports.txt))
WASM_DEPS := $(WASM_SRC) $(WASM_SHIM) wasm/memory.c wasm/exports.txt wasm/build.mk \
	$(wildcard src/*.h wasm/*.h)

# $(call wasm_build,name,compiler and its flags,linker,flags of wasm-opt,-O of WASM_FAST,-O of the rest)
define wasm_build
	@mkdir -p $(WASM_BUILD)/$(1) $(WASM_BUILD)/include $(WASM_OUT)
	@cp $(WASM_JSMN) $(WASM_BUILD)/include/
	@set -e; for c in $(WASM_SRC) $(WASM_SHIM); do n=$$(basename $$c .c); \
		case " $(WASM_FAST) " in *" $$n "*) o=$(5);; *) o=$(6);; esac; \
		$(2) $(WASM_CFLAGS) $$o -c $$c -o $(WASM_BUILD)/$(1)/$$n.o; done
	@$(2) $(WASM_CFLAGS) -O2 -fno-lto -fno-builtin -c wasm/memory.c -o $(WASM_BUILD)/$(1)/memory.o
	@$(3) $(WASM_LDFLAGS) $(patsubst %.c,$(WASM_BUILD)/$(1)/%.o,$(notdir $(WASM_SRC) $(WASM_SHIM))) \
		$(WASM_BUILD)/$(1)/memory.o -o $(WASM_BUILD)/$(1)/engine.wasm
	@$(if $(and $(WASM_OPT),$(4)),$(WASM_OPT) $(4) $(WASM_BUILD)/$(1)/engine.wasm -o $@,cp $(WASM_BUILD)/$(1)/engine.wasm $@)
	@chmod 644 $@; echo "$@: $$(wc -c < $@) bytes"
endef

wasm: $(WASM_OUT)/engine.wasm $(WASM_OUT)/engine-relaxed.wasm

$(WASM_OUT)/engine.wasm: $(WASM_DEPS)
	$(call wasm_build,simd128,NODE_PATH=/usr/share/nodejs $(WASM_EMCC),$(WASM_LD),-Os --enable-simd --enable-bulk-memory,-O3,-Os)

# Without wasm-opt: Debian's binaryen 108 writes relaxed instructions by their old numbers.
ifneq ($(and $(WASM_CLANG),$(WASM_LD_RELAXED)),)
$(WASM_OUT)/engine-relaxed.wasm: $(WASM_DEPS)
	$(call wasm_build,relaxed,$(WASM_CLANG) --target=wasm32 -isystem $(WASM_SYSROOT)/include \
		-mrelaxed-simd,$(WASM_LD_RELAXED),,-O2,-Oz)
else
$(WASM_OUT)/engine-relaxed.wasm: $(WASM_OUT)/engine.wasm
	@echo "no clang-19 and lld-19 here: $@ is a copy of the simd128 build (apt-get install clang-19 lld-19)"
	@cp $< $@
endif

# The npm package around them: entries, types, manifest, the model's files (js/build.js).
WASM_MODEL ?= models/tiny
package: $(WASM_OUT)/manifest.json
$(WASM_OUT)/manifest.json: $(WASM_OUT)/engine.wasm $(WASM_OUT)/engine-relaxed.wasm \
	$(wildcard js/*.ts js/*.js) package.json tsconfig.json \
	$(WASM_MODEL)/model.safetensors $(WASM_MODEL)/vocab.txt | node_modules
	@node js/build.js --out $(WASM_OUT) --model $(WASM_MODEL)

.PHONY: wasm package
