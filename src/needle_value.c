/* needle_value.c - strings and numbers in the making. */
#include "needle_value.h"

#include <string.h>

/* ---- strings --------------------------------------------------------------------------------- */

static bool more_allowed(const tb_string_state *s, const tb_argument *a)
{
    return a->max_length == TB_NO_LIMIT || s->characters < a->max_length;
}

/* The first byte of a character of more than one byte: table 3-7 of the Unicode standard. */
static bool begin_character(tb_string_state *s, uint8_t c)
{
    if (c < 0xc2 || c > 0xf4)
        return false;
    s->tail = c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;
    s->least = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
    s->most = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
    return true;
}

static bool feed_hex(tb_string_state *s, char c)
{
    unsigned digit = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
                     : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a' + 10)
                     : c >= 'A' && c <= 'F' ? (unsigned)(c - 'A' + 10)
                                            : 16;
    unsigned unit = (unsigned)s->unit << 4 | digit;
    if (digit == 16)
        return false;
    if (s->low_half && ((s->escape == 5 && digit != 0xd) || (s->escape == 4 && digit < 0xc)))
        return false; /* DC00..DFFF */
    if (!s->low_half && s->escape == 4 && unit >= 0xdc && unit <= 0xdf)
        return false; /* a second half without the first */
    s->unit = (uint16_t)unit;
    if (--s->escape > 1)
        return true;
    s->escape = 0;
    if (!s->low_half && unit >= 0xd800 && unit <= 0xdbff) {
        s->low_half = true;
        s->behind_high = 1;
    } else {
        s->low_half = false;
        s->characters++;
    }
    s->unit = 0;
    return true;
}

static bool feed_escape(tb_string_state *s, char c)
{
    static const char letters[] = "\"\\/bfnrt";
    if (c == 'u') {
        s->escape = 5;
        return true;
    }
    for (size_t i = 0; i + 1 < sizeof letters; i++)
        if (c == letters[i]) {
            s->escape = 0;
            s->characters++;
            return true;
        }
    return false;
}

bool tb_string_feed(tb_string_state *s, const tb_argument *a, char c)
{
    uint8_t byte = (uint8_t)c;
    if (s->behind_high == 1 || s->behind_high == 2) {
        if (c != (s->behind_high == 1 ? '\\' : 'u'))
            return false;
        s->escape = s->behind_high == 1 ? 0 : 5;
        s->behind_high = s->behind_high == 1 ? 2 : 0;
        return true;
    }
    if (s->tail > 0) {
        if (byte < s->least || byte > s->most)
            return false;
        s->least = 0x80;
        s->most = 0xbf;
        s->characters += --s->tail == 0;
        return true;
    }
    if (s->escape > 1)
        return feed_hex(s, c);
    if (s->escape == 1)
        return feed_escape(s, c);
    if (!more_allowed(s, a) || byte < 0x20)
        return false;
    if (c == '\\') {
        s->escape = 1;
        return true;
    }
    if (byte >= 0x80)
        return begin_character(s, byte);
    s->characters++;
    return true;
}

static bool between_characters(const tb_string_state *s)
{
    return s->escape == 0 && s->tail == 0 && !s->low_half;
}

bool tb_string_whole(const tb_string_state *s, const tb_argument *a)
{
    return between_characters(s) && tb_length_fits(a, s->characters);
}

/* Whether the digits of an escape so far can only become the first half of a surrogate pair. */
static bool begins_pair(const tb_string_state *s)
{
    unsigned top = s->escape == 3 ? s->unit : (unsigned)s->unit >> 4; /* the first two digits */
    return !s->low_half && (s->escape == 3 || s->escape == 2) && top >= 0xd8 && top <= 0xdb;
}

uint32_t tb_string_rest(const tb_string_state *s, const tb_argument *a)
{
    uint32_t bytes = s->tail, characters = s->characters + !between_characters(s);
    if (s->behind_high > 0)
        bytes = 7u - s->behind_high; /* \uDCxx, or without the backslash */
    else if (s->escape == 1)
        bytes = 1; /* such as n */
    else if (s->escape > 1)
        bytes = s->escape - 1u + (begins_pair(s) ? 6 : 0);
    return bytes + (a->min_length > characters ? a->min_length - characters : 0);
}

/* ---- numbers --------------------------------------------------------------------------------- */

typedef struct {
    bool minus, point;
    unsigned whole, decimals; /* digits on either side */
    bool zero;                /* the whole part is "0" */
    double value;             /* of the digits so far, without the sign */
} prefix;

static const double powers[] = {1e0, 1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7, 1e8,
                                1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16};

