/* test_segment.c - what the encoder reads of tools and requests against the Python reference
 * (tests/golden/segments.jsonl, made with the vocabulary in models/tiny). */
#include "jsonl.h"

#include "../../src/segment.h"

enum { VOCABULARY = 14336, ROOM = 32 << 20 };

typedef struct {
    tb_tokenizer tokenizer;
    tb_str vocabulary;
    tb_arena arena, scratch;
} fixture;

static uint32_t fingerprint(tb_str bytes)
{
    uint32_t h = 0x811c9dc5;
    for (size_t i = 0; i < bytes.len; i++)
        h = (h ^ (uint8_t)bytes.ptr[i]) * 0x01000193;
    return h;
}

/* A golden list against numbers that are told one by one. */
typedef struct {
    const tb_json *json;
    uint32_t at, left;
} golden_list;

static golden_list list_of(const tb_json *json, const char *key)
{
    uint32_t list = jsonl_find(json, 0, key);
    return (golden_list){json, list + 1, jsonl_node(json, list)->count};
}

static void check_next(golden_list *list, uint32_t got)
{
    if (!CHECK(list->left > 0))
        return;
    if (!CHECK_INT(got, jsonl_int(list->json, list->at)))
        printf("    line %d, %u before the end\n", test_line, (unsigned)list->left);
    list->at++;
    list->left--;
}

static void check_segment(const tb_json *json, fixture *f)
{
    tb_str text = jsonl_node(json, jsonl_find(json, 0, "tools"))->text;
    tb_error err = {TB_OK, {0}};
    tb_segment s;
    golden_list rows, arguments, values;
    size_t mark;
    tb_tools *tools = tb_schema_read(&f->arena, &f->scratch, text.ptr, text.len, false, &err);
    if (!CHECK(tools != NULL && tools->count == 1)) {
        printf("    line %d: %s\n", test_line, err.message);
        return;
    }
    mark = f->scratch.used;
    if (!CHECK(
            tb_segment_build(&f->tokenizer, &tools->tools[0], &f->arena, &f->scratch, &s, &err))) {
        printf("    line %d: %s\n", test_line, err.message);
        return;
    }
    CHECK(f->scratch.used == mark);
    memset(f->scratch.base, 0xaa, f->scratch.peak < ROOM ? f->scratch.peak : ROOM);
    rows = list_of(json, "rows");
    for (uint32_t i = 0; i < s.count; i++)
        check_next(&rows, s.rows[i]);
    arguments = list_of(json, "arguments");
    for (uint32_t i = 0; i < s.tool->argument_count; i++)
        check_next(&arguments, s.arguments[i]);
    values = list_of(json, "values");
    for (uint32_t i = 0; i < s.tool->value_count; i++)
        check_next(&values, s.values[i]);
    CHECK(rows.left == 0 && arguments.left == 0 && values.left == 0);
}

static void check_query(const tb_json *json, fixture *f)
{
    tb_error err = {TB_OK, {0}};
    tb_query q;
    tb_str text = jsonl_text(json, 0, "query");
    golden_list tokens = list_of(json, "tokens");
    if (tokens.left == 4) { /* nothing but <query> */
        CHECK(!tb_query_read(&f->tokenizer, text, &f->arena, &f->scratch, &q, &err));
        CHECK_INT(err.status, TB_E_QUERY);
        return;
    }
    if (!CHECK(tb_query_read(&f->tokenizer, text, &f->arena, &f->scratch, &q, &err))) {
        printf("    line %d: %s\n", test_line, err.message);
        return;
    }
    for (uint32_t i = 0; i < q.count; i++) {
        check_next(&tokens, q.tokens[i].id);
        check_next(&tokens, q.tokens[i].start);
        check_next(&tokens, q.tokens[i].end);
        check_next(&tokens, q.tokens[i].case_class);
    }
    CHECK_INT(tokens.left, 0);
}

static void check_line(const tb_json *json, void *with)
{
    fixture *f = with;
    if (test_line == 1) {
        if (!CHECK_INT(fingerprint(f->vocabulary),
                       jsonl_int(json, jsonl_find(json, 0, "vocabulary"))))
            printf("    models/tiny/vocab.txt changed: run thimble.make_grammar_vectors again\n");
        return;
    }
    check_segment(json, f);
    check_query(json, f);
    tb_arena_reset(&f->arena, 0);
    tb_arena_reset(&f->scratch, 0);
}

static void check_refusal(fixture *f, tb_str text, tb_status status)
{
    tb_error err = {TB_OK, {0}};
    tb_query q;
    CHECK(!tb_query_read(&f->tokenizer, text, &f->arena, &f->scratch, &q, &err));
    CHECK_STR(tb_status_name(err.status), tb_status_name(status));
    tb_arena_reset(&f->arena, 0);
    tb_arena_reset(&f->scratch, 0);
}

static void refusals(fixture *f)
{
    static char text[TB_QUERY_BYTES + 1];
    tb_error err = {TB_OK, {0}};
    tb_tools *tools;
    tb_segment s;
    size_t used = 0;
    check_refusal(f, tb_str_of(""), TB_E_QUERY);
    check_refusal(f, tb_str_of("  \n\t "), TB_E_QUERY);
    check_refusal(f, tb_str_of("a\xff"), TB_E_QUERY);
    memset(text, ' ', sizeof text);
    check_refusal(f, (tb_str){text, sizeof text}, TB_E_TOO_LONG);
    memset(text, '7', sizeof text);
    check_refusal(f, (tb_str){text, 320}, TB_E_TOO_LONG);
    used += (size_t)snprintf(text, sizeof text, "[{\"name\":\"x\",\"parameters\":{");
    for (int i = 0; i < 64; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s\"%d,%d,%d,%d,%d\":\"string\"",
                                 i ? "," : "", i, i, i, i, i);
    used += (size_t)snprintf(text + used, sizeof text - used, "}}]");
    tools = tb_schema_read(&f->arena, &f->scratch, text, used, false, &err);
    if (CHECK(tools != NULL))
        CHECK(!tb_segment_build(&f->tokenizer, &tools->tools[0], &f->arena, &f->scratch, &s, &err));
    CHECK_INT(err.status, TB_E_TOO_LONG);
    printf("%s\n", err.message);
}

static void segments(void)
{
    fixture f;
    tb_arena arena;
    tb_error err = {TB_OK, {0}};
    size_t size;
    char *vocabulary = test_read_file("models/tiny/vocab.txt", &size);
    void *memory[3] = {malloc(ROOM), malloc(ROOM), malloc(ROOM)};
    tb_arena_init(&arena, memory[0], ROOM);
    tb_arena_init(&f.arena, memory[1], ROOM);
    tb_arena_init(&f.scratch, memory[2], ROOM);
    f.vocabulary = (tb_str){vocabulary, size};
    if (CHECK(
            tb_tokenizer_open(f.vocabulary, TB_THIMBLE1, VOCABULARY, &arena, &f.tokenizer, &err))) {
        jsonl_each("tests/golden/segments.jsonl", 60, check_line, &f);
        refusals(&f);
    }
    for (int i = 0; i < 3; i++)
        free(memory[i]);
    free(vocabulary);
}

int main(void)
{
    RUN(segments);
    return test_end();
}
