/* shim.c - what the wasm module exports (exports.txt): router.h with numbers for arguments.
 *
 * Conventions, for the loader in js/engine.ts:
 *   - A pointer is an offset in the module's memory. Texts are UTF-8 with a length, not terminated.
 *   - Buffers that the loader passes in are its own: thimble_alloc() before, thimble_free() after.
 *   - A function that can fail returns 0 (or a handle > 0), or minus a tb_status; the sentence then
 *     stands at thimble_message()[0..thimble_message_length()).
 *   - An answer stands at thimble_output()[0..thimble_output_length()) until the next call.
 *   - One model per instance; lists are handles, valid until released. One call at a time.
 * Any call may grow the memory: views of it must be made anew after each. */
#include "heap.h"
#include "info.h"
#include "router.h"
#include "sha256.h"

#include <string.h>

typedef struct {
    tb_list *list;
    size_t bytes; /* of the arena that follows */
} list_record;

enum { INFO_ROOM = 2048 };
enum { RECORD = 64 }; /* room for a list_record that keeps the arena behind it aligned */

static struct {
    tb_router *router;
    uint8_t *model, *scratch;
    size_t model_bytes, scratch_bytes;
    tb_arena scratch_arena;
    tb_route *route; /* of the last thimble_encode(), until the scratch is used otherwise */
    uint8_t *saved;  /* of the last thimble_save() */
    tb_error error;
    tb_str output;
    char info[INFO_ROOM];
    sha256 hash;
    uint8_t digest[SHA256_BYTES];
} engine;

/* ---- memory and texts ----------------------------------------------------------------------- */

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
    return engine.error.message;
}

size_t thimble_message_length(void)
{
    return strlen(engine.error.message);
}

const char *thimble_output(void)
{
    return engine.output.ptr;
}

size_t thimble_output_length(void)
{
    return engine.output.len;
}

/* ---- SHA-256 of what the loader receives ---------------------------------------------------- */

void thimble_sha256_begin(void)
{
    sha256_begin(&engine.hash);
}

void thimble_sha256_update(const uint8_t *data, size_t n)
{
    sha256_update(&engine.hash, data, n);
}

/* The digest's 32 bytes. */
const uint8_t *thimble_sha256_end(void)
{
    sha256_end(&engine.hash, engine.digest);
    return engine.digest;
}

/* ---- helpers --------------------------------------------------------------------------------- */

static void begin_call(void)
{
    memset(&engine.error, 0, sizeof engine.error);
    engine.output = (tb_str){NULL, 0};
    heap_free(engine.saved);
    engine.saved = NULL;
}

static int failed(void)
{
    if (engine.error.status == TB_OK)
        tb_fail(&engine.error, TB_E_INTERNAL, "the engine failed without a reason: please report this");
    return -(int)engine.error.status;
}

static bool is_open(void)
{
    if (engine.router != NULL)
        return true;
    return tb_fail(&engine.error, TB_E_OPTION, "no model is open: call thimble_open() first");
}

static void *take(size_t bytes, const char *what)
{
    void *memory = heap_alloc(bytes);
    if (memory == NULL)
        tb_fail(&engine.error, TB_E_NOMEM, "%zu bytes for %s: the wasm memory cannot grow so far",
                bytes, what);
    return memory;
}

/* An empty scratch arena of at least `bytes`; what an earlier call left in it is gone. */
static bool ready_scratch(size_t bytes)
{
    engine.route = NULL;
    if (engine.scratch_bytes < bytes) {
        heap_free(engine.scratch);
        engine.scratch_bytes = 0;
        engine.scratch = take(bytes, "working memory");
        if (engine.scratch == NULL)
            return false;
        engine.scratch_bytes = bytes;
    }
    tb_arena_init(&engine.scratch_arena, engine.scratch, engine.scratch_bytes);
    return true;
}

static list_record *new_record(size_t bytes, tb_arena *arena)
{
    uint8_t *memory;
    list_record *record;
    if (bytes > SIZE_MAX - RECORD)
        bytes = SIZE_MAX - RECORD; /* refused below */
    memory = take(RECORD + bytes, "a tool list");
    if (memory == NULL)
        return NULL;
    record = (list_record *)(void *)memory;
    record->bytes = bytes;
    tb_arena_init(arena, memory + RECORD, bytes);
    return record;
}

/* The handle of a finished list, or the error after giving its memory back. */
static int finish_record(list_record *record, tb_list *list)
{
    if (list == NULL) {
        heap_free(record);
        return failed();
    }
    record->list = list;
    return (int)(uintptr_t)record;
}

/* ---- model ------------------------------------------------------------------------------------ */

/* Opens the model. The buffers of weights and vocabulary are the engine's from then on (the embedding and
 * the pieces are read in place); after an error they are still the caller's. exact: 0 for INT8
 * activations, 1 for f32. kernels: a name of kernels.h, or 0 for the best of this build. */
