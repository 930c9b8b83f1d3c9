/* router.c - opening a model; a request: encode, decide step by step. */
#include "router_inside.h"

#include <string.h>

enum {
    SLACK = 16 << 10,      /* for rounding small blocks up to 64 bytes, and the router itself */
    BYTES_PER_PIECE = 40,  /* tokenizer tables */
    BYTES_PER_LETTER = 96, /* tokenizer and spans, per byte of a request */
    ANSWER_ROOM = 64 << 10
};

uint64_t tb_fingerprint(const uint8_t *bytes, size_t len)
{
    uint64_t hash = 0x9e3779b97f4a7c15u ^ len, word = 0;
    size_t i = 0;
    for (; i + 8 <= len; i += 8) {
        memcpy(&word, bytes + i, 8);
        hash = (hash ^ word) * 0xff51afd7ed558ccdu;
        hash ^= hash >> 32;
    }
    word = 0;
    memcpy(&word, bytes + i, len - i);
    hash = (hash ^ word) * 0xff51afd7ed558ccdu;
    return hash ^ hash >> 29;
}

/* ---- opening --------------------------------------------------------------------------------- */

size_t tb_router_size(tb_arena *scratch, const uint8_t *weights, size_t weights_len, tb_error *err)
{
    size_t mark = tb_arena_mark(scratch), size = 0;
    size_t model = tb_model_load_bytes(weights, weights_len, scratch, err);
    tb_weights opened;
    if (model && tb_weights_open(weights, weights_len, scratch, &opened, err))
        size = model + (size_t)opened.config.vocab_size * BYTES_PER_PIECE + SLACK;
    tb_arena_reset(scratch, mark);
    return size;
}

/* A number of the metadata, low..high as `range` says; *out stays as it is if there is none. */
static bool read_number(const char *key, tb_str text, double low, double high, const char *range,
                        double *out, tb_error *err)
{
    tb_number number;
    if (text.len == 0)
        return true;
    bool good = tb_number_parse(text, &number);
    if (good)
        *out = tb_number_double(number);
    if (!good || !(*out >= low && *out <= high))
        return tb_fail(err, TB_E_FORMAT, "the metadata's %s is \"%.*s\", not a number %s", key,
                       (int)(text.len < 32 ? text.len : 32), text.ptr, range);
    return true;
}

/* FORMAT.md section 4: an exponent, and two thresholds. */
static bool read_confidence(tb_router *router, const tb_config *config, tb_error *err)
{
    router->calibration = 1;
    router->min_confidence = 0;
    router->none_above = 1;
    return read_number("calibration", config->calibration, 0.1, 10, "0.1..10", &router->calibration,
                       err) &&
           read_number("min_confidence", config->min_confidence, 0, 1, "0..1",
                       &router->min_confidence, err) &&
           read_number("none_above", config->none_above, 0, 1, "0..1", &router->none_above, err);
}

tb_router *tb_router_open(tb_arena *arena, const uint8_t *weights, size_t weights_len,
                          const char *vocabulary, size_t vocabulary_len,
                          const tb_router_options *options, tb_error *err)
{
    const tb_kernels *kernels = tb_kernels_select(options->kernels, err);
    tb_router *router = tb_alloc(arena, 1, sizeof *router, err);
    if (!kernels || !router)
        return NULL;
    router->model = tb_model_load(weights, weights_len, kernels, options->numeric, arena, err);
    if (!router->model)
        return NULL;
    const tb_config *config = tb_model_config(router->model);
    tb_str text = {vocabulary, vocabulary_len};
    if (!tb_tokenizer_open(text, config->format, config->vocab_size, arena, &router->tokenizer,
                           err))
        return NULL;
    router->fingerprint = tb_fingerprint(weights, weights_len);
    return read_confidence(router, config, err) ? router : NULL;
}

double tb_router_min_confidence(const tb_router *router)
{
    return router->min_confidence;
}

const tb_model *tb_router_model(const tb_router *router)
{
    return router->model;
}

const tb_tokenizer *tb_router_tokenizer(const tb_router *router)
{
    return &router->tokenizer;
}

/* ---- a request ------------------------------------------------------------------------------- */

