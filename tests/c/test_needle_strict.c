/* The strict grammar under random choices: whatever is preferred, what comes out parses, has only
 * calls of the list, with keys, types, enums, lengths and ranges as the schemas say, and ends in
 * time. */
#include "golden.h"
#include "needle_prompt.h"
#include "needle_strict.h"
#include "needle_value.h"

#define GOLDEN "tests/golden/needle1"

static tb_arena arena, scratch;
static tb_tokenizer tokenizer;
static uint64_t seed = 1;

static uint32_t random_below(uint32_t n)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(seed >> 33) % n;
}

static const char *const lists[] = {
    "[]",
    "[{\"name\":\"ping\",\"parameters\":{}}]",
    "[{\"name\":\"setTimer\",\"description\":\"t\",\"parameters\":{\"minutes\":{\"type\":"
    "\"number\",\"required\":true},"
    "\"label\":{\"type\":\"string\"}}},{\"name\":\"set_time\",\"parameters\":{\"on\":{\"type\":"
    "\"boolean\"}}}]",
    "[{\"name\":\"a\",\"parameters\":{\"type\":\"object\",\"properties\":{"
    "\"n\":{\"type\":\"integer\",\"minimum\":17,\"maximum\":19},\"m\":{\"type\":\"integer\","
    "\"maximum\":-3},"
    "\"x\":{\"type\":\"number\",\"exclusiveMinimum\":0,\"exclusiveMaximum\":1},"
    "\"k\":{\"type\":\"integer\",\"multipleOf\":7,\"minimum\":50}},\"required\":[\"n\",\"m\",\"x\","
    "\"k\"]}}]",
    "[{\"name\":\"b\",\"parameters\":{\"type\":\"object\",\"properties\":{"
    "\"unit\":{\"enum\":[\"c\",\"f\",\"kelvin\\n\\u00e9\"]},\"unity\":{\"enum\":[1,12,2.5]},"
    "\"flag\":{\"type\":\"boolean\"},"
    "\"s\":{\"type\":\"string\",\"minLength\":3,\"maxLength\":5},\"s2\":{\"type\":\"string\","
    "\"maxLength\":0}},"
    "\"required\":[\"unit\",\"unity\",\"s\",\"s2\"]}}]",
    "[{\"name\":\"c\",\"parameters\":{\"type\":\"object\",\"properties\":{"
    "\"tags\":{\"type\":\"array\",\"items\":{\"type\":\"string\"},\"minItems\":2,\"maxItems\":3},"
    "\"days\":{\"type\":\"array\",\"items\":{\"enum\":[\"mo\",\"tu\",\"we\"]},\"uniqueItems\":true,"
    "\"minItems\":2},"
    "\"nums\":{\"type\":\"array\",\"items\":{\"type\":\"integer\",\"minimum\":0,\"maximum\":9}}},"
    "\"required\":[\"tags\",\"days\"]}}]",
    "[{\"name\":\"d\",\"parameters\":{\"type\":\"object\",\"properties\":{\"to\":{\"type\":"
    "\"object\",\"properties\":{"
    "\"street\":{\"type\":\"string\"},\"geo\":{\"type\":\"object\",\"properties\":{\"lat\":{"
    "\"type\":\"number\"},"
    "\"lon\":{\"type\":\"number\"}},\"required\":[\"lat\",\"lon\"]}},\"required\":[\"street\"]},"
    "\"note\":{\"type\":\"string\"}},\"required\":[\"to\"]}},"
    "{\"name\":\"getZ\\u00fcrich\",\"parameters\":{\"gr\\u00f6\\u00dfe "
    "\\\"x\\\"\":{\"type\":\"string\",\"required\":true}}}]",
    "[{\"name\":\"e\",\"parameters\":{\"type\":\"object\",\"properties\":{"
    "\"code\":{\"type\":\"string\",\"pattern\":\"^[A-Z]{2}$\"},\"date\":{\"type\":\"string\","
    "\"format\":\"date\"},"
    "\"plain\":{\"type\":\"string\"}}}}]",
};

