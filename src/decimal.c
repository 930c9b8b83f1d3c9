/* decimal.c - both ways by integers large enough to be exact: reading divides two of them (M of
 * Clinger, How to Read Floating Point Numbers Accurately, 1990), writing produces digits until only
 * one double can be meant (Burger and Dybvig, Printing Floating-Point Numbers Quickly and
 * Accurately, 1996). */
#include "decimal.h"

#include <string.h>

enum {
    LIMBS = 132, /* 4224 bits: 10^1120 shifted by 55 bits, the largest number below, has 3776 */
    MAX_DIGITS =
        770, /* a double's neighbourhood is decided by 767 digits, and whether more follow */
    MAX_EXPONENT = 310,  /* 10^310 and above are infinite */
    MIN_EXPONENT = -345, /* below 10^-345 everything is 0 */
    EXPONENT_BIAS = 1075 /* value = mantissa * 2^(exponent - 1075) */
};
#define HIDDEN_BIT ((uint64_t)1 << 52)

/* ---- integers, little end first -------------------------------------------------------------- */

typedef struct {
    uint32_t limb[LIMBS];
    size_t count; /* limbs in use; the highest is not 0 */
} big;

static void big_set(big *a, uint64_t value)
{
    a->limb[0] = (uint32_t)value;
    a->limb[1] = (uint32_t)(value >> 32);
    a->count = a->limb[1] != 0 ? 2 : a->limb[0] != 0 ? 1 : 0;
}

/* a = a * factor + add. Callers stay below LIMBS; the guard keeps a slip from writing outside. */
static void big_scale(big *a, uint32_t factor, uint32_t add)
{
    uint64_t carry = add;
    for (size_t i = 0; i < a->count; i++) {
        carry += (uint64_t)a->limb[i] * factor;
        a->limb[i] = (uint32_t)carry;
        carry >>= 32;
    }
    if (carry != 0 && a->count < LIMBS)
        a->limb[a->count++] = (uint32_t)carry;
}

static void big_power10(big *a, unsigned exponent)
{
    for (; exponent >= 9; exponent -= 9)
        big_scale(a, 1000000000u, 0);
    for (; exponent > 0; exponent--)
        big_scale(a, 10, 0);
}

static void big_shift(big *a, unsigned bits)
{
    size_t limbs = bits / 32;
    if (a->count == 0 || a->count + limbs >= LIMBS)
        return;
    memmove(a->limb + limbs, a->limb, a->count * sizeof *a->limb);
    memset(a->limb, 0, limbs * sizeof *a->limb);
    a->count += limbs;
    if (bits % 32 != 0)
        big_scale(a, (uint32_t)1 << bits % 32, 0);
}

static int big_compare(const big *a, const big *b)
{
    if (a->count != b->count)
        return a->count < b->count ? -1 : 1;
    for (size_t i = a->count; i-- > 0;)
        if (a->limb[i] != b->limb[i])
            return a->limb[i] < b->limb[i] ? -1 : 1;
    return 0;
}

/* a -= b, a >= b */
static void big_subtract(big *a, const big *b)
{
    uint64_t borrow = 0;
    for (size_t i = 0; i < a->count; i++) {
        uint64_t take = borrow + (i < b->count ? b->limb[i] : 0);
        borrow = a->limb[i] < take;
        a->limb[i] = (uint32_t)(a->limb[i] - take);
    }
    while (a->count > 0 && a->limb[a->count - 1] == 0)
        a->count--;
}

/* a + b against c */
static int big_compare_sum(const big *a, const big *b, const big *c)
{
    big sum = *a;
    uint64_t carry = 0;
    for (size_t i = 0; i < b->count || carry != 0; i++) {
        if (i >= LIMBS)
            return 1;
        carry += (i < sum.count ? sum.limb[i] : 0) + (uint64_t)(i < b->count ? b->limb[i] : 0);
        if (i >= sum.count)
            sum.count = i + 1;
        sum.limb[i] = (uint32_t)carry;
        carry >>= 32;
    }
    return big_compare(&sum, c);
}

static unsigned big_bits(const big *a)
{
    unsigned bits = 0;
    if (a->count == 0)
        return 0;
    for (uint32_t top = a->limb[a->count - 1]; top != 0; top >>= 1)
        bits++;
    return (unsigned)(a->count - 1) * 32 + bits;
}

/* ---- reading --------------------------------------------------------------------------------- */

/* |value| = digits * 10^exponent */
typedef struct {
    big digits;
    int64_t exponent;
    unsigned count; /* significant digits */
} decimal;

