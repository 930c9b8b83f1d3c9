/* test_grammar.c - walks through the grammar against the Python reference
 * (tests/golden/grammar.jsonl): the same kind and allowed positions at every step, the same calls
 * at the end. */
#include "jsonl.h"

#include "../../src/grammar.h"

#include <time.h>

/* One golden line, made into what the grammar takes. */
typedef struct {
    tb_arena arena;
    tb_tools *tools;
    tb_query query;
    tb_segment *segments;
    tb_grammar_options options;
} fixture;

static uint8_t memory[4 << 20];

/* The text of a JSON value as the line spells it: from its first to its last sign. */
static tb_str spelling(const tb_json *json, uint32_t node)
{
    return json->nodes[node].text;
}

static tb_token *read_tokens(fixture *f, const tb_json *json, tb_error *err)
{
    uint32_t list = jsonl_find(json, 0, "tokens"), i = list + 1;
    tb_token *tokens;
    f->query.count = jsonl_node(json, list)->count / 2;
    tokens = tb_alloc(&f->arena, f->query.count, sizeof *tokens, err);
    for (uint32_t t = 0; tokens != NULL && t < f->query.count; t++, i += 2)
        tokens[t] =
            (tb_token){300, (uint32_t)jsonl_int(json, i), (uint32_t)jsonl_int(json, i + 1), 0};
    return tokens;
}

static uint16_t *read_rows(fixture *f, const tb_json *json, uint32_t list, uint32_t count,
                           tb_error *err)
{
    uint16_t *rows = tb_alloc(&f->arena, count, sizeof *rows, err);
    CHECK_INT(jsonl_node(json, list)->count, count);
    for (uint32_t i = 0; rows != NULL && i < count; i++)
        rows[i] = (uint16_t)jsonl_int(json, list + 1 + i);
    return rows;
}

static bool set_up(fixture *f, const tb_json *json)
{
    tb_error err = {TB_OK, {0}};
    tb_str tools = spelling(json, jsonl_find(json, 0, "tools"));
    uint32_t rows = jsonl_find(json, 0, "rows"), options = jsonl_find(json, 0, "options"), at;
    tb_arena_init(&f->arena, memory, sizeof memory);
    f->tools = tb_schema_read(&f->arena, &f->arena, tools.ptr, tools.len, false, &err);
    f->query.text = jsonl_text(json, 0, "query");
    f->query.tokens = read_tokens(f, json, &err);
    if (!CHECK(f->tools != NULL && f->tools->count == jsonl_node(json, rows)->count)) {
        printf("    line %d: %s\n", test_line, err.message);
        return false;
    }
    f->segments = tb_alloc(&f->arena, f->tools->count, sizeof *f->segments, &err);
    at = rows + 1;
    for (uint32_t i = 0; i < f->tools->count; i++, at = json->nodes[at].next) {
        const tb_tool *tool = &f->tools->tools[i];
        f->segments[i] =
            (tb_segment){tool, NULL, (uint32_t)jsonl_int(json, at + 1),
                         read_rows(f, json, jsonl_item(json, at, 1), tool->argument_count, &err),
                         read_rows(f, json, jsonl_item(json, at, 2), tool->value_count, &err)};
    }
    f->options.max_calls = (uint32_t)jsonl_int(json, options + 1);
    f->options.must_call = json->nodes[options + 2].type == TB_JSON_TRUE;
    f->options.only_tool = (int32_t)jsonl_int(json, options + 3);
    return err.status == TB_OK;
}

/* FNV-1a over the positions, as in make_grammar_vectors.py. */
static uint32_t fingerprint(const int32_t *positions, uint32_t count)
{
    uint32_t h = 0x811c9dc5;
    for (uint32_t i = 0; i < count; i++)
        h = (h ^ (uint32_t)positions[i]) * 0x01000193;
    return h;
}

static bool walk(tb_grammar *g, const tb_json *json)
{
    uint32_t steps = jsonl_find(json, 0, "steps"), n = 0;
    for (uint32_t s = steps + 1; s < json->nodes[steps].next; s = json->nodes[s].next, n++) {
        if (!CHECK(!g->done && (int64_t)g->kind == jsonl_int(json, s + 1) &&
                   g->allowed_count == jsonl_int(json, s + 3) &&
                   fingerprint(g->allowed, g->allowed_count) == jsonl_int(json, s + 4))) {
            printf("    line %d, step %u: kind %d, %u allowed:", test_line, (unsigned)n,
                   (int)g->kind, (unsigned)g->allowed_count);
            for (uint32_t i = 0; i < g->allowed_count && i < 40; i++)
                printf(" %d", (int)g->allowed[i]);
            printf("\n");
            return false;
        }
        CHECK(tb_grammar_choose(g, (int32_t)jsonl_int(json, s + 2)));
    }
    return CHECK(g->done && !tb_grammar_choose(g, g->end));
}

