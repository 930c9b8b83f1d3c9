/* test_pattern.c - patterns against the Python reference (tests/golden/patterns.jsonl), and that
 * nothing makes them slow. */
#include "jsonl.h"

#include "../../src/pattern.h"

#include <time.h>

static uint8_t memory[1 << 18];

static const tb_pattern *compile(tb_str source, char why[TB_PATTERN_WHY])
{
    tb_arena arena;
    tb_error err = {TB_OK, {0}};
    tb_arena_init(&arena, memory, sizeof memory);
    return tb_pattern_compile(&arena, source, why, &err);
}

static void check_line(const tb_json *json, void *with)
{
    char why[TB_PATTERN_WHY] = "";
    tb_str source = jsonl_text(json, 0, "pattern");
    const tb_pattern *pattern = compile(source, why);
    uint32_t error = jsonl_find(json, 0, "error"), texts = jsonl_find(json, 0, "texts");
    (void)with;
    if (error != TB_JSON_NONE) {
        if (!CHECK(pattern == NULL && tb_str_equal(tb_str_of(why), json->nodes[error].text)))
            printf("    line %d, %.*s: \"%s\"\n", test_line, (int)source.len, source.ptr, why);
        return;
    }
    if (!CHECK(pattern != NULL)) {
        printf("    line %d, %.*s: \"%s\"\n", test_line, (int)source.len, source.ptr, why);
        return;
    }
    for (uint32_t i = texts + 1; i < json->nodes[texts].next; i = json->nodes[i].next) {
        tb_str text = json->nodes[i + 1].text;
        bool want = json->nodes[i + 2].type == TB_JSON_TRUE;
        if (!CHECK_INT(tb_pattern_found(pattern, text), want))
            printf("    line %d: %.*s in \"%.*s\"\n", test_line, (int)source.len, source.ptr,
                   (int)text.len, text.ptr);
    }
}

static void golden(void)
{
    jsonl_each("tests/golden/patterns.jsonl", 500, check_line, NULL);
}

/* All prefixes at once give what they give singly. */
static void check_scan(const tb_json *json, void *with)
{
    char why[TB_PATTERN_WHY];
    const tb_pattern *pattern = compile(jsonl_text(json, 0, "pattern"), why);
    tb_str text = tb_str_of("ab \xc3\xa9"
                            "1_-A\n\xe2\x80\xa8 play a1 \xf0\x9f\x98\x80.");
    size_t ends[64], count = 0;
    bool fits[64];
    (void)with;
    if (pattern == NULL)
        return;
    for (size_t at = 0; at <= text.len; at++)
        if (at == text.len || ((uint8_t)text.ptr[at] & 0xc0) != 0x80)
            ends[count++] = at;
    tb_pattern_scan(pattern, text.ptr, ends, count, fits);
    for (size_t i = 0; i < count; i++)
        CHECK_INT(fits[i], tb_pattern_found(pattern, (tb_str){text.ptr, ends[i]}));
}

static void scan(void)
{
    jsonl_each("tests/golden/patterns.jsonl", 500, check_scan, NULL);
}

/* Each of these takes a backtracking matcher longer than the universe has. */
static void linear_time(void)
{
    static const char *const SLOW[] = {
        "(a*)*b",           "(a|a)*b",          "(a|aa)+$x",   "^(([a-z])+.)+[A-Z]([a-z])+$",
        "(.*)*(.*)*(.*)*b", "(a?){200}a{200}b", "(((a+)+)+)+b"};
    static char text[16384];
    clock_t start = clock();
    memset(text, 'a', sizeof text);
    for (size_t i = 0; i < sizeof SLOW / sizeof SLOW[0]; i++) {
        char why[TB_PATTERN_WHY];
        const tb_pattern *pattern = compile(tb_str_of(SLOW[i]), why);
        if (CHECK(pattern != NULL))
            CHECK(!tb_pattern_found(pattern, (tb_str){text, sizeof text}));
    }
    CHECK((double)(clock() - start) / CLOCKS_PER_SEC < 20);
}

static void every_short_source(void)
{
    /* No three signs crash the compiler or the matcher. */
    static const char SIGNS[] = "a\\[]^-(){}|*+?.,1bux:<$dn";
    size_t n = sizeof SIGNS - 1, compiled = 0;
    for (size_t i = 0; i < n * n * n * n; i++) {
        char source[4] = {SIGNS[i % n], SIGNS[i / n % n], SIGNS[i / n / n % n],
                          SIGNS[i / n / n / n]};
        char why[TB_PATTERN_WHY] = "";
        const tb_pattern *pattern = compile((tb_str){source, 4}, why);
        if (pattern != NULL) {
            compiled++;
            (void)tb_pattern_found(pattern, tb_str_of("a1-"));
        } else if (why[0] == '\0') {
            CHECK(why[0] != '\0');
        }
    }
    CHECK(compiled > 1000);
}

int main(void)
{
    RUN(golden);
    RUN(scan);
    RUN(linear_time);
    RUN(every_short_source);
    return test_end();
}
