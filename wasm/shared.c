/* shared.c - the exports that do not depend on the model's format, and helpers for the others. */
#include "shared.h"

#include "sha256.h"

#include <string.h>

shim_state shim;

/* ---- memory and texts ------------------------------------------------------------------------ */

uint32_t thimble_abi(void)
{
    return TB_ABI;
}

/* NULL if the memory cannot grow that far. */
void *thimble_alloc(size_t bytes)
{
    return heap_alloc(bytes);
}

void thimble_free(void *block)
{
    heap_free(block);
}

const char *thimble_message(void)
{
    return shim.error.message;
}

size_t thimble_message_length(void)
{
    return strlen(shim.error.message);
}

const char *thimble_output(void)
{
    return shim.output.ptr;
}

size_t thimble_output_length(void)
{
    return shim.output.len;
}

/* ---- SHA-256 of what the loader receives ----------------------------------------------------- */

static sha256 hash;
static uint8_t digest[SHA256_BYTES];

void thimble_sha256_begin(void)
{
    sha256_begin(&hash);
}

void thimble_sha256_update(const uint8_t *data, size_t n)
{
    sha256_update(&hash, data, n);
}

/* The digest's 32 bytes. */
const uint8_t *thimble_sha256_end(void)
{
    sha256_end(&hash, digest);
    return digest;
}

/* ---- helpers --------------------------------------------------------------------------------- */

void begin_call(void)
{
    memset(&shim.error, 0, sizeof shim.error);
    shim.output = (tb_str){NULL, 0};
    heap_free(shim.held);
    shim.held = NULL;
}

int failed(void)
{
    if (shim.error.status == TB_OK)
        tb_fail(&shim.error, TB_E_INTERNAL,
                "the engine failed without a reason: please report this");
    return -(int)shim.error.status;
}

void *take(size_t bytes, const char *what)
{
    void *memory = heap_alloc(bytes);
    if (memory == NULL)
        tb_fail(&shim.error, TB_E_NOMEM, "%zu bytes for %s: the wasm memory cannot grow so far",
                bytes, what);
    return memory;
}

bool ready_scratch(size_t bytes)
{
    if (shim.scratch_bytes < bytes) {
        heap_free(shim.scratch);
        shim.scratch_bytes = 0;
        shim.scratch = take(bytes, "working memory");
        if (shim.scratch == NULL)
            return false;
        shim.scratch_bytes = bytes;
    }
    tb_arena_init(&shim.scratch_arena, shim.scratch, shim.scratch_bytes);
    return true;
}

bool is_open(void)
{
    if (shim.model != NULL)
        return true;
    return tb_fail(&shim.error, TB_E_OPTION, "no model is open: call thimble_open() first");
}

bool is_free(void)
{
    if (shim.model == NULL)
        return true;
    return tb_fail(&shim.error, TB_E_OPTION, "a model is open already: one per instance");
}

bool take_model(size_t bytes, tb_arena *arena)
{
    if (bytes == 0)
        return false;
    shim.model = take(bytes, "the model");
    if (shim.model == NULL)
        return false;
    shim.model_bytes = bytes;
    tb_arena_init(arena, shim.model, bytes);
    return true;
}

void drop_model(void)
{
    heap_free(shim.model);
    shim.model = NULL;
    shim.model_bytes = 0;
}

int write_info(const tb_model *model)
{
    info_memory memory = {shim.model_bytes, shim.scratch_bytes, heap_used()};
    return info_write(model, &memory, shim.info, sizeof shim.info, &shim.output, &shim.error)
               ? 0
               : failed();
}