static tb_str arguments_of(const tb_grammar *g, const tb_call *call)
{
    static uint8_t room[1 << 18];
    tb_arena arena;
    tb_json_writer w;
    tb_error err = {TB_OK, {0}};
    tb_str out = {NULL, 0};
    tb_arena_init(&arena, room, sizeof room);
    CHECK(tb_json_writer_begin(&w, &arena, sizeof room - 128, &err));
    tb_grammar_write_arguments(g, call, &w);
    CHECK(tb_json_writer_end(&w, &out, &err));
    return out;
}

static void check_calls(const tb_grammar *g, const tb_json *json)
{
    uint32_t calls = jsonl_find(json, 0, "calls"), at = calls + 1;
    CHECK_INT(g->call_count, jsonl_node(json, calls)->count);
    for (uint32_t i = 0; i < g->call_count; i++, at = json->nodes[at].next) {
        tb_str got = arguments_of(g, &g->calls[i]), want = json->nodes[at + 2].text;
        CHECK_INT(g->calls[i].tool, jsonl_int(json, at + 1));
        if (!CHECK(tb_str_equal(got, want)))
            printf("    line %d: got %.*s\n    want %.*s\n", test_line, (int)got.len, got.ptr,
                   (int)want.len, want.ptr);
    }
}

static void check_spans(const tb_grammar *g, const tb_json *json)
{
    uint32_t spans = jsonl_find(json, 0, "spans"), at = spans + 1, seen = 0;
    for (uint32_t c = 0; c < g->call_count; c++) {
        for (uint32_t t = 0; t < g->calls[c].taken_count; t++) {
            const tb_taken *taken = &g->taken[g->calls[c].first_taken + t];
            for (uint32_t i = 0; i < taken->item_count; i++) {
                const tb_item *item = &g->items[taken->first_item + i];
                if (item->value != NULL)
                    continue;
                if (!CHECK(seen++ < json->nodes[spans].count))
                    return;
                CHECK_INT(taken->argument, jsonl_int(json, at + 2));
                CHECK_INT(item->start, jsonl_int(json, at + 4));
                CHECK_INT(item->end, jsonl_int(json, at + 5));
                at = json->nodes[at].next;
            }
        }
    }
    CHECK_INT(seen, json->nodes[spans].count);
}

static void check_incomplete(const tb_grammar *g, const tb_json *json)
{
    uint32_t list = jsonl_find(json, 0, "incomplete"), at = list + 1;
    CHECK_INT(g->incomplete_count, jsonl_node(json, list)->count);
    for (uint32_t i = 0; i < g->incomplete_count; i++, at = json->nodes[at].next) {
        uint64_t missing = 0;
        uint32_t arguments = at + 2;
        for (uint32_t n = 0; n < json->nodes[arguments].count; n++)
            missing |= UINT64_C(1) << jsonl_int(json, arguments + 1 + n);
        CHECK_INT(g->incomplete[i].tool, jsonl_int(json, at + 1));
        CHECK(g->incomplete[i].missing == missing);
    }
}

/* Decisions belong to calls and arguments without gaps or overlaps. */
static void check_decisions(const tb_grammar *g)
{
    uint32_t last = 0;
    for (uint32_t c = 0; c < g->call_count; c++) {
        const tb_call *call = &g->calls[c];
        uint32_t inside = call->first_decision + 1;
        CHECK(call->first_decision >= last && call->end_decision <= g->decisions);
        last = call->end_decision;
        for (uint32_t t = 0; t < call->taken_count; t++) {
            const tb_taken *taken = &g->taken[call->first_taken + t];
            CHECK(taken->first_decision >= inside &&
                  taken->end_decision > taken->first_decision + 1);
            inside = taken->end_decision;
            CHECK(taken->item_count > 0);
        }
        CHECK(inside <= call->end_decision);
    }
}

static void check_line(const tb_json *json, void *with)
{
    fixture f;
    tb_error err = {TB_OK, {0}};
    tb_grammar *g;
    (void)with;
    if (!set_up(&f, json))
        return;
    g = tb_grammar_begin(&f.arena, &f.query, f.segments, f.tools->count, &f.options, &err);
    if (!CHECK(g != NULL) || !walk(g, json))
        return;
    check_calls(g, json);
    check_spans(g, json);
    check_incomplete(g, json);
    check_decisions(g);
}

static const char *golden_file = "tests/golden/grammar.jsonl";

static void golden(void)
{
    jsonl_each(golden_file, 400, check_line, NULL);
}

/* No position outside the allowed ones is taken. */
static void check_refusals(const tb_json *json, void *with)
{
    fixture f;
    tb_error err = {TB_OK, {0}};
    tb_grammar *g;
    (void)with;
    if (test_line % 20 != 0 || !set_up(&f, json))
        return;
    g = tb_grammar_begin(&f.arena, &f.query, f.segments, f.tools->count, &f.options, &err);
    for (int32_t p = -2; g != NULL && p < g->end + 3; p++) {
        bool allowed = false;
        for (uint32_t i = 0; i < g->allowed_count; i++)
            allowed = allowed || g->allowed[i] == p;
        if (!allowed)
            CHECK(!tb_grammar_choose(g, p));
    }
}

