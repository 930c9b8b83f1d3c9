/* base.h: errors, arena, checked arithmetic, UTF-8; and elementary.h against the C library. */
#include "../../src/base.h"
#include "../../src/elementary.h"
#include "test.h"

#include <math.h>

static void status_names(void)
{
    CHECK_STR(tb_status_name(TB_E_FORMAT), "E_FORMAT");
    CHECK_STR(tb_status_name(TB_E_JSON), "E_JSON");
    CHECK_STR(tb_status_name(TB_E_TOOLS), "E_TOOLS");
    CHECK_STR(tb_status_name(TB_E_SCHEMA), "E_SCHEMA");
    CHECK_STR(tb_status_name(TB_E_QUERY), "E_QUERY");
    CHECK_STR(tb_status_name(TB_E_TOO_LONG), "E_TOO_LONG");
    CHECK_STR(tb_status_name(TB_E_NOMEM), "E_NOMEM");
    CHECK_STR(tb_status_name(TB_E_OPTION), "E_OPTION");
    CHECK_STR(tb_status_name(TB_E_INTERNAL), "E_INTERNAL");
    CHECK_STR(tb_status_name((tb_status)99), "E_INTERNAL");
}

static void messages(void)
{
    tb_error err = {0};
    CHECK(!tb_fail(&err, TB_E_TOOLS, "%s|%.*s|%d|%u|%zu|%c|%%", "tool", 2, "abc", -7, 4000000000u,
                   (size_t)12345678901234u, 'x'));
    CHECK_STR(err.message, "tool|ab|-7|4000000000|12345678901234|x|%");
    CHECK_INT(err.status, TB_E_TOOLS);
    tb_fail(&err, TB_E_JSON, "the first error wins");
    CHECK_INT(err.status, TB_E_TOOLS);
    CHECK(!tb_fail(NULL, TB_E_JSON, "nobody listens"));
    err.status = TB_OK;
    tb_fail(&err, TB_E_JSON, "%d %d %d", 0, INT32_MIN, INT32_MAX);
    CHECK_STR(err.message, "0 -2147483648 2147483647");
    err.status = TB_OK;
    tb_fail(&err, TB_E_JSON, "[%s]", "caf\xc3\xa9 \xff\x01\xe2\x82 \x7f\xc2\x80 \n");
    CHECK_STR(err.message, "[caf\xc3\xa9 ???? ?? ?]");
    err.status = TB_OK;
    tb_fail(&err, TB_E_JSON, "%.*s|%.*s|", -1, "abc", 9, "ab");
    CHECK_STR(err.message, "|ab|");
    err.status = TB_OK;
    tb_fail(&err, TB_E_JSON, "%.*s", 3, "a\xc3\xa9\xc3\xa9"); /* %.*s may end inside a character */
    CHECK_STR(err.message, "a\xc3\xa9");
}

/* A long message is cut between characters and always terminated. */
static void long_messages(void)
{
    char text[600];
    for (size_t shift = 0; shift < 3; shift++) {
        tb_error err = {0};
        memset(text, 'a', shift);
        for (size_t i = shift; i + 3 < sizeof text; i += 3)
            memcpy(text + i, "\xe2\x82\xac", 3);
        text[sizeof text - 3] = '\0';
        tb_fail(&err, TB_E_JSON, "%s tail", text);
        size_t len = strlen(err.message);
        CHECK(len >= sizeof err.message - 3 && len < sizeof err.message);
        CHECK_INT(tb_utf8_check(err.message, len), len);
    }
}

static void arenas(void)
{
    static uint8_t memory[1024 + 64];
    tb_arena a;
    tb_error err = {0};
    uint8_t *p, *q;
    size_t mark;
    memset(memory, 0xaa, sizeof memory);
    tb_arena_init(&a, memory, sizeof memory);
    p = tb_alloc(&a, 3, 5, &err);
    q = tb_alloc(&a, 1, 1, &err);
    CHECK((uintptr_t)p % 64 == 0 && (uintptr_t)q % 64 == 0 && q == p + 64);
    for (int i = 0; i < 64; i++)
        CHECK(p[i] == 0);
    CHECK_INT(a.used, 128);
    mark = tb_arena_mark(&a);
    p[0] = 1;
    CHECK(tb_alloc(&a, 0, 8, &err) != NULL && tb_alloc(&a, 8, 0, &err) != NULL);
    CHECK_INT(a.used, 128);
    p = tb_alloc(&a, 100, 1, &err);
    p[99] = 7;
    tb_arena_reset(&a, mark);
    CHECK_INT(a.used, 128);
    CHECK_INT(a.peak, 256);
    p = tb_alloc(&a, 100, 1, &err);
    CHECK(p[99] == 0); /* zeroed again */
    CHECK_INT(err.status, TB_OK);
    CHECK(tb_alloc(&a, a.size, 1, &err) == NULL);
    CHECK_INT(err.status, TB_E_NOMEM);
    CHECK_INT(a.used, 256);
    err.status = TB_OK;
    CHECK(tb_alloc(&a, SIZE_MAX, 1, &err) == NULL && err.status == TB_E_NOMEM);
    err.status = TB_OK;
    CHECK(tb_alloc(&a, SIZE_MAX / 2, 3, &err) == NULL && err.status == TB_E_NOMEM);
    tb_arena_reset(&a, 100000); /* no mark of this arena: nothing happens */
    CHECK_INT(a.used, 256);
    err.status = TB_OK;
    tb_arena_init(&a, memory + 1, 64); /* no room once aligned */
    CHECK(tb_alloc(&a, 64, 1, &err) == NULL && err.status == TB_E_NOMEM);
    tb_arena_init(&a, memory + 1, 3);
    err.status = TB_OK;
    CHECK(tb_alloc(&a, 1, 1, &err) == NULL && err.status == TB_E_NOMEM);
}

