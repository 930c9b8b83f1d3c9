/* kernels_inline.h - scalar pieces that every kernel file shares, so that a vector loop's tail gives
 * the same bits as its body. Included by kernels_*.c only. */
#ifndef THIMBLE_KERNELS_INLINE_H
#define THIMBLE_KERNELS_INLINE_H

#include "kernels.h"

#include <string.h>

#define TB_NORM_EPSILON 1e-6f

/* exp(t) for t <= 0: 2^k * e^r with r = t - k ln 2 and Cephes' polynomial for e^r; about 1 ulp.
 * Below TB_EXP_LEAST (and for NaN) the result stays at exp(TB_EXP_LEAST), 1.6e-38. */
#define TB_EXP_LEAST (-87.0f)
#define TB_EXP_LOG2E 1.44269504f
#define TB_EXP_LN2_HIGH 0.693359375f /* 9 bits: k times this is exact */
#define TB_EXP_LN2_LOW (-2.12194440e-4f)
#define TB_EXP_P0 1.9875691500e-4f
#define TB_EXP_P1 1.3981999507e-3f
#define TB_EXP_P2 8.3334519073e-3f
#define TB_EXP_P3 4.1665795894e-2f
#define TB_EXP_P4 1.6666665459e-1f
#define TB_EXP_P5 5.0000001201e-1f

/* Round half to even for |x| < 2^22: adding 1.5 * 2^23 pushes the fraction out of the mantissa. */
static inline float round_even(float x)
{
    return (x + 12582912.0f) - 12582912.0f;
}

static inline float exp_scalar(float t)
{
    float k, r, p, power;
    uint32_t bits;
    t = t > TB_EXP_LEAST ? t : TB_EXP_LEAST;
    k = round_even(t * TB_EXP_LOG2E);
    r = t - k * TB_EXP_LN2_HIGH;
    r = r - k * TB_EXP_LN2_LOW;
    p = TB_EXP_P0;
    p = p * r + TB_EXP_P1;
    p = p * r + TB_EXP_P2;
    p = p * r + TB_EXP_P3;
    p = p * r + TB_EXP_P4;
    p = p * r + TB_EXP_P5;
    p = p * (r * r) + r;
    p = p + 1.0f;
    bits = (uint32_t)((int32_t)k + 127) << 23;
    memcpy(&power, &bits, sizeof power);
    return p * power;
}

static inline float sum_lanes(const float lane[TB_LANES])
{
    return ((lane[0] + lane[4]) + (lane[2] + lane[6])) + ((lane[1] + lane[5]) + (lane[3] + lane[7]));
}

/* The step of a row: max|x| / 127, as quantise() has it. */
static inline int8_t quantise_scalar(float x, float step)
{
    float v = x / step;
    v = v < 127.0f ? v : 127.0f;
    v = v > -127.0f ? v : -127.0f;
    return (int8_t)round_even(v);
}

static inline float bf16_load(const uint8_t *p)
{
    uint32_t bits = (uint32_t)p[0] << 16 | (uint32_t)p[1] << 24;
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* The compiler has vector instructions for this in every file. */
static inline void widen(const uint16_t *restrict x, size_t n, float *restrict out)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t bits = (uint32_t)x[i] << 16;
        memcpy(out + i, &bits, sizeof bits);
    }
}

/* Copies the `out - first` (at most 16) finished columns of a tile to a row of y. */
static inline void store_tile(float *y, const float *tile, size_t columns)
{
    memcpy(y, tile, columns * sizeof *y);
}

#endif
