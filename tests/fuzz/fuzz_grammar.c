/* fuzz_grammar.c - any request, cut into tokens in any way, walked in any way through a few tools.
 * First line of the input: how to cut and walk; the rest: the request. The walk ends, and what
 * comes out keeps the promises of grammar.h. */
#include <stdlib.h>
#include <string.h>

#include "../../src/grammar.h"

enum { ROOM = 8 << 20, TOOL_COUNT = 4 };

/* With ' for ", so that it can be read. */
static const char TOOLS[] =
    "[{'name':'a','parameters':{'type':'object','required':['s'],'properties':{"
    "  's':{'type':'string'}, 'n':{'type':'number','minimum':-5,'maximum':5000},"
    "  'p':{'type':'string','pattern':'^\\\\w+( \\\\w+)?$','maxLength':12},"
    "  'e':{'enum':['x',1,true]},"
    "  'l':{'type':'array','items':{'type':'integer'},'minItems':2,'uniqueItems':true}}}},"
    " {'name':'b','parameters':{'type':'object','required':['r'],'properties':{"
    "  'o':{'type':'object','required':['i','q'],'properties':{"
    "    'i':{'type':'integer'}, 'b':{'type':'boolean'},"
    "    'q':{'type':'object','required':['m'],'properties':{"
    "      'm':{'type':'string','format':'email'}}}}},"
    "  'r':{'type':'object','properties':{"
    "    't':{'type':'array','items':{'type':'string','minLength':2},'maxItems':3}}}}}},"
    " {'name':'c'},"
    " {'name':'d','parameters':{'type':'object','properties':{"
    "  'v':{'type':'array','items':{'enum':['u','v',3]},'minItems':2,'uniqueItems':true},"
    "  'w':{'type':'array','items':{'type':'string'},'maxItems':2,'uniqueItems':true}}}}]";

static void must(bool ok)
{
    if (!ok)
        abort();
}

/* Draws from the input's first line, round and round. */
typedef struct {
    const uint8_t *data;
    size_t size, at;
    uint32_t mixed;
} source;

static uint32_t draw(source *s, uint32_t below)
{
    if (s->size > 0)
        s->mixed = (s->mixed ^ s->data[s->at++ % s->size]) * 16777619u;
    s->mixed = s->mixed * 1664525u + 1013904223u;
    return (s->mixed >> 8) % below;
}

static void cut(source *s, tb_str text, tb_query *q, tb_token *tokens)
{
    uint32_t at = 0;
    q->text = text;
    q->tokens = tokens;
    q->count = 1;
    while (at < text.len && q->count < TB_QUERY_ROWS) {
        uint32_t skip = draw(s, 8) == 0 ? 1 : 0, length = draw(s, 5);
        while (at < text.len && text.ptr[at] == ' ')
            at++;
        at = at + skip <= text.len ? at + skip : at;
        if (length > text.len - at)
            length = (uint32_t)text.len - at;
        tokens[q->count++] = (tb_token){300, at, at + length, 0};
        at += length;
    }
}

static void check_item(const tb_grammar *g, const tb_argument *a, const tb_item *item)
{
    tb_str text = {g->spans.query.text.ptr + item->start, item->end - item->start};
    size_t characters = 0;
    if (item->value != NULL) {
        must(item->value >= a->values && item->value < a->values + a->value_count);
        return;
    }
    must(item->start < item->end && item->end <= g->spans.query.text.len);
    must(tb_utf8_check(text.ptr, text.len) == text.len);
    if (a->type != TB_STRING) {
        must(tb_number_fits(a, item->number));
        return;
    }
    for (size_t i = 0; i < text.len; i++)
        characters += ((uint8_t)text.ptr[i] & 0xc0) != 0x80;
    must(tb_length_fits(a, characters) && tb_format_fits(a->format, text));
    must(a->pattern == NULL || tb_pattern_found(a->pattern, text));
}

static void check_call(const tb_grammar *g, const tb_call *call)
{
    const tb_tool *tool = g->segments[call->tool].tool;
    uint64_t seen = 0;
    for (uint32_t t = 0; t < call->taken_count; t++) {
        const tb_taken *taken = &g->taken[call->first_taken + t];
        const tb_argument *a = &tool->arguments[taken->argument];
        must(seen >> taken->argument == 0); /* ascending */
        seen |= UINT64_C(1) << taken->argument;
        must(taken->item_count >= 1 && taken->item_count >= a->min_items);
        must(a->array ? a->max_items == TB_NO_LIMIT || taken->item_count <= a->max_items
                      : taken->item_count == 1);
        for (uint32_t i = 0; i < taken->item_count; i++)
            check_item(g, a, &g->items[taken->first_item + i]);
    }
    for (uint32_t i = 0; i < tool->argument_count; i++)
        must(!tool->arguments[i].required || tool->arguments[i].object != 0 ||
             (seen >> i & 1) != 0);
}