static void take_digit(decimal *d, char c, bool fraction)
{
    uint32_t digit = (uint32_t)(c - '0');
    if (d->count < MAX_DIGITS) {
        if (d->count > 0 || digit != 0) {
            if (d->digits.count == 0)
                big_set(&d->digits, digit);
            else
                big_scale(&d->digits, 10, digit);
            d->count++;
        }
        d->exponent -= fraction;
        return;
    }
    if (digit != 0 && d->digits.count > 0)
        d->digits.limb[0] |=
            1; /* the last digit kept is a 0 or is made odd: only "more follows" counts */
    d->exponent += !fraction;
}

static int64_t read_exponent(tb_str s, size_t at)
{
    bool minus = at < s.len && s.ptr[at] == '-';
    int64_t value = 0;
    for (; at < s.len; at++)
        if (s.ptr[at] >= '0' && s.ptr[at] <= '9' && value < 100000000)
            value = value * 10 + (s.ptr[at] - '0');
    return minus ? -value : value;
}

static void read_decimal(tb_str s, decimal *d)
{
    bool fraction = false;
    d->digits.count = 0;
    d->exponent = 0;
    d->count = 0;
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == 'e' || s.ptr[i] == 'E') {
            d->exponent += read_exponent(s, i + 1);
            return;
        }
        if (s.ptr[i] == '.')
            fraction = true;
        else if (s.ptr[i] != '-')
            take_digit(d, s.ptr[i], fraction);
    }
}

