/* needle1.c - what needle.wasm exports for Needle 1's weights (needle-exports.txt): needle.h
 * behind the functions that shim.c has for thimble1 models, by the conventions of shared.h. */
#include "needle.h"
#include "needle_json.h"
#include "needle_prompt.h"
#include "shared.h"

#include "json.h"

#include <string.h>

/* Needle 1 reads the tools anew with every request: a list is its text. */
typedef struct {
    uint32_t count;
    bool lenient;
    tb_str text; /* behind this record */
} list_record;

enum { MOST_RANKED = 1000 };

static const char STRICT_MARK[] = "needle1 list, strict\n";
static const char LENIENT_MARK[] = "needle1 list, lenient\n";

static tb_needle *needle;
static tb_needle_run *run; /* of the last thimble_encode(), until the scratch is used otherwise */
static tb_needle_options options = {.grammar = TB_NEEDLE_STRICT};

static bool clear_scratch(size_t bytes)
{
    run = NULL;
    if (bytes == SIZE_MAX)
        return tb_fail(&shim.error, TB_E_TOO_LONG, "the request or the tools are too long");
    return ready_scratch(bytes);
}

/* ---- model ----------------------------------------------------------------------------------- */

/* As in shim.c, only that both buffers are freed after success: the model is a copy. */
int thimble_open(uint8_t *weights, size_t weights_len, char *vocabulary, size_t vocabulary_len,
                 int exact, const char *kernels)
{
    tb_arena arena;
    size_t bytes;
    begin_call();
    if (!is_free() || !clear_scratch(TB_ROUTER_SCRATCH))
        return failed();
    bytes = tb_needle_size(&shim.scratch_arena, weights, weights_len, vocabulary_len, &shim.error);
    if (!take_model(bytes, &arena))
        return failed();
    needle = tb_needle_open(&arena, weights, weights_len, vocabulary, vocabulary_len,
                            exact ? TB_EXACT : TB_FAST, kernels, &shim.error);
    if (needle == NULL) {
        drop_model();
        return failed();
    }
    heap_free(weights);
    heap_free(vocabulary);
    return 0;
}

/* Figures about model and memory (info.h), in the output. */
int thimble_info(void)
{
    begin_call();
    return is_open() ? write_info(tb_needle_model(needle)) : failed();
}

/* For all calls from now on. grammar: a tb_needle_grammar; with the original one the tools are
 * read as they are, else made flat. max_tokens: 0 for as many as the model writes. */
void thimble_needle(uint32_t grammar, uint32_t max_tokens)
{
    options.grammar = (tb_needle_grammar)grammar;
    options.keep_tools = options.grammar != TB_NEEDLE_STRICT;
    options.max_tokens = max_tokens;
}

/* For tests: token i of the next answers is tokens[i] unless that is negative. The array stays the
 * caller's. */
void thimble_force(const int32_t *tokens, size_t count)
{
    options.forced = tokens;
    options.forced_count = count;
}

/* ---- tool lists ------------------------------------------------------------------------------ */

/* Bytes for this request, 0 and an error if it is refused. */
static size_t request_size(tb_str request, const list_record *list)
{
    options.lenient = list->lenient;
    if (!clear_scratch(tb_needle_reading_size(needle, request.len, list->text.len)))
        return 0;
    return tb_needle_exact_size(needle, &shim.scratch_arena, request, list->text, &options,
                                &shim.error);
}

/* A list's handle. tools: JSON text. */
int thimble_prepare(const char *tools, size_t len, int lenient)
{
    tb_needle_tools read;
    list_record *list;
    begin_call();
    if (!is_open())
        return failed();
    list = take(sizeof *list + len, "a tool list");
    if (list == NULL)
        return failed();
    *list = (list_record){0, lenient != 0, {(const char *)(list + 1), len}};
    memcpy(list + 1, tools, len);
    if (request_size((tb_str){NULL, 0}, list) == 0 ||
        !tb_needle_tools_read(&shim.scratch_arena, list->text, !options.keep_tools, &read,
                              &shim.error)) {
        heap_free(list);
        return failed();
    }
    list->count = read.tool_count;
    return (int)(uintptr_t)list;
}

static bool marked(const uint8_t *saved, size_t len, const char *mark)
{
    return len >= strlen(mark) && memcmp(saved, mark, strlen(mark)) == 0;
}

