# build.mk - the wasm modules, included by the top Makefile; `make -f wasm/build.mk wasm` works too.
#
#   dist/engine.wasm, needle.wasm                  simd128: Chrome 91, Firefox 89, Safari 16.4, Node 16.4 and later
#   dist/engine-relaxed.wasm, needle-relaxed.wasm  relaxed SIMD: Chrome 114, Firefox 145, Node 21 and later
#
# engine runs thimble1 models. needle runs Needle 1's weights, which few load: in one module, everybody would
# download 35 KB for them.
#
# Emscripten compiles the simd128 ones (Debian's 3.1.6: LLVM 14, which knows no relaxed SIMD), clang-19 the
# others; wasm-ld links both. Emscripten's own link step is left out on purpose: the modules are
# standalone, import nothing, and export the functions of exports.txt (or needle-exports.txt) and their memory.

WASM_SRC ?= $(filter-out src/cli%.c src/main%.c src/thimble%.c,$(wildcard src/*.c))
WASM_SHIM := wasm/shim.c wasm/needle1.c wasm/shared.c wasm/info.c wasm/heap.c wasm/sha256.c
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
	--lto-O2 -O2 --gc-sections --strip-all
WASM_DEPS := $(WASM_SRC) $(WASM_SHIM) wasm/memory.c wasm/build.mk $(wildcard src/*.h wasm/*.h)

# $(call wasm_compile,compiler and its flags,-O of WASM_FAST,-O of the rest): objects beside the target
define wasm_compile
	@mkdir -p $(@D) $(WASM_BUILD)/include
	@cp $(WASM_JSMN) $(WASM_BUILD)/include/
	@set -e; for c in $(WASM_SRC) $(WASM_SHIM); do n=$$(basename $$c .c); \
		case " $(WASM_FAST) " in *" $$n "*) o=$(2);; *) o=$(3);; esac; \
		$(1) $(WASM_CFLAGS) $$o -c $$c -o $(@D)/$$n.o; done
	@$(1) $(WASM_CFLAGS) -O2 -fno-lto -fno-builtin -c wasm/memory.c -o $(@D)/memory.o
	@touch $@
endef

# $(call wasm_link,linker,exports,the shim to leave out,flags of wasm-opt)
define wasm_link
	@mkdir -p $(@D)
	@$(1) $(WASM_LDFLAGS) $(addprefix --export=,$(shell cat $(2))) \
		$(addprefix $(dir $<),$(patsubst %.c,%.o,$(notdir $(filter-out $(3),$(WASM_SRC) $(WASM_SHIM)) memory.c))) -o $(dir $<)$(@F)
	@$(if $(and $(WASM_OPT),$(4)),$(WASM_OPT) $(4) $(dir $<)$(@F) -o $@,cp $(dir $<)$(@F) $@)
	@chmod 644 $@; echo "$@: $$(wc -c < $@) bytes"
endef

WASM_MODULES := engine engine-relaxed needle needle-relaxed
wasm: $(WASM_MODULES:%=$(WASM_OUT)/%.wasm)

WASM_OPT_FLAGS := -Os --enable-simd --enable-bulk-memory
$(WASM_BUILD)/simd128/objects: $(WASM_DEPS)
	$(call wasm_compile,NODE_PATH=/usr/share/nodejs $(WASM_EMCC),-O3,-Os)
$(WASM_OUT)/engine.wasm: $(WASM_BUILD)/simd128/objects wasm/exports.txt
	$(call wasm_link,$(WASM_LD),wasm/exports.txt,wasm/needle1.c,$(WASM_OPT_FLAGS))
$(WASM_OUT)/needle.wasm: $(WASM_BUILD)/simd128/objects wasm/needle-exports.txt
	$(call wasm_link,$(WASM_LD),wasm/needle-exports.txt,wasm/shim.c,$(WASM_OPT_FLAGS))

# Without wasm-opt: Debian's binaryen 108 writes relaxed instructions by their old numbers.
ifneq ($(and $(WASM_CLANG),$(WASM_LD_RELAXED)),)
$(WASM_BUILD)/relaxed/objects: $(WASM_DEPS)
	$(call wasm_compile,$(WASM_CLANG) --target=wasm32 -isystem $(WASM_SYSROOT)/include -mrelaxed-simd,-O2,-Oz)
$(WASM_OUT)/engine-relaxed.wasm: $(WASM_BUILD)/relaxed/objects wasm/exports.txt
	$(call wasm_link,$(WASM_LD_RELAXED),wasm/exports.txt,wasm/needle1.c)
$(WASM_OUT)/needle-relaxed.wasm: $(WASM_BUILD)/relaxed/objects wasm/needle-exports.txt
	$(call wasm_link,$(WASM_LD_RELAXED),wasm/needle-exports.txt,wasm/shim.c)
else
$(WASM_OUT)/%-relaxed.wasm: $(WASM_OUT)/%.wasm
	@echo "no clang-19 and lld-19 here: $@ is a copy of the simd128 build (apt-get install clang-19 lld-19)"
	@cp $< $@
endif

# The npm package around them: entries, types, manifest, the model's files (js/build.js).
WASM_MODEL ?= models/tiny
package: $(WASM_OUT)/manifest.json
$(WASM_OUT)/manifest.json: $(WASM_MODULES:%=$(WASM_OUT)/%.wasm) \
	$(wildcard js/*.ts js/*.js) package.json tsconfig.json \
	$(WASM_MODEL)/model.safetensors $(WASM_MODEL)/vocab.txt | node_modules
	@node js/build.js --out $(WASM_OUT) --model $(WASM_MODEL)

.PHONY: wasm package
