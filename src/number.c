/* number.c - numerals and number words. The grammar is that of models/thimble/number.py. */
#include "number.h"

#include <string.h>

#include "text.h"

#define MAX_MANTISSA INT64_C(1000000000000000)

enum { MAX_SCALE = 9, MAX_WORDS = 48, LONGEST_WORD = 11 };

static const int64_t POWERS[MAX_SCALE + 1] = {1,      10,      100,      1000,      10000,
                                              100000, 1000000, 10000000, 100000000, 1000000000};

/* ---- what words mean ------------------------------------------------------------------------ */

typedef enum { ONE, TEN, ORDINAL, MULTIPLIER, OTHER } word_kind;

/* value: of a ONE, TEN or MULTIPLIER; of an ORDINAL the number that it orders by. */
typedef struct {
    char text[LONGEST_WORD + 1];
    uint8_t kind;
    int32_t value;
} word_entry;

static const word_entry WORDS[] = {
    {"zero", ONE, 0},
    {"one", ONE, 1},
    {"two", ONE, 2},
    {"three", ONE, 3},
    {"four", ONE, 4},
    {"five", ONE, 5},
    {"six", ONE, 6},
    {"seven", ONE, 7},
    {"eight", ONE, 8},
    {"nine", ONE, 9},
    {"ten", ONE, 10},
    {"eleven", ONE, 11},
    {"twelve", ONE, 12},
    {"thirteen", ONE, 13},
    {"fourteen", ONE, 14},
    {"fifteen", ONE, 15},
    {"sixteen", ONE, 16},
    {"seventeen", ONE, 17},
    {"eighteen", ONE, 18},
    {"nineteen", ONE, 19},
    {"twenty", TEN, 20},
    {"thirty", TEN, 30},
    {"forty", TEN, 40},
    {"fifty", TEN, 50},
    {"sixty", TEN, 60},
    {"seventy", TEN, 70},
    {"eighty", TEN, 80},
    {"ninety", TEN, 90},
    {"first", ORDINAL, 1},
    {"second", ORDINAL, 2},
    {"third", ORDINAL, 3},
    {"fourth", ORDINAL, 4},
    {"fifth", ORDINAL, 5},
    {"sixth", ORDINAL, 6},
    {"seventh", ORDINAL, 7},
    {"eighth", ORDINAL, 8},
    {"ninth", ORDINAL, 9},
    {"tenth", ORDINAL, 10},
    {"eleventh", ORDINAL, 11},
    {"twelfth", ORDINAL, 12},
    {"thirteenth", ORDINAL, 13},
    {"fourteenth", ORDINAL, 14},
    {"fifteenth", ORDINAL, 15},
    {"sixteenth", ORDINAL, 16},
    {"seventeenth", ORDINAL, 17},
    {"eighteenth", ORDINAL, 18},
    {"nineteenth", ORDINAL, 19},
    {"twentieth", ORDINAL, 20},
    {"thirtieth", ORDINAL, 30},
    {"fortieth", ORDINAL, 40},
    {"fiftieth", ORDINAL, 50},
    {"sixtieth", ORDINAL, 60},
    {"seventieth", ORDINAL, 70},
    {"eightieth", ORDINAL, 80},
    {"ninetieth", ORDINAL, 90},
    {"hundred", MULTIPLIER, 100},
    {"thousand", MULTIPLIER, 1000},
    {"million", MULTIPLIER, 1000000},
    {"billion", MULTIPLIER, 1000000000},
    {"dozen", MULTIPLIER, 12},
    {"once", OTHER, 0},
    {"twice", OTHER, 0},
    {"thrice", OTHER, 0},
    {"single", OTHER, 0},
    {"double", OTHER, 0},
    {"triple", OTHER, 0},
    {"half", OTHER, 0},
    {"quarter", OTHER, 0},
    {"quarters", OTHER, 0},
    {"couple", OTHER, 0},
    {"pair", OTHER, 0},
    {"a", OTHER, 0},
    {"and", OTHER, 0},
    {"point", OTHER, 0},
    {"minus", OTHER, 0},
    {"negative", OTHER, 0},
};

typedef struct {
    const char *text;
    tb_number value;
} phrase_entry;

static const phrase_entry PHRASES[] = {
    {"once", {1, 0}},       {"twice", {2, 0}},           {"thrice", {3, 0}},
    {"single", {1, 0}},     {"double", {2, 0}},          {"triple", {3, 0}},
    {"half", {5, 1}},       {"a half", {5, 1}},          {"quarter", {25, 2}},
    {"a quarter", {25, 2}}, {"three quarters", {75, 2}}, {"dozen", {12, 0}},
    {"a dozen", {12, 0}},   {"half a dozen", {6, 0}},    {"a half dozen", {6, 0}},
    {"couple", {2, 0}},     {"a couple", {2, 0}},        {"pair", {2, 0}},
    {"a pair", {2, 0}},
};