/* Prefers structure, or letters, or anything. */
static void fill_logits(float *logits, unsigned mood)
{
    for (uint32_t id = 0; id < tokenizer.size; id++) {
        tb_str piece = tb_piece(&tokenizer, id);
        logits[id] = (float)random_below(1000);
        for (size_t i = 0; mood != 0 && id >= tokenizer.first_normal && i < piece.len; i++)
            if (memchr(mood == 1 ? "\"}]" : "{[,:\"", piece.ptr[i], 3))
                logits[id] += (float)(mood == 3 ? -500 : 600);
    }
}

/* ---- an independent judge -------------------------------------------------------------------- */

static bool number_good(const tb_argument *a, double x)
{
    bool whole = x == (double)(long long)x;
    double times = a->multiple_of > 0 ? x / a->multiple_of : 0;
    return (a->type != TB_INTEGER || whole) && x >= a->minimum && x <= a->maximum &&
           x > a->exclusive_minimum && x < a->exclusive_maximum &&
           times == (double)(long long)times;
}

static bool scalar_good(const tb_argument *a, const tb_json_node *v)
{
    size_t characters = 0;
    switch (a->type) {
    case TB_STRING:
        for (size_t i = 0; i < v->text.len; i++)
            characters += ((uint8_t)v->text.ptr[i] & 0xc0) != 0x80;
        return v->type == TB_JSON_STRING && characters >= a->min_length &&
               characters <= a->max_length && tb_format_fits(a->format, v->text) &&
               (a->pattern == NULL || tb_pattern_found(a->pattern, v->text));
    case TB_NUMBER:
    case TB_INTEGER:
        return v->type == TB_JSON_NUMBER && number_good(a, tb_json_double(v->text));
    case TB_BOOLEAN:
        return v->type == TB_JSON_TRUE || v->type == TB_JSON_FALSE;
    default:
        for (uint32_t i = 0; i < a->value_count; i++)
            if (v->type == TB_JSON_STRING
                    ? a->values[i].type == TB_VALUE_STRING &&
                          tb_str_equal(a->values[i].text, v->text)
                    : a->values[i].type == TB_VALUE_NUMBER &&
                          tb_json_double(a->values[i].text) == tb_json_double(v->text))
                return true;
        return false;
    }
}

static bool value_good(const tb_json *j, const tb_argument *a, uint32_t at)
{
    const tb_json_node *v = &j->nodes[at];
    if (!a->array)
        return scalar_good(a, v);
    if (v->type != TB_JSON_ARRAY || v->count < a->min_items || v->count > a->max_items)
        return false;
    for (uint32_t i = at + 1; i < v->next; i++) {
        if (!scalar_good(a, &j->nodes[i]))
            return false;
        for (uint32_t k = i + 1; a->unique_items && k < v->next; k++)
            if (tb_str_equal(j->nodes[i].text, j->nodes[k].text))
                return false;
    }
    return true;
}

/* Every key known, every required one there, every value good. Keys are unique: the parser saw to
 * it. */
static bool object_good(const tb_json *j, const tb_tool *tool, uint32_t object, uint32_t at)
{
    uint32_t known = 0;
    if (j->nodes[at].type != TB_JSON_OBJECT)
        return false;
    for (uint32_t i = 0; i < tool->argument_count; i++) {
        const tb_argument *a = &tool->arguments[i];
        uint32_t value =
            a->object == object ? tb_json_get(j, at, a->path[a->depth - 1]) : TB_JSON_NONE;
        if (a->object == object && (value == TB_JSON_NONE ? a->required : !value_good(j, a, value)))
            return false;
        known += value != TB_JSON_NONE;
    }
    for (uint32_t o = 1; o < tool->object_count; o++) {
        uint32_t value = tool->objects[o].parent == object
                             ? tb_json_get(j, at, tool->objects[o].key)
                             : TB_JSON_NONE;
        if (tool->objects[o].parent == object &&
            (value == TB_JSON_NONE ? tool->objects[o].required : !object_good(j, tool, o, value)))
            return false;
        known += value != TB_JSON_NONE;
    }
    return known == j->nodes[at].count;
}