static void refusals(void)
{
    jsonl_each(golden_file, 400, check_refusals, NULL);
}

/* ---- cost ------------------------------------------------------------------------------------ */

enum { HOSTILE_BYTES = 4096, HOSTILE_TOKENS = 320 };

/* Every token is a word of its own, with brackets, numbers and word marks in turn. */
static void hostile_query(tb_query *q, char *text, tb_token *tokens)
{
    static const char SIGNS[] = "a 1(2)b,3.c-d\xc3\xa9 <e>k";
    q->count = HOSTILE_TOKENS;
    q->tokens = tokens;
    q->text = (tb_str){text, HOSTILE_BYTES};
    for (size_t i = 0; i < HOSTILE_BYTES; i++)
        text[i] = SIGNS[i % (sizeof SIGNS - 1)];
    text[HOSTILE_BYTES - 1] = 'z';
    text[HOSTILE_BYTES - 2] = ' ';
    text[HOSTILE_BYTES - 3] = ' ';
    tokens[0] = (tb_token){TB_ID_QUERY, 0, 0, 0};
    for (uint32_t t = 1; t < HOSTILE_TOKENS; t++)
        tokens[t] = (tb_token){300, (t - 1) * 12, t * 12, 0};
    tokens[HOSTILE_TOKENS - 1].end = HOSTILE_BYTES;
}

static size_t hostile_tools(char *text, size_t room)
{
    size_t used = (size_t)snprintf(text, room, "[");
    for (int t = 0; t < 256; t++) {
        used += (size_t)snprintf(
            text + used, room - used,
            "%s{\"name\":\"t%d\",\"parameters\":{\"type\":\"object\",\"properties\":{",
            t ? "," : "", t);
        for (int a = 0; a < 16; a++)
            used += (size_t)snprintf(text + used, room - used,
                                     "%s\"a%d\":{\"type\":\"array\",\"items\":{\"type\":\"string\","
                                     "\"pattern\":\"^(.*)*(.*)*[xyz]$\","
                                     "\"minLength\":%d}}",
                                     a ? "," : "", a, a);
        used += (size_t)snprintf(text + used, room - used, "}}}");
    }
    return used + (size_t)snprintf(text + used, room - used, "]");
}

static void cost(void)
{
    enum { ROOM = 64 << 20, TEXT = 1 << 20 };
    static char text[HOSTILE_BYTES];
    static tb_token tokens[HOSTILE_TOKENS];
    static uint16_t rows[64];
    char *tools_text = malloc(TEXT);
    void *room = malloc(ROOM);
    tb_arena arena;
    tb_error err = {TB_OK, {0}};
    tb_query query;
    tb_tools *tools;
    tb_segment *segments;
    tb_grammar *g;
    tb_grammar_options options = {8, true, -1};
    clock_t start = clock();
    uint64_t seed = 7;
    double worst = 0;
    tb_arena_init(&arena, room, ROOM);
    hostile_query(&query, text, tokens);
    tools =
        tb_schema_read(&arena, &arena, tools_text, hostile_tools(tools_text, TEXT), false, &err);
    if (!CHECK(tools != NULL)) {
        printf("    %s\n", err.message);
        return;
    }
    segments = tb_alloc(&arena, tools->count, sizeof *segments, &err);
    for (uint16_t i = 0; i < 64; i++)
        rows[i] = (uint16_t)(i + 1);
    for (uint32_t i = 0; i < tools->count; i++)
        segments[i] = (tb_segment){&tools->tools[i], NULL, TB_TOOL_ROWS, rows, rows};
    printf("hostile: schema %.1f ms", (double)(clock() - start) * 1e3 / CLOCKS_PER_SEC);
    start = clock();
    g = tb_grammar_begin(&arena, &query, segments, tools->count, &options, &err);
    if (!CHECK(g != NULL))
        return;
    printf(", request %.1f ms", (double)(clock() - start) * 1e3 / CLOCKS_PER_SEC);
    while (!g->done) {
        double ms;
        uint32_t pick = (uint32_t)(test_random(&seed) % g->allowed_count);
        start = clock();
        if (g->kind == TB_DECIDE_NEXT && g->decisions < 200)
            pick = 0;
        CHECK(tb_grammar_choose(g, g->allowed[pick]));
        ms = (double)(clock() - start) * 1e3 / CLOCKS_PER_SEC;
        worst = ms > worst ? ms : worst;
    }
    printf(", %u decisions, worst %.1f ms\n", (unsigned)g->decisions, worst);
    CHECK(g->decisions > 8);
    free(room);
    free(tools_text);
}

int main(int argc, char **argv)
{
    if (argc > 1)
        golden_file = argv[1];
    RUN(golden);
    RUN(refusals);
    RUN(cost);
    return test_end();
}
