/* elementary.c - exp, log, sin, cos: range reduction and a power series each. */
#include "elementary.h"

#include <stdint.h>
#include <string.h>

/* ln 2 and pi / 2, split so that a small integer times the high part is exact. */
#define LN2_HIGH 6.93147180369123816490e-01
#define LN2_LOW 1.90821492927058770002e-10
#define HALF_PI_HIGH 1.57079632673412561417e+00
#define HALF_PI_LOW 6.07710050650619224932e-11

/* Round half to even, |x| < 2^51. */
static double round_even(double x)
{
    return (x + 6755399441055744.0) - 6755399441055744.0;
}

double tb_exp(double x)
{
    double k, r, sum = 1.0, power;
    uint64_t bits;
    if (!(x >= -700.0))
        return 0.0;
    if (x > 700.0)
        x = 700.0;
    k = round_even(x * 1.44269504088896338700);
    r = (x - k * LN2_HIGH) - k * LN2_LOW; /* |r| <= 0.35 */
    for (int n = 14; n > 0; n--)
        sum = 1.0 + r / n * sum;
    bits = (uint64_t)((int64_t)k + 1023) << 52;
    memcpy(&power, &bits, sizeof power);
    return sum * power;
}

double tb_log(double x)
{
    uint64_t bits;
    int exponent;
    double mantissa, s, sum = 0.0;
    memcpy(&bits, &x, sizeof bits);
    exponent = (int)(bits >> 52) - 1023;
    if (bits >> 63 || exponent == -1023 || exponent == 1024)
        return 0.0;
    bits = (bits & 0x000fffffffffffffu) | (uint64_t)1023 << 52;
    memcpy(&mantissa, &bits, sizeof mantissa); /* 1..2 */
    if (mantissa > 1.4142135623730951) {
        mantissa *= 0.5;
        exponent++;
    }
    s = (mantissa - 1.0) / (mantissa + 1.0); /* log m = 2 (s + s^3/3 + s^5/5 + ...), |s| <= 0.172 */
    for (int n = 21; n > 0; n -= 2)
        sum = 1.0 / n + s * s * sum;
    return (2.0 * s * sum + exponent * LN2_LOW) + exponent * LN2_HIGH;
}

void tb_sincos(double angle, double *sin, double *cos)
{
    double quarter = round_even(angle * 0.63661977236758134308);
    double r = (angle - quarter * HALF_PI_HIGH) - quarter * HALF_PI_LOW; /* |r| <= pi/4 */
    double s = 1.0, c = 1.0, square = r * r;
    for (int n = 16; n > 0; n -= 2) {
        s = 1.0 - square / (n * (n + 1)) * s;
        c = 1.0 - square / (n * (n - 1)) * c;
    }
    s *= r;
    switch ((int)((int64_t)quarter & 3)) {
    case 0: *sin = s, *cos = c; break;
    case 1: *sin = c, *cos = -s; break;
    case 2: *sin = -s, *cos = -c; break;
    default: *sin = -c, *cos = s; break;
    }
}

float tb_sqrt(float x)
{
    return __builtin_sqrtf(x);
}