static bool calls_good(const tb_json *j, const tb_tools *tools)
{
    for (uint32_t at = 1; at < j->nodes[0].next; at = j->nodes[at].next) {
        uint32_t name = tb_json_get(j, at, tb_str_of("name")),
                 arguments = tb_json_get(j, at, tb_str_of("arguments"));
        bool good = false;
        for (uint32_t i = 0; name != TB_JSON_NONE && arguments != TB_JSON_NONE && i < tools->count;
             i++) {
            char snake[256];
            tb_str s = {snake, tb_snake_case(tools->tools[i].name, snake)};
            good |= tb_str_equal(s, j->nodes[name].text) &&
                    object_good(j, &tools->tools[i], 0, arguments);
        }
        if (!good || j->nodes[at].count != 2)
            return false;
    }
    return j->nodes[0].type == TB_JSON_ARRAY;
}

/* ---- runs ------------------------------------------------------------------------------------ */

static long calls, dead_ends;

static void one_run(tb_str list, const tb_tools *tools, uint32_t budget, float *logits,
                    bool may_stick)
{
    tb_error err = {TB_OK, ""};
    size_t mark = tb_arena_mark(&scratch);
    tb_needle_strict *s = tb_needle_strict_begin(&scratch, &tokenizer, list, false, budget, &err);
    uint32_t left = budget, token = 0;
    tb_json json;
    tb_str text;
    if (!CHECK(s != NULL)) {
        printf("    %s\n", err.message);
        return;
    }
    for (bool dead = false; left > 0 && !dead && token != TB_ID_END; left--) {
        tb_strict_outlook outlook = tb_needle_strict_look(s, left, &token);
        dead = outlook == TB_STRICT_DEAD_END;
        if (outlook == TB_STRICT_SEVERAL) {
            fill_logits(logits, random_below(4));
            dead = !tb_needle_strict_choose(s, logits, left, &token);
        }
        if (!dead && token != TB_ID_END)
            CHECK(tb_needle_strict_feed(s, token));
        dead_ends += dead;
        CHECK(!dead || may_stick);
    }
    CHECK(tb_needle_strict_complete(s) || may_stick);
    text = tb_needle_strict_text(s);
    if (!CHECK(tb_json_parse(&scratch, &scratch, text.ptr, text.len, &json, &err)) ||
        !CHECK(calls_good(&json, tools)))
        printf("    %.*s\n", (int)text.len, text.ptr);
    calls += json.nodes[0].count;
    tb_arena_reset(&scratch, mark);
}

static void random_choices(void)
{
    float *logits = golden_alloc(tokenizer.size * sizeof *logits);
    for (size_t l = 0; l < sizeof lists / sizeof *lists; l++) {
        tb_error err = {TB_OK, ""};
        tb_str list = tb_str_of(lists[l]);
        size_t mark = tb_arena_mark(&arena);
        tb_tools *tools = tb_schema_read(&arena, &arena, list.ptr, list.len, false, &err);
        if (!CHECK(tools != NULL)) {
            printf("    %s\n", err.message);
            continue;
        }
        for (int i = 0; i < 60; i++)
            one_run(list, tools, 3 + random_below(i % 3 == 0 ? 400 : 120), logits, l >= 7);
        tb_arena_reset(&arena, mark);
    }
    CHECK(calls > 200);
    printf("%ld calls written, %ld dead ends\n", calls, dead_ends);
}

