/* test_json.c - what the reader accepts and refuses (after the RFC 8259 test suite's kinds of
 * case), what it hands out, and the writer. */
#include "test.h"

#include "../../src/json.h"

static uint8_t memory[1 << 20];

static bool parse(const char *text, size_t len, tb_json *json, tb_error *err)
{
    tb_arena arena;
    tb_arena_init(&arena, memory, sizeof memory);
    memset(err, 0, sizeof *err);
    return tb_json_parse(&arena, &arena, text, len, json, err);
}

static void accepts(void)
{
    static const char *const GOOD[] = {
        "{}",
        "[]",
        " [ ] ",
        "{\"a\":1}",
        "[1,2,3]",
        "[-0,0,1e5,1E+5,1.5e-3,-1.0]",
        "[[[[]]]]",
        "[\"\"]",
        "[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\ud83d\\ude00\"]",
        "[true,false,null]",
        "{\"a\":{\"b\":[]},\"c\":[{}]}",
        "\t\r\n [\n1\n]\n",
        "[\"\xc3\xa9\xf0\x9f\x98\x80\x7f\"]",
        "{\"\":0}",
    };
    for (size_t i = 0; i < sizeof GOOD / sizeof GOOD[0]; i++) {
        tb_json json;
        tb_error err;
        if (!CHECK(parse(GOOD[i], strlen(GOOD[i]), &json, &err)))
            printf("    %s: %s\n", GOOD[i], err.message);
    }
}

static void refuses(void)
{
    static const char *const BAD[] = {
        "",
        " ",
        "1",
        "\"x\"",
        "null",
        "[",
        "]",
        "{",
        "}",
        "[1",
        "[1,",
        "[1,]",
        "[,1]",
        "[1 2]",
        "[1,,2]",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{,}",
        "{a:1}",
        "{1:1}",
        "{\"a\" 1}",
        "{\"a\":1 \"b\":2}",
        "[01]",
        "[-]",
        "[+1]",
        "[1.]",
        "[.5]",
        "[1e]",
        "[1e+]",
        "[0x1]",
        "[NaN]",
        "[Infinity]",
        "[tru]",
        "[truE]",
        "[nul]",
        "[\"]",
        "[\"\\x\"]",
        "[\"\\u12g4\"]",
        "[\"\\u12\"]",
        "[\"\\ud800\"]",
        "[\"\\udc00\"]",
        "[\"\\ud800\\u0041\"]",
        "[\"\t\"]",
        "[\"\n\"]",
        "[\"\x01\"]",
        "[\"\xff\"]",
        "[\"\xc3\"]",
        "[\"\xed\xa0\x80\"]",
        "[1]x",
        "[1][2]",
        "{}{}",
        "[}",
        "{]",
        "[{]}",
        "{\"a\":1,\"a\":2}",
        "{\"a\":1,\"\\u0061\":2}",
        "[1:2]",
        "['a']",
        "[/**/]",
        "\xef\xbb\xbf[]",
        "[true false]",
        "[1}",
    };
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        tb_json json;
        tb_error err;
        if (!CHECK(!parse(BAD[i], strlen(BAD[i]), &json, &err) && err.status == TB_E_JSON))
            printf("    %s\n", BAD[i]);
    }
}

static void nul_and_depth(void)
{
    char deep[200];
    tb_json json;
    tb_error err;
    CHECK(!parse("[\0]", 3, &json, &err));
    CHECK(!parse("[1]\0", 4, &json, &err));
    for (int depth = 1; depth <= 70; depth++) {
        memset(deep, '[', (size_t)depth);
        memset(deep + depth, ']', (size_t)depth);
        CHECK_INT(parse(deep, 2 * (size_t)depth, &json, &err), depth <= TB_JSON_DEPTH);
    }
}

static void places_errors(void)
{
    tb_json json;
    tb_error err;
    CHECK(!parse("[\n  1,\n  x]", 11, &json, &err));
    CHECK_STR(err.message, "JSON: a value expected at line 3, column 3");
    CHECK(!parse("{\"a\":1,\n\"a\":2}", 14, &json, &err));
    CHECK_STR(err.message, "JSON: a key that the object has already at line 2, column 1");
}

static void hands_out(void)
{
    const char *text =
        "{\"b\":[10,{\"x\":[]},\"s\"],\"a\":\"\\u00e9\\ud83d\\ude00\\n\\\"\",\"c\":true,\"\":null}";
    tb_json json;
    tb_error err;
    uint32_t list, item;
    CHECK(parse(text, strlen(text), &json, &err));
    CHECK_INT(json.nodes[0].count, 4);
    list = tb_json_get(&json, 0, tb_str_of("b"));
    CHECK_INT(json.nodes[list].type, TB_JSON_ARRAY);
    CHECK_INT(json.nodes[list].count, 3);
    item = list + 1;
    CHECK(tb_json_double(json.nodes[item].text) == 10);
    item = json.nodes[item].next;
    CHECK_INT(json.nodes[item].type, TB_JSON_OBJECT);
    CHECK_INT(json.nodes[tb_json_get(&json, item, tb_str_of("x"))].type, TB_JSON_ARRAY);
    item = json.nodes[item].next;
    CHECK(tb_str_equal(json.nodes[item].text, tb_str_of("s")));
    CHECK_INT(json.nodes[item].next, json.nodes[list].next);
    CHECK(tb_str_equal(json.nodes[tb_json_get(&json, 0, tb_str_of("a"))].text,
                       tb_str_of("\xc3\xa9\xf0\x9f\x98\x80\n\"")));
    CHECK_INT(json.nodes[tb_json_get(&json, 0, tb_str_of("c"))].type, TB_JSON_TRUE);
    CHECK_INT(json.nodes[tb_json_get(&json, 0, tb_str_of(""))].type, TB_JSON_NULL);
    CHECK(tb_json_get(&json, 0, tb_str_of("d")) == TB_JSON_NONE);
    CHECK(tb_json_get(&json, list, tb_str_of("b")) == TB_JSON_NONE);
}

