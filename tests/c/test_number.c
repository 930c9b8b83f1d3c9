/* test_number.c - numbers against the Python reference (tests/golden/numbers.txt, written by
 * models/thimble/make_grammar_vectors.py) and character classes. */
#include "test.h"

#include "../../src/number.h"
#include "../../src/text.h"

/* "text TAB spelling", "-" for none. */
static void check_parse(tb_str text, tb_str want)
{
    char got[TB_NUMBER_ROOM];
    tb_number number;
    size_t n = 0;
    if (tb_number_parse(text, &number))
        n = tb_number_spell(number, got);
    else
        got[n++] = '-';
    if (!CHECK(tb_str_equal((tb_str){got, n}, want)))
        printf("    \"%.*s\": got %.*s, want %.*s\n", (int)text.len, text.ptr, (int)n, got,
               (int)want.len, want.ptr);
}

/* One digit per character: 1 where a number may begin at it; end behind it. */
static void check_boundaries(tb_str text, tb_str begins, tb_str ends)
{
    size_t c = 0;
    for (size_t at = 0; at < text.len; at++) {
        size_t next = at + 1;
        if (!tb_is_boundary(text, at))
            continue;
        while (!tb_is_boundary(text, next))
            next++;
        if (!CHECK(c < begins.len && c < ends.len &&
                   tb_number_may_begin(text, at) == (begins.ptr[c] == '1') &&
                   tb_number_may_end(text, next) == (ends.ptr[c] == '1')))
            printf("    character %zu of \"%.*s\"\n", c, (int)text.len, text.ptr);
        c++;
    }
}

static void golden(void)
{
    size_t size, lines = 0;
    char *data = test_read_file("tests/golden/numbers.txt", &size);
    for (size_t at = 0; at < size;) {
        tb_str field[3] = {{0}};
        size_t fields = 0;
        for (; at < size && fields < 3; at++) {
            size_t start = at;
            while (data[at] != '\t' && data[at] != '\n')
                at++;
            field[fields++] = (tb_str){data + start, at - start};
            if (data[at] == '\n')
                break;
        }
        at++;
        lines++;
        if (fields == 2)
            check_parse(field[0], field[1]);
        else
            check_boundaries(field[0], field[1], field[2]);
    }
    CHECK(lines > 1000);
    free(data);
}

static void doubles(void)
{
    CHECK(tb_number_double((tb_number){12345, 2}) == 123.45);
    CHECK(tb_number_double((tb_number){-1, 9}) == -1e-9);
    CHECK(tb_number_double((tb_number){999999999999999, 0}) == 999999999999999.0);
}

static void check_words(const char *name, const char *want)
{
    char out[100];
    tb_str text = tb_str_of(name);
    size_t n = tb_words(text, out);
    CHECK(n <= tb_words_room(text.len));
    out[n] = '\0';
    CHECK_STR(out, want);
}

static void words(void)
{
    check_words("getWeather", "get weather");
    check_words("get-weather", "get weather");
    check_words("weather.get", "weather get");
    check_words("HTTPPort2Use", "http port2 use");
    check_words("parseJSON", "parse json");
    check_words("ABc", "a bc");
    check_words("__x__y__", "x y");
    check_words("--", "--");
    check_words("", "");
    check_words("étéNord", "éténord"); /* only ASCII letters have a case */
    check_words("Ünder", "Ünder");
    check_words("a1B", "a1 b");
}

static void value_words(void)
{
    char out[100];
    size_t n = tb_value_words(tb_str_of("AutoMode_2"), out);
    CHECK(tb_str_equal((tb_str){out, n}, tb_str_of("auto mode 2")));
    n = tb_value_words(tb_str_of("a,B"), out);
    CHECK(tb_str_equal((tb_str){out, n}, tb_str_of("a,B")));
}

static void characters(void)
{
    CHECK(tb_is_word_char('a') && tb_is_word_char(0xe9) && tb_is_word_char(0x6771));
    CHECK(!tb_is_word_char('-') && !tb_is_word_char(0x2019) && !tb_is_word_char(TB_NO_CHAR));
    CHECK(tb_may_start('#', 'm') && !tb_may_start('#', ' ') && !tb_may_start('#', TB_NO_CHAR));
    CHECK(tb_may_start(0x20ac, '5') && !tb_may_start('"', 'x'));
    CHECK(tb_may_end('%') && tb_may_end(')') && !tb_may_end(',') && !tb_may_end('('));
    CHECK(tb_opener('>') == '<' && tb_opener('(') == 0);
    CHECK(tb_is_space(0x3000) && !tb_is_space(0x200b));
}

int main(void)
{
    RUN(golden);
    RUN(doubles);
    RUN(words);
    RUN(value_words);
    RUN(characters);
    return test_end();
}