static const word_entry *find_word(const char *text, size_t len)
{
    if (len == 0 || len > LONGEST_WORD)
        return NULL;
    for (size_t i = 0; i < sizeof WORDS / sizeof WORDS[0]; i++)
        if (memcmp(WORDS[i].text, text, len) == 0 && WORDS[i].text[len] == '\0')
            return &WORDS[i];
    return NULL;
}

/* Number words in a row; `words` holds at most MAX_WORDS. */
typedef struct {
    const word_entry *const *words;
    size_t count;
} word_list;

static bool is_word(word_list list, size_t at, const char *text)
{
    return at < list.count && tb_str_equal(tb_str_of(list.words[at]->text), tb_str_of(text));
}

static bool is_kind(word_list list, size_t at, word_kind kind)
{
    return at < list.count && list.words[at]->kind == kind;
}

static word_list head(word_list list, size_t count)
{
    return (word_list){list.words, count};
}

/* ---- numbers -------------------------------------------------------------------------------- */

static bool make(int64_t mantissa, uint32_t scale, tb_number *out)
{
    while (scale > 0 && mantissa % 10 == 0) {
        mantissa /= 10;
        scale--;
    }
    if (mantissa >= MAX_MANTISSA || mantissa <= -MAX_MANTISSA || scale > MAX_SCALE)
        return false;
    *out = (tb_number){mantissa, scale};
    return true;
}

/* number * factor for a power of ten or 12. */
static bool times(tb_number number, int64_t factor, tb_number *out)
{
    while (factor % 10 == 0 && number.scale > 0) {
        factor /= 10;
        number.scale--;
    }
    if (number.mantissa > INT64_MAX / factor || number.mantissa < -INT64_MAX / factor)
        return false;
    return make(number.mantissa * factor, number.scale, out);
}

/* 1..99 at words[*at]; advances *at over what it used, returns 0 when nothing reads so. */
static int64_t below_hundred(word_list list, size_t *at)
{
    int64_t value;
    if (is_kind(list, *at, TEN)) {
        value = list.words[(*at)++]->value;
        if (is_kind(list, *at, ONE) && list.words[*at]->value >= 1 && list.words[*at]->value <= 9)
            value += list.words[(*at)++]->value;
        return value;
    }
    if (is_kind(list, *at, ONE) && list.words[*at]->value > 0)
        return list.words[(*at)++]->value;
    return 0;
}

/* The same for 1..9999 ("twelve hundred" reads too). */
static int64_t below_thousand(word_list list, size_t *at)
{
    int64_t value, rest;
    size_t after;
    if (is_word(list, *at, "a") && is_word(list, *at + 1, "hundred")) {
        value = 1;
        ++*at;
    } else {
        value = below_hundred(list, at);
    }
    if (value == 0 || !is_word(list, *at, "hundred"))
        return value;
    value *= 100;
    ++*at;
    after = is_word(list, *at, "and") ? *at + 1 : *at;
    rest = below_hundred(list, &after);
    if (rest != 0)
        *at = after;
    return value + rest;
}

/* Cardinal number words, all of them used. */
static bool cardinal(word_list list, int64_t *out)
{
    static const char SCALES[3][9] = {"billion", "million", "thousand"};
    int64_t total = 0, factor = 1000000000, value;
    size_t at = 0;
    if (list.count == 1 && is_word(list, 0, "zero")) {
        *out = 0;
        return true;
    }
    for (size_t s = 0; s < 3; s++, factor /= 1000) {
        size_t i = at;
        if (is_word(list, at, "a") && is_word(list, at + 1, SCALES[s])) {
            value = 1;
            i++;
        } else {
            value = below_thousand(list, &i);
        }
        if (value == 0 || !is_word(list, i, SCALES[s]))
            continue;
        total += value * factor;
        at = i + 1;
        if (at == list.count) {
            *out = total;
            return true;
        }
        if (is_word(list, at, "and"))
            at++;
    }
    value = below_thousand(list, &at);
    *out = total + value;
    return value != 0 && at == list.count;
}

static bool starts_with(tb_str text, tb_str prefix)
{
    return text.len >= prefix.len && memcmp(text.ptr, prefix.ptr, prefix.len) == 0;
}

/* Whether the words, a space between each two, are `text`. */
static bool reads(word_list list, tb_str text)
{
    for (size_t i = 0; i < list.count; i++) {
        tb_str word = tb_str_of(list.words[i]->text);
        bool last = i + 1 == list.count;
        if (!starts_with(text, word) || (last ? text.len != word.len : text.len == word.len) ||
            (!last && text.ptr[word.len] != ' '))
            return false;
        text.ptr += word.len + !last;
        text.len -= word.len + !last;
    }
    return true;
}

