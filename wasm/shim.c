/* shim.c - what engine.wasm exports for thimble1 models (exports.txt): router.h with numbers for
 * arguments, by the conventions of shared.h. */
#include "shared.h"

typedef struct {
    tb_list *list;
    size_t bytes; /* of the arena that follows */
} list_record;

enum { RECORD = 64 }; /* room for a list_record that keeps the arena behind it aligned */

static tb_router *router;
static tb_route *route; /* of the last thimble_encode(), until the scratch is used otherwise */

static bool clear_scratch(size_t bytes)
{
    route = NULL;
    return ready_scratch(bytes);
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

/* ---- model ----------------------------------------------------------------------------------- */

/* Opens the model. The buffers of weights and vocabulary are the engine's from then on (the
 * embedding and the pieces are read in place); after an error they are still the caller's.
 * exact: 0 for INT8 activations, 1 for f32. kernels: a name of kernels.h, or 0 for the best of
 * this build. */
int thimble_open(const uint8_t *weights, size_t weights_len, const char *vocabulary,
                 size_t vocabulary_len, int exact, const char *kernels)
{
    tb_router_options options = {exact ? TB_EXACT : TB_FAST, kernels};
    tb_arena arena;
    size_t bytes;
    begin_call();
    if (!is_free() || !clear_scratch(TB_ROUTER_SCRATCH))
        return failed();
    bytes = tb_router_size(&shim.scratch_arena, weights, weights_len, &shim.error);
    if (!take_model(bytes, &arena))
        return failed();
    router = tb_router_open(&arena, weights, weights_len, vocabulary, vocabulary_len, &options,
                            &shim.error);
    if (router != NULL && tb_model_config(tb_router_model(router))->format != TB_THIMBLE1) {
        tb_fail(&shim.error, TB_E_FORMAT,
                "these are Needle 1's weights: their engine is needle.wasm");
        router = NULL;
    }
    if (router == NULL) {
        drop_model();
        return failed();
    }
    return 0;
}

/* Figures about model and memory (info.h), in the output. */
int thimble_info(void)
{
    begin_call();
    return is_open() ? write_info(tb_router_model(router)) : failed();
}

/* ---- tool lists ------------------------------------------------------------------------------ */

/* A list's handle. tools: JSON text. */
int thimble_prepare(const char *tools, size_t len, int lenient)
{
    tb_arena arena;
    list_record *record;
    size_t bytes;
    begin_call();
    if (!is_open() || !clear_scratch(tb_scratch_size(router, NULL, len)))
        return failed();
    bytes = tb_list_size(router, &shim.scratch_arena, tools, len, lenient != 0, &shim.error);
    if (bytes == 0)
        return failed();
    record = new_record(bytes, &arena);
    if (record == NULL)
        return failed();
    tb_arena_reset(&shim.scratch_arena, 0);
    return finish_record(record, tb_list_prepare(router, &arena, &shim.scratch_arena, tools, len,
                                                 lenient != 0, &shim.error));
}

/* A list's handle, from bytes that thimble_save() gave. */
int thimble_load(const uint8_t *saved, size_t len)
{
    tb_arena arena;
    list_record *record;
    size_t bytes;
    begin_call();
    if (!is_open() || !clear_scratch(tb_list_load_scratch(router, saved, len)))
        return failed();
    bytes = tb_list_load_size(router, &shim.scratch_arena, saved, len, &shim.error);
    if (bytes == 0)
        return failed();
    record = new_record(bytes, &arena);
    if (record == NULL)
        return failed();
    return finish_record(
        record, tb_list_load(router, &arena, &shim.scratch_arena, saved, len, &shim.error));
}

/* The list as bytes, in the output. */
int thimble_save(const list_record *record)
{
    size_t bytes;
    begin_call();
    bytes = tb_list_saved_size(record->list);
    shim.held = take(bytes, "a saved tool list");
    if (shim.held == NULL)
        return failed();
    tb_list_save(record->list, shim.held);
    shim.output = (tb_str){(const char *)shim.held, bytes};
    return 0;
}

/* Gives the list's memory back; a route that was begun with it is void. */
void thimble_release(list_record *record)
{
    route = NULL;
    heap_free(record);
}

uint32_t thimble_count(const list_record *record)
{
    return (uint32_t)tb_list_count(record->list);
}

/* ---- routing --------------------------------------------------------------------------------- */

/* Reads and encodes a request. It, and tool, must stay where they are until thimble_decode().
 * choice: a tb_tool_choice; tool: the name for TB_CHOICE_TOOL; max_calls: 0 for the default;
 * min_confidence: 0..1, below 0 for what the model advises. */
int thimble_encode(const list_record *record, const char *request, size_t len, uint32_t max_calls,
                   uint32_t choice, const char *tool, size_t tool_len, double min_confidence)
{
    tb_route_options options = {max_calls, (tb_tool_choice)choice, {tool, tool_len}, false,
                                min_confidence};
    begin_call();
    if (is_open() && min_confidence < 0)
        options.min_confidence = tb_router_min_confidence(router);
    if (!is_open() || !clear_scratch(tb_scratch_size(router, record->list, len)))
        return failed();
    route = tb_route_begin(router, record->list, &shim.scratch_arena, request, len, &options,
                           &shim.error);
    return route != NULL ? 0 : failed();
}

static bool has_route(void)
{
    if (route != NULL)
        return true;
    return tb_fail(&shim.error, TB_E_OPTION, "no request is encoded: call thimble_encode() first");
}

/* Decides; the answer (router.h, tb_route_finish) is in the output. Once per thimble_encode(). */
int thimble_decode(void)
{
    bool ok;
    begin_call();
    ok = has_route() && tb_route_finish(route, &shim.output, &shim.error);
    route = NULL;
    return ok ? 0 : failed();
}

/* The k most fitting tools (router.h, tb_route_rank), in the output. */
int thimble_rank(uint32_t k)
{
    bool ok;
    begin_call();
    ok = has_route() && tb_route_rank(route, k, &shim.output, &shim.error);
    return ok ? 0 : failed();
}