int thimble_open(const uint8_t *weights, size_t weights_len, const char *vocabulary,
                 size_t vocabulary_len, int exact, const char *kernels)
{
    tb_router_options options = {exact ? TB_EXACT : TB_FAST, kernels};
    tb_arena arena;
    size_t bytes;
    begin_call();
    if (engine.router != NULL) {
        tb_fail(&engine.error, TB_E_OPTION, "a model is open already: one per instance");
        return failed();
    }
    if (!ready_scratch(TB_ROUTER_SCRATCH))
        return failed();
    bytes = tb_router_size(&engine.scratch_arena, weights, weights_len, &engine.error);
    if (bytes == 0)
        return failed();
    engine.model = take(bytes, "the model");
    if (engine.model == NULL)
        return failed();
    tb_arena_init(&arena, engine.model, bytes);
    engine.router = tb_router_open(&arena, weights, weights_len, vocabulary, vocabulary_len, &options,
                                   &engine.error);
    if (engine.router == NULL) {
        heap_free(engine.model);
        engine.model = NULL;
        return failed();
    }
    engine.model_bytes = bytes;
    return 0;
}

/* Figures about model and memory (info.h), in the output. */
int thimble_info(void)
{
    info_memory memory = {engine.model_bytes, engine.scratch_bytes, heap_used()};
    begin_call();
    if (!is_open())
        return failed();
    return info_write(engine.router, &memory, engine.info, sizeof engine.info, &engine.output,
                      &engine.error) ? 0 : failed();
}

/* ---- tool lists -------------------------------------------------------------------------------- */

/* A list's handle. tools: JSON text. */
int thimble_prepare(const char *tools, size_t len, int lenient)
{
    tb_arena arena;
    list_record *record;
    size_t bytes;
    begin_call();
    if (!is_open() || !ready_scratch(tb_scratch_size(engine.router, NULL, len)))
        return failed();
    bytes = tb_list_size(engine.router, &engine.scratch_arena, tools, len, lenient != 0, &engine.error);
    if (bytes == 0)
        return failed();
    record = new_record(bytes, &arena);
    if (record == NULL)
        return failed();
    tb_arena_reset(&engine.scratch_arena, 0);
    return finish_record(record, tb_list_prepare(engine.router, &arena, &engine.scratch_arena, tools,
                                                 len, lenient != 0, &engine.error));
}

/* A list's handle, from bytes that thimble_save() gave. */
int thimble_load(const uint8_t *saved, size_t len)
{
    tb_arena arena;
    list_record *record;
    size_t bytes;
    begin_call();
    if (!is_open() || !ready_scratch(tb_scratch_size(engine.router, NULL, len)))
        return failed();
    bytes = tb_list_load_size(engine.router, &engine.scratch_arena, saved, len, &engine.error);
    if (bytes == 0)
        return failed();
    record = new_record(bytes, &arena);
    if (record == NULL)
        return failed();
    return finish_record(record, tb_list_load(engine.router, &arena, &engine.scratch_arena, saved, len,
                                              &engine.error));
}

/* The list as bytes, in the output. */
int thimble_save(const list_record *record)
{
    size_t bytes;
    begin_call();
    bytes = tb_list_saved_size(record->list);
    engine.saved = take(bytes, "a saved tool list");
    if (engine.saved == NULL)
        return failed();
    tb_list_save(record->list, engine.saved);
    engine.output = (tb_str){(const char *)engine.saved, bytes};
    return 0;
}

/* Gives the list's memory back; a route that was begun with it is void. */
void thimble_release(list_record *record)
{
    engine.route = NULL;
    heap_free(record);
}

uint32_t thimble_count(const list_record *record)
{
    return (uint32_t)tb_list_count(record->list);
}

/* ---- routing ------------------------------------------------------------------------------------ */

/* Reads and encodes a request. It, and tool, must stay where they are until thimble_decode().
 * choice: a tb_tool_choice; tool: the name for TB_CHOICE_TOOL; max_calls: 0 for the default. */
int thimble_encode(const list_record *record, const char *request, size_t len, uint32_t max_calls,
                   uint32_t choice, const char *tool, size_t tool_len)
{
    tb_route_options options = {max_calls, (tb_tool_choice)choice, {tool, tool_len}, false};
    begin_call();
    if (!is_open() || !ready_scratch(tb_scratch_size(engine.router, record->list, len)))
        return failed();
    engine.route = tb_route_begin(engine.router, record->list, &engine.scratch_arena, request, len,
                                  &options, &engine.error);
    return engine.route != NULL ? 0 : failed();
}

static bool has_route(void)
{
    if (engine.route != NULL)
        return true;
    return tb_fail(&engine.error, TB_E_OPTION, "no request is encoded: call thimble_encode() first");
}

/* Decides; the answer (router.h, tb_route_finish) is in the output. Once per thimble_encode(). */
int thimble_decode(void)
{
    bool ok;
    begin_call();
    ok = has_route() && tb_route_finish(engine.route, &engine.output, &engine.error);
    engine.route = NULL;
    return ok ? 0 : failed();
}

/* The k most fitting tools (router.h, tb_route_rank), in the output. */
int thimble_rank(uint32_t k)
{
    bool ok;
    begin_call();
    ok = has_route() && tb_route_rank(engine.route, k, &engine.output, &engine.error);
    return ok ? 0 : failed();
}