static bool phrase(word_list list, tb_number *out)
{
    for (size_t p = 0; p < sizeof PHRASES / sizeof PHRASES[0]; p++) {
        if (reads(list, tb_str_of(PHRASES[p].text))) {
            *out = PHRASES[p].value;
            return true;
        }
    }
    return false;
}

/* "one point five": the words before and the digits after words[point]. */
static bool decimal(word_list list, size_t point, tb_number *out)
{
    size_t end = list.count;
    int64_t mantissa;
    if (!cardinal(head(list, point), &mantissa) || end == point + 1 || end - point - 1 > MAX_SCALE)
        return false;
    for (size_t i = point + 1; i < end; i++)
        if (!is_kind(list, i, ONE) || list.words[i]->value > 9)
            return false;
    while (end > point + 1 && list.words[end - 1]->value == 0)
        end--; /* so that what stays too large below is too large for good */
    for (size_t i = point + 1; i < end; i++) {
        mantissa = mantissa * 10 + list.words[i]->value;
        if (mantissa >= MAX_MANTISSA)
            return false;
    }
    return make(mantissa, (uint32_t)(end - point - 1), out);
}

static bool words_value(word_list list, tb_number *out)
{
    const word_entry *changed[MAX_WORDS];
    size_t n = list.count;
    int64_t value;
    if (n == 0)
        return false;
    if (phrase(list, out))
        return true;
    if (n > 3 && is_word(list, n - 3, "and") && is_word(list, n - 2, "a") &&
        (is_word(list, n - 1, "half") || is_word(list, n - 1, "quarter"))) {
        int64_t extra = is_word(list, n - 1, "half") ? 50 : 25;
        return cardinal(head(list, n - 3), &value) && make(value * 100 + extra, 2, out);
    }
    for (size_t i = 0; i < n; i++)
        if (is_word(list, i, "point"))
            return decimal(list, i, out);
    if (is_word(list, n - 1, "dozen"))
        return cardinal(head(list, n - 1), &value) && make(value * 12, 0, out);
    if (is_kind(list, n - 1, ORDINAL)) {
        /* WORDS[v] is the cardinal of v up to nineteen, WORDS[18 + v / 10] of the tens. */
        int32_t v = list.words[n - 1]->value;
        memcpy(changed, list.words, n * sizeof changed[0]);
        changed[n - 1] = &WORDS[v < 20 ? v : 18 + v / 10];
        list.words = changed;
    }
    return cardinal(list, &value) && make(value, 0, out);
}

static bool parse_words(tb_str text, tb_number *out)
{
    const word_entry *words[MAX_WORDS];
    size_t count = 0, start = 0;
    for (size_t i = 0; i <= text.len; i++) {
        if (i < text.len && text.ptr[i] != ' ' && text.ptr[i] != '-')
            continue;
        if (count == MAX_WORDS || (words[count] = find_word(text.ptr + start, i - start)) == NULL)
            return false;
        count++;
        start = i + 1;
    }
    return words_value((word_list){words, count}, out);
}

/* ---- numerals ------------------------------------------------------------------------------- */

static size_t digits_at(tb_str text, size_t at, size_t most)
{
    size_t n = 0;
    while (n < most && at + n < text.len && tb_is_digit((uint8_t)text.ptr[at + n]))
        n++;
    return n;
}

/* Appends text[at..at+n) to *mantissa; false when it gets too large. */
static bool append_digits(tb_str text, size_t at, size_t n, int64_t *mantissa)
{
    for (size_t i = 0; i < n; i++) {
        *mantissa = *mantissa * 10 + (text.ptr[at + i] - '0');
        if (*mantissa >= MAX_MANTISSA)
            return false;
    }
    return true;
}

/* The factor that the text after a numeral's digits stands for; 0 if it reads as none. */
static int64_t suffix_factor(tb_str rest, bool ordinal_fits)
{
    const word_entry *word;
    if (rest.len == 0)
        return 1;
    if (rest.len == 2 && ordinal_fits &&
        (memcmp(rest.ptr, "st", 2) == 0 || memcmp(rest.ptr, "nd", 2) == 0 ||
         memcmp(rest.ptr, "rd", 2) == 0 || memcmp(rest.ptr, "th", 2) == 0))
        return 1;
    if (rest.len == 1 && rest.ptr[0] == 'k')
        return 1000;
    if (rest.ptr[0] != ' ')
        return 0;
    word = find_word(rest.ptr + 1, rest.len - 1);
    return word != NULL && word->kind == MULTIPLIER ? word->value : 0;
}