static void check_result(const tb_grammar *g, tb_arena *arena)
{
    for (uint32_t i = 0; i < g->call_count; i++) {
        size_t mark = tb_arena_mark(arena);
        tb_error err = {TB_OK, {0}};
        tb_json_writer w;
        tb_json json;
        tb_str text;
        check_call(g, &g->calls[i]);
        must(tb_json_writer_begin(&w, arena, 1 << 20, &err));
        tb_grammar_write_arguments(g, &g->calls[i], &w);
        must(tb_json_writer_end(&w, &text, &err));
        must(tb_json_parse(arena, arena, text.ptr, text.len, &json, &err));
        tb_arena_reset(arena, mark);
    }
}

static void walk(source *s, tb_str text, tb_tools *tools, tb_arena *arena)
{
    static tb_token tokens[TB_QUERY_ROWS];
    static const uint16_t rows[16] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
    tb_segment segments[TOOL_COUNT];
    tb_grammar_options options = {1 + draw(s, TB_MAX_CALLS), draw(s, 2) == 0,
                                  draw(s, 6) == 0 ? 1 : -1};
    tb_error err = {TB_OK, {0}};
    tb_query query;
    tb_grammar *g;
    cut(s, text, &query, tokens);
    for (uint32_t i = 0; i < tools->count; i++)
        segments[i] = (tb_segment){&tools->tools[i], NULL, 24, rows, rows + 6};
    g = tb_grammar_begin(arena, &query, segments, tools->count, &options, &err);
    if (g == NULL) { /* the text is no UTF-8 or too long */
        must(err.status == TB_E_INTERNAL);
        return;
    }
    while (!g->done) {
        uint32_t pick;
        must(g->allowed_count > 0);
        pick = draw(s, g->allowed_count);
        must(tb_grammar_choose(g, g->allowed[pick]));
    }
    must(g->decisions <= TB_MAX_DECISIONS && g->call_count <= options.max_calls);
    check_result(g, arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t memory[ROOM];
    char tools_text[sizeof TOOLS];
    tb_arena arena;
    tb_error err = {TB_OK, {0}};
    tb_tools *tools;
    source s = {data, 0, 0, 2166136261u};
    char *text;
    size_t start;
    while (s.size < size && data[s.size] != '\n')
        s.size++;
    start = s.size < size ? s.size + 1 : size;
    text = malloc(size - start + 1);
    if (text == NULL)
        return 0;
    memcpy(text, data + start, size - start);
    tb_arena_init(&arena, memory, ROOM);
    memcpy(tools_text, TOOLS, sizeof TOOLS);
    for (size_t i = 0; i < sizeof TOOLS; i++)
        if (tools_text[i] == '\'')
            tools_text[i] = '"';
    tools = tb_schema_read(&arena, &arena, tools_text, sizeof TOOLS - 1, false, &err);
    must(tools != NULL && tools->count == TOOL_COUNT);
    walk(&s, (tb_str){text, size - start}, tools, &arena);
    free(text);
    return 0;
}

extern const char *const fuzz_seeds[];
const char *const fuzz_seeds[] = {
    "abc\nmake it 21 in the nursery and play Clair de Lune",
    "x\n",
    "\n",
    "1234567\nmail bob@example.com, a.b@c.io twenty-one (or 3) times",
    "qwertyuiop\n-2 +3 .5 1,000 12,345.6 5k two and a half dozen one point five \xe2\x82\xac"
    "20 50% C++ [x] {y} <z>",
    "0000\n\xe6\x9d\xb1\xe4\xba\xac \xf0\x9f\x98\x80 "
    "\xd0\xbf\xd1\x80\xd0\xb8\xd0\xb2\xd0\xb5\xd1\x82 caf\xc3\xa9 \xe2\x80\x9cso\xe2\x80\x9d",
    "zz\n1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 1 2 3 a b c d e f g h i j k l m n o p",
    NULL,
};