static size_t most(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* Rows that a request of `len` bytes may take. */
static size_t request_rows(size_t len)
{
    return len + 2 < TB_QUERY_ROWS ? len + 2 : TB_QUERY_ROWS;
}

size_t tb_scratch_size(const tb_router *router, const tb_list *list, size_t len)
{
    if (!list)
        return tb_list_scratch(router, len);
    if (len > TB_QUERY_BYTES)
        len = TB_QUERY_BYTES; /* longer ones are refused early */
    size_t rows = request_rows(len), sum = SLACK + ANSWER_ROOM + sizeof(tb_grammar);
    size_t positions = rows + TB_MAX_VALUES + TB_MAX_ARGUMENTS + list->count + 1;
    size_t encode = tb_encode_bytes(router->model, rows, list->rows);
    size_t decode = tb_decoder_bytes(router->model, rows + list->rows, TB_MAX_DECISIONS);
    size_t query = tb_encoded_floats(router->model, rows, rows, false);
    size_t parts[] = {encode,
                      decode,
                      query * sizeof(float),
                      len * (BYTES_PER_LETTER + 12),
                      positions * (sizeof(tb_place) + 3 * sizeof(float)),
                      rows * (sizeof(tb_token) + TB_NUMBER_TOKENS * sizeof(tb_number_span) + 64),
                      list->count * (TB_MAX_ARGUMENTS + 64),
                      list->count > TB_WHOLE_LIST ? tb_shortlist_bytes(list->count) : 0};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (!tb_add(sum, parts[i], &sum))
            return 0;
    return most(sum, 1);
}

static bool check_options(const tb_list *list, const tb_route_options *o, tb_grammar_options *out,
                          tb_error *err)
{
    *out = (tb_grammar_options){
        o->max_calls ? o->max_calls : TB_MAX_CALLS,
        o->tool_choice == TB_CHOICE_REQUIRED || o->tool_choice == TB_CHOICE_TOOL, -1};
    if (o->max_calls > TB_MAX_CALLS)
        return tb_fail(err, TB_E_OPTION, "max_calls is %u; it goes from 1 to %d", o->max_calls,
                       TB_MAX_CALLS);
    if (!(o->min_confidence >= 0 && o->min_confidence <= 1))
        return tb_fail(err, TB_E_OPTION, "min_confidence is out of range; it goes from 0 to 1");
    if (o->tool_choice > TB_CHOICE_TOOL)
        return tb_fail(err, TB_E_OPTION, "tool_choice %d does not exist", (int)o->tool_choice);
    if (o->tool_choice != TB_CHOICE_TOOL)
        return true;
    for (uint32_t i = 0; i < list->count; i++)
        if (tb_str_equal(list->tools->tools[i].name, o->tool))
            out->only_tool = (int32_t)i;
    return out->only_tool >= 0 ||
           tb_fail(err, TB_E_OPTION, "tool_choice names \"%.*s\", which is not in the list",
                   (int)(o->tool.len < 128 ? o->tool.len : 128), o->tool.ptr);
}

/* Encodes the request against the list's tools. */
static bool encode(tb_route *route, tb_error *err)
{
    const tb_list *list = route->list;
    size_t rows = route->query.count,
           floats = tb_encoded_floats(route->router->model, rows, rows, false);
    float *block = tb_alloc(route->scratch, floats, sizeof *block, err);
    uint32_t *ids = tb_alloc(route->scratch, rows, sizeof *ids, err);
    uint8_t *classes = tb_alloc(route->scratch, rows, 1, err);
    route->segments = tb_alloc(route->scratch, list->count + 1u, sizeof *route->segments, err);
    if (!block || !ids || !classes || !route->segments)
        return false;
    for (size_t i = 0; i < rows; i++) {
        ids[i] = route->query.tokens[i].id;
        classes[i] = route->query.tokens[i].case_class;
    }
    route->segments[0] = &route->encoded;
    for (uint32_t i = 0; i < list->count; i++)
        route->segments[i + 1] = &list->encoded[i];
    return tb_encoded_bind(route->router->model, block, floats, rows, rows, false, &route->encoded,
                           err) &&
           tb_encode(route->router->model, ids, classes, rows, NULL, route->segments + 1,
                     list->count, &route->encoded, route->scratch, err);
}

tb_route *tb_route_open(const tb_router *router, const tb_list *list, tb_arena *scratch,
                        const tb_query *query, const tb_route_options *options,
                        const tb_grammar_options *grammar, tb_error *err)
{
    tb_route *route = tb_alloc(scratch, 1, sizeof *route, err);
    if (!route)
        return NULL;
    *route = (tb_route){.router = router,
                        .list = list,
                        .whole = list,
                        .scratch = scratch,
                        .options = *options,
                        .query = *query};
    if (!encode(route, err))
        return NULL;
    route->grammar =
        tb_grammar_begin(scratch, &route->query, list->segments, list->count, grammar, err);
    route->decoder = tb_decoder_start(router->model, route->segments, list->count + 1u,
                                      TB_MAX_DECISIONS, scratch, err);
    size_t room = (size_t)route->query.count + TB_MAX_VALUES + TB_MAX_ARGUMENTS + list->count + 1;
    route->places = tb_alloc(scratch, room, sizeof *route->places, err);
    route->scores = tb_alloc(scratch, room, sizeof *route->scores, err);
    route->probability = tb_alloc(scratch, TB_MAX_DECISIONS, sizeof *route->probability, err);
    route->steps = tb_alloc(scratch, TB_MAX_DECISIONS, sizeof *route->steps, err);
    bool ok = route->grammar && route->decoder && route->places && route->scores &&
              route->probability && route->steps;
    return ok ? route : NULL;
}

tb_route *tb_route_begin(const tb_router *router, const tb_list *list, tb_arena *scratch,
                         const char *request, size_t len, const tb_route_options *options,
                         tb_error *err)
{
    tb_grammar_options grammar;
    tb_query query;
    if (!check_options(list, options, &grammar, err) ||
        !tb_query_read(&router->tokenizer, (tb_str){request, len}, scratch, scratch, &query, err))
        return NULL;
    if (list->count <= TB_WHOLE_LIST || grammar.only_tool >= 0)
        return tb_route_open(router, list, scratch, &query, options, &grammar, err);
    return tb_shortlist_open(router, list, scratch, &query, options, &grammar, err);
}

/* Where the model keeps the state of a position: every row of the request, the anchors of a tool.
 */
static tb_place place_of(const tb_route *route, int32_t position)
{
    const tb_grammar *g = route->grammar;
    if (position == g->end)
        return (tb_place){TB_PLACE_END, 0};
    uint32_t p = (uint32_t)position;
    if (p < route->query.count)
        return (tb_place){0, p};
    uint32_t low = 0, high = route->list->count; /* the last tool that begins at or before p */
    while (high - low > 1) {
        uint32_t middle = (low + high) / 2;
        if (g->offsets[middle] <= position)
            low = middle;
        else
            high = middle;
    }
    const uint32_t *kept = route->list->kept[low], row = p - (uint32_t)g->offsets[low];
    uint32_t at = 0, end = route->list->encoded[low].kept;
    while (end - at > 1) {
        uint32_t middle = (at + end) / 2;
        if (kept[middle] <= row)
            at = middle;
        else
            end = middle;
    }
    return (tb_place){low + 1, at};
}

/* Scores of the positions allowed now. */
static bool score(tb_route *route, tb_error *err)
{
    const tb_grammar *g = route->grammar;
    for (uint32_t i = 0; i < g->allowed_count; i++)
        route->places[i] = place_of(route, g->allowed[i]);
    return tb_decoder_score(route->decoder, route->places, g->allowed_count, route->scores, err);
}

bool tb_route_first(tb_route *route, tb_error *err)
{
    if (route->begun)
        return true;
    if (!tb_decoder_step(route->decoder, NULL, (unsigned)route->grammar->kind, err) ||
        !score(route, err))
        return false;
    route->begun = true;
    return true;
}

/* The best of the scored positions (the first on ties), and its probability among them. */
static uint32_t best(tb_route *route, float *probability)
{
    uint32_t count = route->grammar->allowed_count, at = 0;
    for (uint32_t i = 1; i < count; i++)
        if (route->scores[i] > route->scores[at])
            at = i;
    *probability = 1.0f / tb_model_kernels(route->router->model)->softmax(route->scores, count);
    return at;
}

/* After best() of the first decision: END, where that is allowed and likely enough, or what was best. */
static uint32_t none_or(const tb_route *route, uint32_t at, float *probability)
{
    const tb_grammar *g = route->grammar;
    for (uint32_t i = 0; i < g->allowed_count; i++) {
        float none = route->scores[i] * *probability; /* softmax left them as parts of the best one */
        if (g->allowed[i] == g->end && (double)none > route->router->none_above) {
            *probability = none;
            return i;
        }
    }
    return at;
}

static bool decide(tb_route *route, tb_error *err)
{
    tb_grammar *g = route->grammar;
    while (!g->done) {
        uint32_t step = g->decisions, at = 0;
        if (step) {
            tb_place before = place_of(route, route->steps[step - 1]);
            if (!tb_decoder_step(route->decoder, &before, (unsigned)g->kind, err))
                return false;
        } else if (!tb_route_first(route, err)) {
            return false;
        }
        route->probability[step] = 1.0f;
        if (g->allowed_count == 1) {
            route->forced++;
        } else {
            if (step && !score(route, err))
                return false;
            at = best(route, &route->probability[step]);
            if (!step)
                at = none_or(route, at, &route->probability[step]);
        }
        route->steps[step] = g->allowed[at];
        if (!tb_grammar_choose(g, g->allowed[at]))
            return tb_fail(err, TB_E_INTERNAL, "the grammar refused what it had allowed");
    }
    return true;
}

bool tb_route_finish(tb_route *route, tb_str *answer, tb_error *err)
{
    if (route->finished)
        return tb_fail(err, TB_E_OPTION, "this route is finished; begin another");
    route->finished = true;
    if (route->options.tool_choice != TB_CHOICE_NONE && !decide(route, err))
        return false;
    return tb_answer_write(route, answer, err);
}

bool tb_route_rank(tb_route *route, unsigned k, tb_str *answer, tb_error *err)
{
    if (route->finished)
        return tb_fail(err, TB_E_OPTION, "this route is finished; rank before deciding");
    if (k < 1)
        return tb_fail(err, TB_E_OPTION, "k is 0; ask for at least one tool");
    if (route->options.tool_choice != TB_CHOICE_AUTO)
        return tb_fail(err, TB_E_OPTION, "ranking takes tool_choice auto only");
    route->finished = true;
    if (!tb_route_first(route, err))
        return false;
    return tb_rank_write(route, route->match ? tb_shortlist_rank(route) : route->scores, k, answer, err);
}