/* A list's handle, from bytes that thimble_save() gave. */
int thimble_load(const uint8_t *saved, size_t len)
{
    bool lenient = marked(saved, len, LENIENT_MARK);
    size_t skip = strlen(lenient ? LENIENT_MARK : STRICT_MARK);
    begin_call();
    if (lenient || marked(saved, len, STRICT_MARK))
        return thimble_prepare((const char *)saved + skip, len - skip, lenient);
    tb_fail(&shim.error, TB_E_FORMAT,
            "these bytes are no tool list prepared for Needle 1's weights");
    return failed();
}

/* The list as bytes, in the output. */
int thimble_save(const list_record *list)
{
    const char *mark = list->lenient ? LENIENT_MARK : STRICT_MARK;
    size_t skip = strlen(mark);
    begin_call();
    shim.held = take(skip + list->text.len, "a saved tool list");
    if (shim.held == NULL)
        return failed();
    memcpy(shim.held, mark, skip);
    memcpy((char *)shim.held + skip, list->text.ptr, list->text.len);
    shim.output = (tb_str){shim.held, skip + list->text.len};
    return 0;
}

/* Gives the list's memory back; a run that was begun with it is void. */
void thimble_release(list_record *list)
{
    run = NULL;
    heap_free(list);
}

uint32_t thimble_count(const list_record *list)
{
    return list->count;
}

/* ---- answers --------------------------------------------------------------------------------- */

/* Reads and encodes a request. It must stay where it is until thimble_decode(). The rest of the
 * arguments is what shim.c takes: calls beyond max_calls are cut off by the loader; the model
 * alone decides whether to call what, so choice must be TB_CHOICE_AUTO. */
int thimble_encode(const list_record *list, const char *request, size_t len, uint32_t max_calls,
                   uint32_t choice, const char *tool, size_t tool_len, double min_confidence)
{
    tb_str query = {request, len};
    size_t bytes;
    begin_call();
    (void)max_calls, (void)tool, (void)tool_len, (void)min_confidence;
    if (!is_open())
        return failed();
    if (choice != TB_CHOICE_AUTO) {
        tb_fail(&shim.error, TB_E_OPTION,
                "Needle 1's weights know no tool choice but auto: leave it out");
        return failed();
    }
    bytes = request_size(query, list);
    if (bytes == 0 || !clear_scratch(bytes))
        return failed();
    run = tb_needle_begin(needle, &shim.scratch_arena, query, list->text, &options, &shim.error);
    return run != NULL ? 0 : failed();
}

/* {"calls":[..],"abstained","stop","text","valid","tokens":[..],"usage":{..},..}: the members of
 * router.h, and what only this format has. */
static void write_answer(tb_json_writer *w, const tb_needle_answer *answer)
{
    tb_json_raw(w, "{\"calls\":");
    tb_json_bytes(w, answer->calls);
    tb_json_raw(w, tb_str_equal(answer->calls, tb_str_of("[]")) ? ",\"abstained\":true"
                                                                : ",\"abstained\":false");
    tb_json_raw(w, answer->ended ? ",\"stop\":\"end\"" : ",\"stop\":\"length\"");
    tb_json_raw(w, ",\"incomplete\":[],\"ignored\":[],\"usage\":{\"promptTokens\":");
    tb_json_int(w, (int64_t)answer->input_count);
    tb_json_raw(w, ",\"decisions\":");
    tb_json_int(w, (int64_t)answer->token_count);
    tb_json_raw(w, ",\"forced\":0},\"text\":");
    tb_json_string(w, answer->text);
    tb_json_raw(w, answer->valid ? ",\"valid\":true" : ",\"valid\":false");
    tb_json_raw(w, ",\"tokens\":[");
    for (size_t i = 0; i < answer->token_count; i++) {
        tb_json_raw(w, i > 0 ? "," : "");
        tb_json_int(w, answer->tokens[i]);
    }
    tb_json_raw(w, "]}");
}