/* Many members: sorting and looking up. */
static void many_members(void)
{
    static char text[40000];
    size_t used = 0;
    tb_json json;
    tb_error err;
    for (int i = 0; i < 1000; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s\"k%d\":%d", i ? "," : "{",
                                 i * 7919 % 1000, i);
    text[used++] = '}';
    CHECK(parse(text, used, &json, &err));
    for (int i = 0; i < 1000; i++) {
        char key[16];
        uint32_t node;
        snprintf(key, sizeof key, "k%d", i * 7919 % 1000);
        node = tb_json_get(&json, 0, tb_str_of(key));
        CHECK(node != TB_JSON_NONE && tb_json_double(json.nodes[node].text) == i);
    }
}

static void doubles(void)
{
    static const char *const EXACT[] = {
        "0",    "-0",        "1",       "-1.5", "123456789012345",       "0.1",
        "1e22", "1e-22",     "3.14159", "1.50", "100000000000000000000", "9007199254740992",
        "1.0",  "123.456e7", "2e2"};
    static const char *const NEAR[] = {"1.7976931348623157e308",
                                       "2.2250738585072014e-308",
                                       "123456789012345678901234567890",
                                       "1e100",
                                       "1e-100",
                                       "0.3333333333333333333333",
                                       "8.5e-300"};
    for (size_t i = 0; i < sizeof EXACT / sizeof EXACT[0]; i++)
        CHECK(tb_json_double(tb_str_of(EXACT[i])) == strtod(EXACT[i], NULL));
    for (size_t i = 0; i < sizeof NEAR / sizeof NEAR[0]; i++) {
        double want = strtod(NEAR[i], NULL), got = tb_json_double(tb_str_of(NEAR[i]));
        if (!CHECK(got >= want * (1 - 4e-15) && got <= want * (1 + 4e-15)))
            printf("    %s: %.17g\n", NEAR[i], got);
    }
    CHECK(tb_json_double(tb_str_of("1e999")) > 1e308);
    CHECK(tb_json_double(tb_str_of("-1e99999999999999999999")) < -1e308);
    CHECK(tb_json_double(tb_str_of("1e-999")) == 0);
    CHECK(tb_json_double(tb_str_of("0e999")) == 0);
}

static void out_of_memory(void)
{
    const char *text = "{\"b\":[10,{\"x\":[]},\"s\\n\"],\"a\":\"\\u00e9\"}";
    for (size_t size = 0; size < 2000; size += 64) {
        tb_arena arena;
        tb_json json;
        tb_error err = {TB_OK, {0}};
        tb_arena_init(&arena, memory, size);
        if (!tb_json_parse(&arena, &arena, text, strlen(text), &json, &err))
            CHECK_INT(err.status, TB_E_NOMEM);
        else
            CHECK(size > 500);
    }
}

static void writes(void)
{
    tb_arena arena;
    tb_json_writer w;
    tb_error err = {TB_OK, {0}};
    tb_str out;
    tb_arena_init(&arena, memory, sizeof memory);
    CHECK(tb_json_writer_begin(&w, &arena, 200, &err));
    tb_json_string(&w, (tb_str){"a\"\\\n\t\r\b\f\x01\0\x7f\xc3\xa9/", 14});
    tb_json_raw(&w, ",");
    tb_json_int(&w, INT64_MIN);
    tb_json_raw(&w, ",");
    tb_json_int(&w, 0);
    tb_json_raw(&w, ",");
    tb_json_fixed(&w, 0.1234565, 6);
    tb_json_raw(&w, ",");
    tb_json_fixed(&w, -2.5, 0);
    tb_json_raw(&w, ",");
    tb_json_fixed(&w, 1, 6);
    CHECK(tb_json_writer_end(&w, &out, &err));
    CHECK(tb_str_equal(
        out,
        tb_str_of("\"a\\\"\\\\\\n\\t\\r\\b\\f\\u0001\\u0000\x7f\xc3\xa9/\",-9223372036854775808,0,"
                  "0.123457,-3,1.000000")));
    CHECK(tb_json_writer_begin(&w, &arena, 4, &err));
    tb_json_string(&w, tb_str_of("abc"));
    CHECK(!tb_json_writer_end(&w, &out, &err));
    CHECK_INT(err.status, TB_E_NOMEM);
}

int main(void)
{
    RUN(accepts);
    RUN(refuses);
    RUN(nul_and_depth);
    RUN(places_errors);
    RUN(hands_out);
    RUN(many_members);
    RUN(doubles);
    RUN(out_of_memory);
    RUN(writes);
    return test_end();
}