static bool read_prefix(tb_str text, prefix *p)
{
    memset(p, 0, sizeof *p);
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '-' && i == 0) {
            p->minus = true;
        } else if (c == '.' && p->whole > 0 && !p->point) {
            p->point = true;
        } else if (c >= '0' && c <= '9') {
            if (p->zero && !p->point)
                return false;
            p->value = p->point ? p->value + (c - '0') / powers[p->decimals + 1]
                                : p->value * 10 + (c - '0');
            p->zero |= !p->point && p->whole == 0 && c == '0';
            p->decimals += p->point;
            p->whole += !p->point;
        } else {
            return false;
        }
        if (p->whole > TB_NUMBER_DIGITS || p->decimals > TB_NUMBER_DECIMALS)
            return false;
    }
    return true;
}

/* Whether the argument allows sign * n / 10^decimals, n a whole number. */
static bool fits(const tb_argument *a, bool minus, double n, unsigned decimals)
{
    tb_number number = {(int64_t)n, decimals};
    if (n < 0 || n >= 1e15 || (minus && n == 0))
        return false;
    while (number.scale > 0 && number.mantissa % 10 == 0) {
        number.mantissa /= 10;
        number.scale--;
    }
    if (minus)
        number.mantissa = -number.mantissa;
    return tb_number_fits(a, number);
}

static double floor_of(double x) /* |x| < 2^52 */
{
    double whole = (double)(int64_t)x;
    return whole > x ? whole - 1 : whole;
}

/* Whether some whole n in [low, high] gives an allowed n / 10^decimals. */
static bool any_fits(const tb_argument *a, bool minus, double low, double high, unsigned decimals)
{
    double unit = powers[decimals], least = a->minimum, most = a->maximum, step = 1;
    least = a->exclusive_minimum > least ? a->exclusive_minimum : least;
    most = a->exclusive_maximum < most ? a->exclusive_maximum : most;
    if (minus) {
        double swap = -least;
        least = -most;
        most = swap;
    }
    if (least * unit > low)
        low = least * unit >= 1e15 ? 1e15 : floor_of(least * unit);
    if (most * unit < high)
        high = most * unit < 0 ? -1 : floor_of(most * unit) + 1;
    if (a->multiple_of > 0 && a->multiple_of * unit >= 1 && a->multiple_of * unit < 1e15)
        step = a->multiple_of * unit;
    if (step > 1 && low < 1e15) {
        double multiple = floor_of(low / step) * step;
        low = multiple < low ? multiple + step : multiple;
    }
    /* the first few: the bounds themselves may be excluded, or be off by rounding */
    for (int i = 0; i < 4 && low <= high; i++, low += step)
        if (low >= 0 && fits(a, minus, floor_of(low + 0.5), decimals))
            return true;
    return false;
}

/* Completions with `more` further digits before the point and `decimals` behind it in all. */
static bool completes(const prefix *p, const tb_argument *a, bool minus, unsigned more,
                      unsigned decimals)
{
    double unit = powers[decimals], low, high;
    if (p->whole + more == 0 || p->whole + more + decimals > TB_NUMBER_DIGITS ||
        (p->zero && more > 0))
        return false;
    if (p->point) {
        low = floor_of(p->value * unit + 0.5);
        high = low + powers[decimals - p->decimals] - 1;
    } else {
        low = p->value * powers[more] * unit;
        high = (p->value + 1) * powers[more] * unit - 1;
        if (p->whole == 0) {
            low = more > 1 ? powers[more - 1] * unit : 0;
            high = powers[more] * unit - 1;
        }
    }
    return any_fits(a, minus, low, high, decimals);
}

uint32_t tb_number_rest(tb_str text, const tb_argument *a)
{
    unsigned most_decimals = a->type == TB_INTEGER ? 0 : TB_NUMBER_DECIMALS,
             signs = text.len == 0 ? 2 : 1;
    uint32_t best = TB_NO_WAY;
    prefix p;
    if (!read_prefix(text, &p) || (p.point && a->type == TB_INTEGER))
        return TB_NO_WAY;
    for (unsigned sign = 0; sign < signs; sign++)
        for (unsigned more = 0; more <= (p.point ? 0 : TB_NUMBER_DIGITS - p.whole); more++)
            for (unsigned decimals = p.point && p.decimals == 0 ? 1 : p.decimals;
                 decimals <= most_decimals; decimals++) {
                uint32_t bytes = sign + more + (decimals - p.decimals) + (decimals > 0 && !p.point);
                if (bytes < best && completes(&p, a, p.minus || sign == 1, more, decimals))
                    best = bytes;
            }
    return best;
}