static double from_bits(uint64_t bits)
{
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* num / den, with num > 0, rounded to the nearest double. */
static double divide(big *num, big *den)
{
    int shift = 55 - (int)big_bits(num) + (int)big_bits(den); /* the quotient gets 55 or 56 bits */
    int exponent; /* quotient = mantissa * 2^(exponent - EXPONENT_BIAS) */
    uint64_t quotient = 0, half, rest;
    if (shift > 1074 + 2)
        shift = 1074 + 2; /* subnormal: two bits below the last one that counts */
    if (shift > 0)
        big_shift(num, (unsigned)shift);
    else
        big_shift(den, (unsigned)-shift);
    for (int bit = 55; bit >= 0; bit--) { /* schoolbook: den << bit is num's candidate */
        big part = *den;
        big_shift(&part, (unsigned)bit);
        if (big_compare(num, &part) >= 0) {
            big_subtract(num, &part);
            quotient |= (uint64_t)1 << bit;
        }
    }
    quotient |= num->count > 0; /* sticky */
    exponent = EXPONENT_BIAS - shift;
    if (quotient >> 55 != 0) {
        quotient = quotient >> 1 | (quotient & 1);
        exponent++;
    }
    /* 53 bits of mantissa, unless subnormal, and two below them to round by */
    rest = quotient & 3;
    half = quotient >> 2;
    exponent += 2;
    if (rest > 2 || (rest == 2 && (half & 1) != 0))
        half++;
    if (half >> 53 != 0) {
        half >>= 1;
        exponent++;
    }
    if (exponent >= 2047)
        return from_bits((uint64_t)2047 << 52);
    if (half < HIDDEN_BIT) /* subnormal: exponent is 1 here, written as 0 */
        return from_bits(half);
    return from_bits((uint64_t)exponent << 52 | (half & (HIDDEN_BIT - 1)));
}

double tb_decimal_read(tb_str spelling)
{
    decimal d;
    big den;
    double value;
    int64_t magnitude;
    read_decimal(spelling, &d);
    magnitude = d.exponent + d.count; /* value < 10^magnitude */
    if (d.digits.count == 0 || magnitude <= MIN_EXPONENT) {
        value = 0.0;
    } else if (magnitude > MAX_EXPONENT) {
        value = from_bits((uint64_t)2047 << 52);
    } else {
        big_set(&den, 1);
        big_power10(d.exponent < 0 ? &den : &d.digits,
                    (unsigned)(d.exponent < 0 ? -d.exponent : d.exponent));
        value = divide(&d.digits, &den);
    }
    return spelling.len > 0 && spelling.ptr[0] == '-' ? -value : value;
}

/* ---- writing --------------------------------------------------------------------------------- */

/* The value is r / s; doubles that read back as it lie between (r - below) / s and (r + above) /
 * s. */
typedef struct {
    big r, s, above, below;
    bool closed; /* the ends of that range read back too */
} printer;

static void printer_begin(printer *p, uint64_t mantissa, int exponent, bool uneven)
{
    unsigned up = exponent > 0 ? (unsigned)exponent : 0,
             down = exponent < 0 ? (unsigned)-exponent : 0;
    big_set(&p->r, mantissa);
    big_set(&p->s, 1);
    big_set(&p->above, 1);
    big_set(&p->below, 1);
    /* uneven: a power of two, whose lower neighbour is half as far away */
    big_shift(&p->r, up + 1 + uneven);
    big_shift(&p->s, down + 1 + uneven);
    big_shift(&p->above, up + uneven);
    big_shift(&p->below, up);
    p->closed = (mantissa & 1) == 0;
}

static bool reaches_one(const printer *p)
{
    int order = big_compare_sum(&p->r, &p->above, &p->s);
    return p->closed ? order >= 0 : order > 0;
}

static void printer_times10(printer *p)
{
    big_scale(&p->r, 10, 0);
    big_scale(&p->above, 10, 0);
    big_scale(&p->below, 10, 0);
}

/* Scales the value to 0.1..1; returns the power of ten taken out. */
static int printer_scale(printer *p, int exponent2)
{
    /* floor((bits - 1) * log10(2)) is the power or one less than it */
    int power = (exponent2 * 1233) >> 12;
    if (power > 0) {
        big_power10(&p->s, (unsigned)power);
    } else {
        big_power10(&p->r, (unsigned)-power);
        big_power10(&p->above, (unsigned)-power);
        big_power10(&p->below, (unsigned)-power);
    }
    while (reaches_one(p)) {
        big_scale(&p->s, 10, 0);
        power++;
    }
    for (;;) { /* too large a guess: undo */
        printer next = *p;
        printer_times10(&next);
        if (reaches_one(&next))
            return power;
        *p = next;
        power--;
    }
}

/* Digits of a value in 0.1..1, at most 17. */
static size_t printer_digits(printer *p, char *out)
{
    size_t count = 0;
    for (;;) {
        unsigned digit = 0;
        int low, half;
        bool low_end, high_end;
        big twice;
        printer_times10(p);
        while (digit < 9 && big_compare(&p->r, &p->s) >= 0) {
            big_subtract(&p->r, &p->s);
            digit++;
        }
        low = big_compare(&p->r, &p->below);
        low_end = p->closed ? low <= 0 : low < 0;
        high_end = reaches_one(p);
        if (!low_end && !high_end && count < 16) {
            out[count++] = (char)('0' + digit);
            continue;
        }
        twice = p->r;
        big_scale(&twice, 2, 0);
        half = big_compare(&twice, &p->s);
        if (high_end && (!low_end || half > 0 || (half == 0 && digit % 2 == 1)))
            digit++;
        out[count++] = (char)('0' + digit);
        return count;
    }
}

static size_t put(char *out, size_t at, const char *text, size_t len)
{
    memcpy(out + at, text, len);
    return at + len;
}

/* 0.DIGITS times 10^power, as repr() writes it. */
static size_t lay_out(const char *digits, size_t count, int power, char *out)
{
    static const char zeros[] = "0000000000000000";
    size_t at = 0;
    if (power > 16 || power <= -4) {
        unsigned e = (unsigned)(power > 0 ? power - 1 : 1 - power);
        out[at++] = digits[0];
        if (count > 1) {
            out[at++] = '.';
            at = put(out, at, digits + 1, count - 1);
        }
        at = put(out, at, power > 0 ? "e+" : "e-", 2);
        if (e >= 100)
            out[at++] = (char)('0' + e / 100);
        out[at++] = (char)('0' + e / 10 % 10);
        out[at++] = (char)('0' + e % 10);
    } else if (power <= 0) {
        at = put(out, at, "0.", 2);
        at = put(out, at, zeros, (size_t)-power);
        at = put(out, at, digits, count);
    } else if (count <= (size_t)power) {
        at = put(out, at, digits, count);
        at = put(out, at, zeros, (size_t)power - count);
        at = put(out, at, ".0", 2);
    } else {
        at = put(out, at, digits, (size_t)power);
        out[at++] = '.';
        at = put(out, at, digits + power, count - (size_t)power);
    }
    return at;
}

size_t tb_decimal_write(double value, char out[TB_DECIMAL_ROOM])
{
    uint64_t bits, mantissa;
    int exponent, power;
    size_t at = 0, count;
    char digits[20];
    printer p;
    memcpy(&bits, &value, sizeof bits);
    exponent = (int)(bits >> 52 & 2047);
    mantissa = bits & (HIDDEN_BIT - 1);
    if (exponent == 2047 && mantissa != 0)
        return put(out, 0, "NaN", 3);
    if (bits >> 63 != 0)
        out[at++] = '-';
    if (exponent == 2047)
        return put(out, at, "Infinity", 8);
    if (exponent == 0 && mantissa == 0)
        return put(out, at, "0.0", 3);
    if (exponent == 0)
        exponent = 1;
    else
        mantissa |= HIDDEN_BIT;
    printer_begin(&p, mantissa, exponent - EXPONENT_BIAS, mantissa == HIDDEN_BIT && exponent > 1);
    power = printer_scale(&p, exponent - EXPONENT_BIAS + 52);
    count = printer_digits(&p, digits);
    return at + lay_out(digits, count, power, out + at);
}
