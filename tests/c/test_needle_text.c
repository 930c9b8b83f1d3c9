/* Needle 1 without a model: numbers, names, tool lists, answers, the flat form, the constraint. */
#include "decimal.h"
#include "golden.h"
#include "needle_flat.h"
#include "needle_guide.h"

#define GOLDEN "tests/golden/needle1"

static tb_arena arena;
static tb_error err;
static tb_json texts;

static void numbers(void)
{
    uint32_t list = member(&texts, 0, "numbers");
    char out[TB_DECIMAL_ROOM];
    CHECK(texts.nodes[list].count > 400);
    for (uint32_t i = list + 1; i < texts.nodes[list].next; i = texts.nodes[i].next) {
        double value = tb_decimal_read(texts.nodes[item(&texts, i, 0)].text);
        tb_str repr = texts.nodes[item(&texts, i, 1)].text;
        CHECK(value == strtod(texts.nodes[item(&texts, i, 0)].text.ptr, NULL));
        check_text((tb_str){out, tb_decimal_write(value, out)}, repr, "numbers");
        CHECK(tb_decimal_read(repr) == value);
    }
}

static void number_extremes(void)
{
    char out[TB_DECIMAL_ROOM], text[2001];
    CHECK_INT(tb_decimal_write(tb_decimal_read(tb_str_of("1e400")), out), 8);
    CHECK(memcmp(out, "Infinity", 8) == 0);
    CHECK(tb_decimal_read(tb_str_of("-1e-400")) == 0.0);
    CHECK(tb_decimal_read(tb_str_of("1e99999999999999999999")) > 1e308);
    CHECK(tb_decimal_read(tb_str_of("0e99999999999999999999")) == 0.0);
    CHECK(tb_decimal_read(tb_str_of("2.4703282292062327208e-324")) == 0.0);
    CHECK(tb_decimal_read(tb_str_of("2.4703282292062327209e-324")) > 0.0);
    memset(text, '9', 2000);
    CHECK(tb_decimal_read((tb_str){text, 300}) == 1e300);
    CHECK(tb_decimal_read((tb_str){text, 2000}) > 1e308);
    memcpy(text, "0.", 2); /* 1 - 10^-1998 */
    CHECK(tb_decimal_read((tb_str){text, 2000}) == 1.0);
}

static void snake_case(void)
{
    uint32_t list = member(&texts, 0, "snake");
    char out[256];
    for (uint32_t i = list + 1; i < texts.nodes[list].next; i = texts.nodes[i].next) {
        tb_str name = texts.nodes[item(&texts, i, 0)].text;
        check_text((tb_str){out, tb_snake_case(name, out)}, texts.nodes[item(&texts, i, 1)].text,
                   "snake");
    }
}

static void tools(void)
{
    uint32_t list = member(&texts, 0, "tools");
    for (uint32_t i = list + 1; i < texts.nodes[list].next; i = texts.nodes[i].next) {
        size_t mark = tb_arena_mark(&arena);
        tb_needle_tools got;
        tb_str text = texts.nodes[member(&texts, i, "text")].text;
        bool good = tb_needle_tools_read(&arena, text, false, &got, &err);
        if (tb_json_get(&texts, i, tb_str_of("error")) != TB_JSON_NONE) {
            CHECK(!good && err.status == TB_E_TOOLS);
        } else if (CHECK(good)) {
            uint32_t names = member(&texts, i, "names"), n = 0;
            check_text(got.text, texts.nodes[member(&texts, i, "tools")].text, "tools");
            CHECK_INT(got.name_count, texts.nodes[names].count);
            for (uint32_t p = names + 1; p < texts.nodes[names].next && n < got.name_count; n++) {
                check_text(got.names[n].snake, texts.nodes[p + 1].text, "snake name");
                check_text(got.names[n].name, texts.nodes[p + 2].text, "name");
                p = texts.nodes[p].next;
            }
        }
        err.status = TB_OK;
        tb_arena_reset(&arena, mark);
    }
}

static void restored(uint32_t raw, uint32_t names, uint32_t want)
{
    size_t mark = tb_arena_mark(&arena);
    tb_needle_name map[8];
    tb_needle_tools known = {{NULL, 0}, map, 0, NULL, 0};
    tb_str got;
    for (uint32_t p = names + 1; names != 0 && p < texts.nodes[names].next; p = texts.nodes[p].next)
        map[known.name_count++] =
            (tb_needle_name){texts.nodes[p + 1].text, texts.nodes[p + 2].text};
    CHECK(tb_needle_restore(&arena, texts.nodes[raw].text, &known, &got, &err));
    check_text(got, texts.nodes[want].text, "restored");
    tb_arena_reset(&arena, mark);
}

static void answers(void)
{
    uint32_t list = member(&texts, 0, "restore"), bare = member(&texts, 0, "bare");
    for (uint32_t i = list + 1; i < texts.nodes[list].next; i = texts.nodes[i].next)
        restored(member(&texts, i, "raw"), member(&texts, i, "names"), member(&texts, i, "text"));
    for (uint32_t i = bare + 1; i < texts.nodes[bare].next; i = texts.nodes[i].next)
        restored(i + 1, 0, i + 2);
}