static void arithmetic(void)
{
    size_t out = 5;
    CHECK(tb_add(2, 3, &out) && out == 5);
    CHECK(tb_add(SIZE_MAX, 0, &out) && out == SIZE_MAX);
    CHECK(!tb_add(SIZE_MAX, 1, &out) && out == SIZE_MAX);
    CHECK(tb_mul(0, SIZE_MAX, &out) && out == 0);
    CHECK(tb_mul(SIZE_MAX, 0, &out) && out == 0);
    CHECK(tb_mul(SIZE_MAX, 1, &out) && out == SIZE_MAX);
    out = 3;
    CHECK(!tb_mul(SIZE_MAX / 2 + 1, 2, &out) && out == 3);
}

static void strings(void)
{
    CHECK(tb_str_equal(tb_str_of("abc"), tb_str_of("abc")));
    CHECK(!tb_str_equal(tb_str_of("abc"), tb_str_of("abd")));
    CHECK(!tb_str_equal(tb_str_of("abc"), tb_str_of("ab")));
    CHECK(tb_str_compare(tb_str_of("ab"), tb_str_of("abc")) < 0);
    CHECK(tb_str_compare(tb_str_of("b"), tb_str_of("abc")) > 0);
    CHECK(tb_str_compare(tb_str_of("\xc3"), tb_str_of("z")) > 0); /* bytes are unsigned */
    CHECK(tb_str_compare(tb_str_of(""), tb_str_of("")) == 0);
}

/* Every code point survives; every shorter, longer or damaged form is refused. */
static void utf8(void)
{
    static const char *const bad[] = {"\x80", "\xbf", "\xc0\xaf", "\xc1\xbf", "\xc2", "\xc2\x41", "\xe0\x80\x80",
                                      "\xe0\x9f\xbf", "\xe2\x82", "\xed\xa0\x80", "\xed\xbf\xbf", "\xf0\x80\x80\x80",
                                      "\xf0\x8f\xbf\xbf", "\xf0\x9f\x98", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80",
                                      "\xfe", "\xff"};
    uint32_t c;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CHECK_INT(tb_utf8_decode(bad[i], strlen(bad[i]), &c), 0);
    for (uint32_t want = 0; want <= 0x10ffff; want += want < 0x11000 ? 1 : 97) {
        char s[4];
        size_t n = want < 0x80 ? 1 : want < 0x800 ? 2 : want < 0x10000 ? 3 : 4;
        if (want >= 0xd800 && want <= 0xdfff)
            continue;
        for (size_t i = n; i-- > 1;)
            s[i] = (char)(0x80 | (want >> (6 * (n - 1 - i)) & 0x3f));
        s[0] = (char)(n == 1 ? want : (0xf00 >> n & 0xff) | want >> (6 * (n - 1)));
        CHECK(tb_utf8_decode(s, n, &c) == n && c == want);
    }
    CHECK_INT(tb_utf8_check("a\xc3\xa9z", 4), 4);
    CHECK_INT(tb_utf8_check("a\xc3\xa9z\xc3", 5), 4);
    CHECK_INT(tb_utf8_check("", 0), 0);
}

static double error_of(double got, double want)
{
    return fabs(got - want) / fmax(fabs(want), 1e-3);
}

static void elementary_functions(void)
{
    double worst_exp = 0, worst_log = 0, worst_sincos = 0, s, c;
    for (double x = -690; x < 690; x += 0.377)
        worst_exp = fmax(worst_exp, error_of(tb_exp(x) / exp(x), 1));
    for (double x = 1e-300; x < 1e300; x *= 1.37)
        worst_log = fmax(worst_log, error_of(tb_log(x), log(x)));
    for (double x = 0.5; x < 2; x += 0.00137)
        worst_log = fmax(worst_log, fabs(tb_log(x) - log(x)));
    for (double x = -4096; x < 4096; x += 0.0371) {
        tb_sincos(x, &s, &c);
        worst_sincos = fmax(worst_sincos, fmax(fabs(s - sin(x)), fabs(c - cos(x))));
    }
    printf("elementary: largest errors exp %.1e, log %.1e, sin and cos %.1e\n", worst_exp, worst_log, worst_sincos);
    CHECK(worst_exp < 1e-13 && worst_log < 1e-14 && worst_sincos < 1e-12);
    CHECK(tb_exp(0) == 1 && tb_log(1) == 0 && tb_sqrt(2.25f) == 1.5f);
    CHECK(tb_exp(-800) == 0 && tb_exp((double)NAN) == 0 && tb_exp(1e9) == tb_exp(700));
    CHECK(tb_log(0) == 0 && tb_log(-1) == 0 && tb_log((double)INFINITY) == 0);
    tb_sincos(0, &s, &c);
    CHECK(s == 0 && c == 1);
}

int main(void)
{
    RUN(status_names);
    RUN(messages);
    RUN(long_messages);
    RUN(arenas);
    RUN(arithmetic);
    RUN(strings);
    RUN(utf8);
    RUN(elementary_functions);
    return test_end();
}