/* Every state that the numbers' look-ahead calls possible must lead somewhere. */
static void numbers(void)
{
    tb_argument a = {.type = TB_INTEGER,
                     .minimum = -1e300,
                     .maximum = 1e300,
                     .exclusive_minimum = -1e300,
                     .exclusive_maximum = 1e300};
    CHECK_INT(tb_number_rest(tb_str_of(""), &a), 1);
    CHECK_INT(tb_number_rest(tb_str_of("-"), &a), 1);
    CHECK_INT(tb_number_rest(tb_str_of("-0"), &a), TB_NO_WAY);
    CHECK_INT(tb_number_rest(tb_str_of("01"), &a), TB_NO_WAY);
    CHECK_INT(tb_number_rest(tb_str_of("1."), &a), TB_NO_WAY);
    a.minimum = 17;
    a.maximum = 19;
    CHECK_INT(tb_number_rest(tb_str_of(""), &a), 2);
    CHECK_INT(tb_number_rest(tb_str_of("1"), &a), 1);
    CHECK_INT(tb_number_rest(tb_str_of("2"), &a), TB_NO_WAY);
    CHECK_INT(tb_number_rest(tb_str_of("18"), &a), 0);
    CHECK_INT(tb_number_rest(tb_str_of("-"), &a), TB_NO_WAY);
    a.minimum = -120;
    a.maximum = -110;
    CHECK_INT(tb_number_rest(tb_str_of(""), &a), 4);
    CHECK_INT(tb_number_rest(tb_str_of("-1"), &a), 2);
    CHECK_INT(tb_number_rest(tb_str_of("-13"), &a), TB_NO_WAY);
    a.minimum = 1000;
    a.maximum = 1e300;
    a.multiple_of = 250;
    CHECK_INT(tb_number_rest(tb_str_of("1"), &a), 3);
    CHECK_INT(tb_number_rest(tb_str_of("13"), &a), 3);
    CHECK_INT(tb_number_rest(tb_str_of("1250"), &a), 0);
    a = (tb_argument){.type = TB_NUMBER,
                      .minimum = 0,
                      .maximum = 1,
                      .exclusive_minimum = 0,
                      .exclusive_maximum = 1};
    CHECK_INT(tb_number_rest(tb_str_of(""), &a), 3);
    CHECK_INT(tb_number_rest(tb_str_of("0"), &a), 2);
    CHECK_INT(tb_number_rest(tb_str_of("1"), &a), TB_NO_WAY);
    CHECK_INT(tb_number_rest(tb_str_of("0.00000"), &a), 1);
    CHECK_INT(tb_number_rest(tb_str_of("0.000000"), &a), TB_NO_WAY);
}

static void strings(void)
{
    static const struct {
        const char *bytes;
        bool fits;
        uint32_t rest, characters;
    } cases[] = {{"abc", true, 0, 3},
                 {"\\", true, 1, 0},
                 {"\\u", true, 4, 0},
                 {"\\u00e9", true, 0, 1},
                 {"\\ud83d", true, 6, 0},
                 {"\\ud83d\\", true, 5, 0},
                 {"\\ud83d\\u", true, 4, 0},
                 {"\\ud83d\\ude00", true, 0, 1},
                 {"\\ud8", true, 8, 0},
                 {"\\ud", true, 3, 0},
                 {"\xc3", true, 1, 0},
                 {"\xf0\x9f\x98\x80", true, 0, 1},
                 {"\\ude00", false, 0, 0},
                 {"\\ud83dx", false, 0, 0},
                 {"\\ud83d\\u0041", false, 0, 0},
                 {"\\x", false, 0, 0},
                 {"\n", false, 0, 0},
                 {"\xc0\x80", false, 0, 0},
                 {"\xed\xa0\x80", false, 0, 0},
                 {"\xf4\x90", false, 0, 0},
                 {"\x80", false, 0, 0}};
    tb_argument a = {.type = TB_STRING, .max_length = TB_NO_LIMIT};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tb_string_state s = {0};
        bool fits = true;
        for (const char *c = cases[i].bytes; fits && *c != '\0'; c++)
            fits = tb_string_feed(&s, &a, *c);
        CHECK_INT(fits, cases[i].fits);
        if (fits) {
            CHECK_INT(tb_string_rest(&s, &a), cases[i].rest);
            CHECK_INT(s.characters, cases[i].characters);
        }
    }
}

static void refusals(void)
{
    static const char *const bad[] = {"[{\"name\":\"\xe4\xba\xac\"}]",
                                      "[{\"name\":\"getX\"},{\"name\":\"get_x\"}]", "{", "[3]"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        tb_error err = {TB_OK, ""};
        CHECK(tb_needle_strict_begin(&scratch, &tokenizer, tb_str_of(bad[i]), false, 100, &err) ==
              NULL);
        CHECK(err.status == (i == 2 ? TB_E_JSON : TB_E_TOOLS));
    }
}

int main(void)
{
    tb_error err = {TB_OK, ""};
    tb_str vocabulary = file_text(GOLDEN "/plain", "vocab.txt");
    arena = arena_of(16 << 20);
    scratch = arena_of(16 << 20);
    if (!CHECK(tb_tokenizer_open(vocabulary, TB_NEEDLE1, 700, &arena, &tokenizer, &err)))
        return test_end();
    RUN(strings);
    RUN(numbers);
    RUN(refusals);
    RUN(random_choices);
    return test_end();
}