static bool parse_numeral(tb_str text, tb_number *out)
{
    size_t at = digits_at(text, 0, 3), group = at, fraction = 0, kept;
    int64_t mantissa = 0, factor;
    bool fits = true;
    /* Either 1-3 digits and groups of three after commas, or up to 15 digits. */
    while (group > 0 && group < text.len && text.ptr[group] == ',' &&
           digits_at(text, group + 1, 3) == 3)
        group += 4;
    if (group == at)
        group = at = digits_at(text, 0, 15);
    fits = append_digits(text, 0, at, &mantissa);
    for (; at < group; at += 4)
        fits = fits && append_digits(text, at + 1, 3, &mantissa);
    if (at < text.len && text.ptr[at] == '.')
        fraction = digits_at(text, at + 1, MAX_SCALE);
    if (at == 0 && fraction == 0)
        return false;
    for (kept = fraction; kept > 0 && text.ptr[at + kept] == '0'; kept--)
        ;
    fits = fits && append_digits(text, at + 1, kept, &mantissa);
    group = fraction > 0 ? at + 1 + fraction : at;
    factor = suffix_factor((tb_str){text.ptr + group, text.len - group}, fraction == 0 && at > 0);
    return fits && factor != 0 && times((tb_number){mantissa, (uint32_t)kept}, factor, out);
}

/* ---- the whole ------------------------------------------------------------------------------ */

bool tb_number_parse(tb_str text, tb_number *out)
{
    size_t skip = 0;
    bool negative = false;
    if (text.len > 0 && (text.ptr[0] == '-' || text.ptr[0] == '+')) {
        negative = text.ptr[0] == '-';
        skip = 1;
        if (text.len < 2 || !(tb_is_digit((uint8_t)text.ptr[1]) || text.ptr[1] == '.'))
            return false;
    } else if (starts_with(text, tb_str_of("minus ")) ||
               starts_with(text, tb_str_of("negative "))) {
        negative = true;
        skip = text.ptr[0] == 'm' ? 6 : 9;
    }
    text.ptr += skip;
    text.len -= skip;
    if (text.len == 0)
        return false;
    if (tb_is_digit((uint8_t)text.ptr[0]) || text.ptr[0] == '.' ? !parse_numeral(text, out)
                                                                : !parse_words(text, out))
        return false;
    if (negative)
        out->mantissa = -out->mantissa;
    return true;
}

/* The byte at `at`, 0 beyond the ends. */
static uint8_t byte_at(tb_str text, size_t at)
{
    return at < text.len ? (uint8_t)text.ptr[at] : 0;
}

/* Whether the comma at `comma` groups thousands: exactly three digits follow. */
static bool groups_thousands(tb_str text, size_t comma)
{
    return digits_at(text, comma + 1, 4) == 3;
}

bool tb_number_may_begin(tb_str text, size_t at)
{
    uint8_t before, before2, first;
    if (at == 0)
        return true;
    if (tb_is_word_char(tb_char_before(text, at)))
        return false;
    before = byte_at(text, at - 1);
    before2 = at >= 2 ? byte_at(text, at - 2) : ' ';
    first = byte_at(text, at);
    if (first == '-' || first == '+')
        return true;
    if ((before == '-' || before == '+') && before2 == ' ')
        return false;
    if (before == '.' && tb_is_digit(first))
        return false;
    return !(before == ',' && tb_is_digit(before2) && groups_thousands(text, at - 1));
}

bool tb_number_may_end(tb_str text, size_t end)
{
    uint8_t after, after2;
    if (end == text.len)
        return true;
    if (!tb_is_digit(byte_at(text, end - 1)))
        return !tb_is_word_char(tb_char_at(text, end));
    after = byte_at(text, end);
    after2 = byte_at(text, end + 1);
    if (tb_is_digit(after) || (after == '.' && tb_is_digit(after2)))
        return false;
    if (after == 'k' && !tb_is_word_char(tb_char_at(text, end + 1)))
        return false;
    return !(after == ',' && groups_thousands(text, end));
}

double tb_number_double(tb_number number)
{
    return (double)number.mantissa / (double)POWERS[number.scale];
}

size_t tb_number_spell(tb_number number, char *out)
{
    char digits[TB_NUMBER_ROOM];
    uint64_t rest = number.mantissa < 0 ? (uint64_t)-number.mantissa : (uint64_t)number.mantissa;
    size_t count = 0, used = 0;
    while (rest != 0 || count <= number.scale) {
        digits[count++] = (char)('0' + rest % 10);
        rest /= 10;
    }
    if (number.mantissa < 0)
        out[used++] = '-';
    while (count > 0) {
        if (count == number.scale)
            out[used++] = '.';
        out[used++] = digits[--count];
    }
    return used;
}