/* Decodes; the answer is in the output. Once per thimble_encode(). */
int thimble_decode(void)
{
    tb_needle_run *begun = run;
    tb_needle_answer answer;
    size_t room;
    begin_call();
    run = NULL;
    if (begun == NULL) {
        tb_fail(&shim.error, TB_E_OPTION, "no request is encoded: call thimble_encode() first");
        return failed();
    }
    if (!tb_needle_finish(begun, &answer, &shim.error))
        return failed();
    room = 512 + answer.calls.len + answer.text.len * 6 + answer.token_count * 11;
    shim.held = take(room, "the answer");
    if (shim.held == NULL)
        return failed();
    tb_json_writer w = {shim.held, 0, room, false};
    write_answer(&w, &answer);
    return tb_json_writer_end(&w, &shim.output, &shim.error) ? 0 : failed();
}

/* ---- ranking --------------------------------------------------------------------------------- */

static void write_name(tb_json_writer *w, const tb_py_json *json, uint32_t tool)
{
    uint32_t inner = tb_py_get(json, tool, "function");
    uint32_t name = tb_py_get(json, inner != 0 ? inner : tool, "name");
    tb_py_writer counted = {NULL, 0}, written = {w->text + w->used, 0};
    if (name == 0 || json->nodes[name].type != TB_PY_STRING) {
        tb_json_raw(w, "null");
        return;
    }
    tb_py_put_string(&counted, json->nodes[name].text);
    if (counted.used > w->room - w->used) {
        w->full = true;
        return;
    }
    tb_py_put_string(&written, json->nodes[name].text);
    w->used += written.used;
}

static bool rank(tb_str query, const list_record *list, uint32_t k)
{
    tb_arena *scratch = &shim.scratch_arena;
    tb_needle_match *best = tb_alloc(scratch, k + 1, sizeof *best, &shim.error);
    size_t count, room = 64 + list->text.len * 6 + (size_t)k * 64;
    tb_json_writer w;
    tb_py_json json;
    bool valid;
    if (best == NULL ||
        !tb_needle_retrieve(needle, scratch, query, list->text, !options.keep_tools, best, k,
                            &count, &shim.error) ||
        !tb_py_parse(scratch, list->text, &json, &valid, &shim.error))
        return false;
    shim.held = take(room, "the answer");
    if (shim.held == NULL)
        return false;
    w = (tb_json_writer){shim.held, 0, room, false};
    tb_json_raw(&w, "{\"tools\":[");
    for (size_t i = 0; i < count; i++) {
        uint32_t tool = 1;
        for (uint32_t n = 0; n < best[i].tool; n++)
            tool = json.nodes[tool].next;
        tb_json_raw(&w, i > 0 ? ",{\"name\":" : "{\"name\":");
        write_name(&w, &json, tool);
        tb_json_raw(&w, ",\"score\":");
        tb_json_fixed(&w, (double)best[i].score, 6);
        tb_json_raw(&w, "}");
    }
    tb_json_raw(&w, "]}");
    return tb_json_writer_end(&w, &shim.output, &shim.error);
}

/* The k tools (at most 1000) that fit a request best, in the output:
 * {"tools":[{"name","score"}]}, scores cosine similarities. TB_E_OPTION where the file has no
 * retrieval head (the published one has none). */
int thimble_retrieve(const list_record *list, const char *request, size_t len, uint32_t k)
{
    size_t bytes;
    begin_call();
    if (!is_open())
        return failed();
    bytes = tb_needle_scratch_size(needle, len, list->text.len);
    k = k < MOST_RANKED ? k : MOST_RANKED;
    if (bytes > SIZE_MAX / 2)
        bytes = SIZE_MAX; /* refused next */
    else
        bytes += list->text.len * 64 + 65536; /* the list as JSON, the matches */
    return clear_scratch(bytes) && rank((tb_str){request, len}, list, k) ? 0 : failed();
}

/* The unit vector of a text, in the output: 32-bit floats. TB_E_OPTION as above. */
int thimble_embed(const char *text, size_t len)
{
    size_t bytes;
    begin_call();
    if (!is_open() || !clear_scratch(tb_needle_scratch_size(needle, len, 0)))
        return failed();
    bytes = tb_needle_embedding_size(needle) * sizeof(float);
    shim.held = take(bytes + 1, "the answer"); /* without a head bytes is 0 and the next line fails */
    if (shim.held == NULL ||
        !tb_needle_embed(needle, &shim.scratch_arena, (tb_str){text, len}, (float *)shim.held, &shim.error))
        return failed();
    shim.output = (tb_str){shim.held, bytes};
    return 0;
}