static void flat(void)
{
    static const char *const cases[][2] = {
        {"[{\"name\":\"a\",\"parameters\":{\"x\":{\"type\":\"integer\"}},\"more\":1.0}]", NULL},
        {"[{\"name\":\"a\",\"parameters\":{\"properties\":{\"type\":\"string\",\"description\":"
         "\"d\"}}}]",
         NULL},
        {"[{\"name\":\"a\"},3,\"s\",[{}],{\"description\":\"no name\"}]", NULL},
        {"{\"name\":\"a\",\"inputSchema\":{}}", NULL},
        {"[1,]", NULL},
        {"[{\"type\":\"function\",\"function\":{\"name\":\"a\",\"strict\":true,\"parameters\":{"
         "\"type\":\"object\","
         "\"properties\":{\"n\":{\"type\":\"integer\",\"description\":\"how \\\"many\\\"\"},"
         "\"k\":{\"enum\":[\"x\",\"y\",3]},\"type\":{\"type\":[\"null\",\"boolean\"]}},"
         "\"required\":[\"k\"]}}}]",
         "[{\"name\":\"a\",\"parameters\":{\"n\":{\"type\":\"number\",\"description\":\"how "
         "\\\"many\\\"\","
         "\"required\":false},\"k\":{\"type\":\"string\",\"description\":\"one of 'x', 'y', "
         "'3'\",\"required\":true},"
         "\"type\":{\"type\":\"boolean\",\"description\":\"\",\"required\":false}}}]"},
        {"[{\"name\":\"a\",\"description\":\"D\",\"inputSchema\":{\"$defs\":{\"U\":{\"type\":"
         "\"string\","
         "\"enum\":[\"c\"]}},\"properties\":{\"u\":{\"$ref\":\"#/$defs/"
         "U\",\"description\":\"unit\"},"
         "\"v\":{\"anyOf\":[{\"type\":\"null\"},{\"type\":\"number\"}]},"
         "\"l\":{\"type\":\"array\",\"items\":{\"enum\":[\"p\",\"q\"]}}}}}]",
         "[{\"name\":\"a\",\"description\":\"D\",\"parameters\":{\"u\":{\"type\":\"string\","
         "\"description\":\"unit, one of "
         "'c'\",\"required\":false},\"v\":{\"type\":\"number\",\"description\":\"\","
         "\"required\":false},\"l\":{\"type\":\"array\",\"description\":\"some of 'p', "
         "'q'\",\"required\":false}}}]"},
        {"[{\"name\":\"a\",\"parameters\":{\"x\":\"string\",\"y\":{\"type\":\"number\"}}}]",
         "[{\"name\":\"a\",\"parameters\":{\"x\":{\"type\":\"string\",\"description\":\"\","
         "\"required\":false},"
         "\"y\":{\"type\":\"number\"}}}]"},
        {"[{\"name\":\"a\",\"parameters\":{\"type\":\"object\",\"properties\":{\"x\":{\"$ref\":\"#/"
         "$defs/x\"}},"
         "\"$defs\":{\"x\":{\"$ref\":\"#/$defs/x\"}}}}]",
         "[{\"name\":\"a\",\"parameters\":{\"x\":{\"type\":\"string\",\"description\":\"\","
         "\"required\":false}}}]"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tb_str got, text = tb_str_of(cases[i][0]);
        CHECK(tb_needle_flatten(&arena, text, &got, &err));
        /* a tool in flat form already comes back as it is, numbers written Python's way */
        check_text(got, cases[i][1] != NULL ? tb_str_of(cases[i][1]) : text, "flat");
    }
}

/* The constraint by itself, fed with text in no sensible order. */
static void walks(const char *folder)
{
    tb_json golden = file_json(folder, "golden.json");
    tb_str vocabulary = file_text(folder, "vocab.txt");
    uint32_t list = member(&golden, 0, "walks"), size = 0, masked = 0;
    tb_tokenizer tokenizer;
    tb_needle_texts by_id;
    bool *allowed;
    for (size_t i = 0; i < vocabulary.len; i++)
        size += vocabulary.ptr[i] == '\n';
    if (!CHECK(tb_tokenizer_open(vocabulary, TB_NEEDLE1, size, &arena, &tokenizer, &err)) ||
        !CHECK(tb_needle_texts_open(&tokenizer, &arena, &by_id, &err)))
        return;
    allowed = golden_alloc(size * sizeof *allowed);
    for (uint32_t i = list + 1; i < golden.nodes[list].next; i = golden.nodes[i].next) {
        size_t count, mark = tb_arena_mark(&arena);
        uint32_t *ids = ids_at(&golden, member(&golden, i, "ids"), &count),
                 masks = member(&golden, i, "masks") + 1;
        tb_needle_tools known;
        tb_needle_guide guide;
        if (!CHECK(tb_needle_tools_read(&arena, golden.nodes[member(&golden, i, "tools")].text,
                                        false, &known, &err)) ||
            !CHECK(tb_needle_guide_begin(&arena, &by_id, &known, &guide, &err)))
            return;
        for (size_t k = 0; k < count; k++, masks = golden.nodes[masks].next) {
            uint32_t n = 0, sum = 0;
            bool limited = tb_needle_guide_mask(&guide, allowed);
            if (CHECK_INT(limited, golden.nodes[masks].type != TB_JSON_NULL) && limited) {
                for (uint32_t id = 0; id < size; id++)
                    if (allowed[id])
                        sum += ++n * id;
                CHECK_INT(n, uint_at(&golden, masks + 1));
                CHECK(sum == uint_at(&golden, masks + 2));
                masked++;
            }
            tb_needle_guide_feed(&guide, ids[k]);
        }
        tb_arena_reset(&arena, mark);
    }
    CHECK(masked > 50);
}

static void all_walks(void)
{
    walks(GOLDEN "/plain");
    walks(GOLDEN "/odd");
}

int main(void)
{
    arena = arena_of(64 << 20);
    texts = file_json(GOLDEN, "text.json");
    RUN(numbers);
    RUN(number_extremes);
    RUN(snake_case);
    RUN(tools);
    RUN(answers);
    RUN(flat);
    RUN(all_walks);
    return test_end();
}
