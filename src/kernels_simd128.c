/* kernels_simd128.c - WebAssembly SIMD kernels. Compile with -msimd128; empty without it. */
#include "kernels_inline.h"

#if !defined(__wasm_simd128__)
const tb_kernels *tb_kernels_simd128(void)
{
    return NULL;
}
#else
#include <wasm_simd128.h>

#define INLINE static inline __attribute__((always_inline))

enum { ROWS = 4 }; /* rows of activations that share one read of the weights */

/* ---- INT8 activations ----------------------------------------------------------------------- */

INLINE v128_t rounded(const float *x, v128_t step)
{
    v128_t v = wasm_f32x4_div(wasm_v128_load(x), step);
    v = wasm_f32x4_pmin(wasm_f32x4_splat(127.0f), v); /* pmin(a, b): b where b < a, so NaN -> 127 */
    v = wasm_f32x4_pmax(wasm_f32x4_splat(-127.0f), v);
    return wasm_i32x4_trunc_sat_f32x4(wasm_f32x4_nearest(v));
}

INLINE float greatest(v128_t v)
{
    v = wasm_f32x4_pmax(v, wasm_i32x4_shuffle(v, v, 2, 3, 0, 1));
    v = wasm_f32x4_pmax(v, wasm_i32x4_shuffle(v, v, 1, 0, 3, 2));
    return wasm_f32x4_extract_lane(v, 0);
}

static void quantise(const float *x, size_t rows, size_t n, const tb_int8 *out)
{
    for (size_t r = 0; r < rows; r++, x += n) {
        int8_t *codes = out->codes + r * n;
        int32_t *sums = out->sums + r * (n / TB_GROUP);
        v128_t most = wasm_f32x4_splat(0.0f);
        for (size_t k = 0; k < n; k += 4)
            most = wasm_f32x4_pmax(most, wasm_f32x4_abs(wasm_v128_load(x + k)));
        float step = greatest(most) / 127.0f;
        v128_t steps = wasm_f32x4_splat(step);
        out->scales[r] = step;
        if (!(step > 0.0f)) {
            memset(codes, 0, n);
            memset(sums, 0, n / TB_GROUP * sizeof *sums);
            continue;
        }
        for (size_t k = 0; k < n; k += TB_GROUP) {
            v128_t sum = wasm_i32x4_splat(0);
            for (size_t h = k; h < k + TB_GROUP; h += 16) {
                v128_t a = rounded(x + h, steps), b = rounded(x + h + 4, steps);
                v128_t c = rounded(x + h + 8, steps), d = rounded(x + h + 12, steps);
                sum = wasm_i32x4_add(sum, wasm_i32x4_add(wasm_i32x4_add(a, b), wasm_i32x4_add(c, d)));
                wasm_v128_store(codes + h, wasm_i8x16_narrow_i16x8(wasm_i16x8_narrow_i32x4(a, b),
                                                                   wasm_i16x8_narrow_i32x4(c, d)));
            }
            sum = wasm_i32x4_add(sum, wasm_i32x4_shuffle(sum, sum, 2, 3, 0, 1));
            sums[k / TB_GROUP] = wasm_i32x4_extract_lane(sum, 0) + wasm_i32x4_extract_lane(sum, 1);
        }
    }
}

/* One group of 32 inputs, four columns (16 of a block's 64 bytes), `R` rows of activations as
 * int16: total[r] += scale * dot. A column's four bytes widen to four int16, whose dot with the four
 * activations lies in two lanes: both are added at the end. */
INLINE void group_fast(const uint8_t *w, v128_t scale, int16_t x[ROWS][TB_GROUP],
                       const int32_t *offsets, size_t R, v128_t *total)
{
    const v128_t nibble = wasm_i8x16_splat(15);
    v128_t left[ROWS], right[ROWS]; /* columns 0, 1 and 2, 3 */
    for (size_t r = 0; r < R; r++)
        left[r] = right[r] = wasm_i32x4_splat(0);
#pragma clang loop unroll(full)
    for (size_t b = 0; b < TB_GROUP / 8; b++) {
        v128_t v = wasm_v128_load(w + b * 64);
        v128_t low = wasm_v128_and(v, nibble), high = wasm_u8x16_shr(v, 4);
        v128_t low0 = wasm_u16x8_extend_low_u8x16(low), low1 = wasm_u16x8_extend_high_u8x16(low);
        v128_t high0 = wasm_u16x8_extend_low_u8x16(high), high1 = wasm_u16x8_extend_high_u8x16(high);
#pragma clang loop unroll(full)
        for (size_t r = 0; r < R; r++) {
            v128_t a = wasm_v128_load64_splat(&x[r][b * 8]);
            v128_t c = wasm_v128_load64_splat(&x[r][b * 8 + 4]);
            left[r] = wasm_i32x4_add(left[r], wasm_i32x4_dot_i16x8(low0, a));
            right[r] = wasm_i32x4_add(right[r], wasm_i32x4_dot_i16x8(low1, a));
            left[r] = wasm_i32x4_add(left[r], wasm_i32x4_dot_i16x8(high0, c));
            right[r] = wasm_i32x4_add(right[r], wasm_i32x4_dot_i16x8(high1, c));
        }
    }
#pragma clang loop unroll(full)
    for (size_t r = 0; r < R; r++) {
        v128_t dot = wasm_i32x4_add(wasm_i32x4_shuffle(left[r], right[r], 0, 2, 4, 6),
                                    wasm_i32x4_shuffle(left[r], right[r], 1, 3, 5, 7));
        dot = wasm_i32x4_add(dot, wasm_i32x4_splat(offsets[r]));
        total[r] = wasm_f32x4_add(total[r], wasm_f32x4_mul(wasm_f32x4_convert_i32x4(dot), scale));
    }
}

INLINE void tile_fast(const tb_int4 *w, size_t tile, const tb_int8 *x, size_t row, size_t R, float *y)
{
    size_t in = w->in, out = w->out, groups = in / TB_GROUP, first = tile * TB_TILE;
    const uint8_t *codes = w->codes + tile * in * 8;
    const float *scales = w->scales + tile * groups * TB_TILE;
    v128_t total[TB_TILE / 4][ROWS];
    for (size_t c = 0; c < TB_TILE / 4; c++)
        for (size_t r = 0; r < R; r++)
            total[c][r] = wasm_f32x4_splat(0.0f);
    for (size_t g = 0; g < groups; g++, codes += TB_GROUP * 8, scales += TB_TILE) {
        int16_t wide[ROWS][TB_GROUP];
        int32_t offsets[ROWS];
        for (size_t r = 0; r < R; r++) {
            const int8_t *a = x->codes + (row + r) * in + g * TB_GROUP;
            offsets[r] = -8 * x->sums[(row + r) * groups + g];
            for (size_t k = 0; k < TB_GROUP; k += 8)
                wasm_v128_store(&wide[r][k], wasm_i16x8_load8x8(a + k));
        }
        for (size_t c = 0; c < TB_TILE / 4; c++)
            group_fast(codes + c * 16, wasm_v128_load(scales + c * 4), wide, offsets, R, total[c]);
    }
    for (size_t r = 0; r < R; r++) {
        float whole[TB_TILE];
        v128_t step = wasm_f32x4_splat(x->scales[row + r]);
        for (size_t c = 0; c < TB_TILE / 4; c++)
            wasm_v128_store(whole + c * 4, wasm_f32x4_mul(total[c][r], step));
        store_tile(y + (row + r) * out + first, whole, out - first < TB_TILE ? out - first : TB_TILE);
    }
}

static void matmul_fast(const tb_int4 *w, const tb_int8 *x, size_t rows, float *y)
{
    size_t tiles = (w->out + TB_TILE - 1) / TB_TILE;
    for (size_t t = 0; t < tiles; t++) {
        size_t row = 0;
        for (; row + ROWS <= rows; row += ROWS)
            tile_fast(w, t, x, row, ROWS, y);
        for (; row < rows; row++)
            tile_fast(w, t, x, row, 1, y);
    }
}

/* ---- float activations ---------------------------------------------------------------------- */

/* Four weights of one input row: nibble `shift` of each column's 32 bits, less 8, times the scale. */
INLINE v128_t weights(v128_t columns, unsigned shift, v128_t scale)
{
    v128_t code = wasm_v128_and(wasm_u32x4_shr(columns, shift), wasm_i32x4_splat(15));
    code = wasm_i32x4_sub(code, wasm_i32x4_splat(8));
    return wasm_f32x4_mul(wasm_f32x4_convert_i32x4(code), scale);
}

/* Eight columns, from column `half` of the tile, of `R` rows. */
INLINE void half_exact(const uint8_t *w, const float *scales, const float *x, size_t in, size_t R,
                       size_t half, float whole[ROWS][TB_TILE])
{
    v128_t total[ROWS][2];
    for (size_t r = 0; r < R; r++)
        total[r][0] = total[r][1] = wasm_f32x4_splat(0.0f);
    for (size_t k = 0; k < in; k += 8, w += 64) {
        const float *scale = scales + k / TB_GROUP * TB_TILE + half;
        v128_t v0 = wasm_v128_load(w + half * 4), v1 = wasm_v128_load(w + half * 4 + 16);
        v128_t s0 = wasm_v128_load(scale), s1 = wasm_v128_load(scale + 4);
#pragma clang loop unroll(full)
        for (unsigned j = 0; j < 8; j++) {
            unsigned shift = j < 4 ? 8 * j : 8 * (j - 4) + 4;
            v128_t w0 = weights(v0, shift, s0), w1 = weights(v1, shift, s1);
#pragma clang loop unroll(full)
            for (size_t r = 0; r < R; r++) {
                v128_t a = wasm_v128_load32_splat(x + r * in + k + j);
                total[r][0] = wasm_f32x4_add(total[r][0], wasm_f32x4_mul(a, w0));
                total[r][1] = wasm_f32x4_add(total[r][1], wasm_f32x4_mul(a, w1));
            }
        }
    }
    for (size_t r = 0; r < R; r++) {
        wasm_v128_store(whole[r] + half, total[r][0]);
        wasm_v128_store(whole[r] + half + 4, total[r][1]);
    }
}

INLINE void tile_exact(const tb_int4 *w, size_t tile, const float *x, size_t R, float *y)
{
    size_t in = w->in, out = w->out, first = tile * TB_TILE;
    const uint8_t *codes = w->codes + tile * in * 8;
    const float *scales = w->scales + tile * in / TB_GROUP * TB_TILE;
    float whole[ROWS][TB_TILE];
    half_exact(codes, scales, x, in, R, 0, whole);
    half_exact(codes, scales, x, in, R, 8, whole);
    for (size_t r = 0; r < R; r++)
        store_tile(y + r * out + first, whole[r], out - first < TB_TILE ? out - first : TB_TILE);
}

static void matmul_exact(const tb_int4 *w, const float *x, size_t rows, float *y)
{
    size_t tiles = (w->out + TB_TILE - 1) / TB_TILE;
    for (size_t t = 0; t < tiles; t++) {
        size_t row = 0;
        for (; row + ROWS <= rows; row += ROWS)
            tile_exact(w, t, x + row * w->in, ROWS, y + row * w->out);
        for (; row < rows; row++)
            tile_exact(w, t, x + row * w->in, 1, y + row * w->out);
    }
}

/* ---- sums in eight lanes: two registers, lanes 0..3 and 4..7 -------------------------------- */

typedef struct {
    v128_t low, high;
} lanes;

INLINE lanes zero(void)
{
    lanes s = {wasm_f32x4_splat(0.0f), wasm_f32x4_splat(0.0f)};
    return s;
}

/* s + a[0..8) * b[0..8) */
INLINE lanes add_product(lanes s, const float *a, const float *b)
{
    s.low = wasm_f32x4_add(s.low, wasm_f32x4_mul(wasm_v128_load(a), wasm_v128_load(b)));
    s.high = wasm_f32x4_add(s.high, wasm_f32x4_mul(wasm_v128_load(a + 4), wasm_v128_load(b + 4)));
    return s;
}

INLINE float sum_one(lanes s)
{
    v128_t t = wasm_f32x4_add(s.low, s.high);
    t = wasm_f32x4_add(t, wasm_i32x4_shuffle(t, t, 2, 3, 0, 1));
    return wasm_f32x4_extract_lane(t, 0) + wasm_f32x4_extract_lane(t, 1);
}

/* sum_lanes() of four at once. */
INLINE v128_t sum_four(const lanes s[4])
{
    v128_t t = wasm_f32x4_add(s[0].low, s[0].high), u = wasm_f32x4_add(s[1].low, s[1].high);
    v128_t v = wasm_f32x4_add(s[2].low, s[2].high), w = wasm_f32x4_add(s[3].low, s[3].high);
    v128_t tu = wasm_f32x4_add(wasm_i32x4_shuffle(t, u, 0, 1, 4, 5), wasm_i32x4_shuffle(t, u, 2, 3, 6, 7));
    v128_t vw = wasm_f32x4_add(wasm_i32x4_shuffle(v, w, 0, 1, 4, 5), wasm_i32x4_shuffle(v, w, 2, 3, 6, 7));
    return wasm_f32x4_add(wasm_i32x4_shuffle(tu, vw, 0, 2, 4, 6), wasm_i32x4_shuffle(tu, vw, 1, 3, 5, 7));
}

static void norm(const float *x, const float *gain, size_t rows, size_t n, float *y)
{
    for (size_t r = 0; r < rows; r++, x += n, y += n) {
        lanes sum = zero();
        for (size_t k = 0; k < n; k += 8)
            sum = add_product(sum, x + k, x + k);
        v128_t rms = wasm_f32x4_splat(__builtin_sqrtf(sum_one(sum) / (float)n + TB_NORM_EPSILON));
        for (size_t k = 0; k < n; k += 4) {
            v128_t v = wasm_f32x4_mul(wasm_v128_load(gain + k), wasm_v128_load(x + k));
            wasm_v128_store(y + k, wasm_f32x4_div(v, rms));
        }
    }
}

static void scores(const float *q, size_t queries, const float *keys, size_t count, size_t n,
                   float scale, float *out, size_t stride)
{
    for (size_t i = 0; i < queries; i++, q += n, out += stride) {
        const float *key = keys;
        size_t j = 0;
        for (; j + 4 <= count; j += 4, key += 4 * n) {
            lanes sum[4] = {zero(), zero(), zero(), zero()};
            for (size_t k = 0; k < n; k += 8)
                for (size_t s = 0; s < 4; s++)
                    sum[s] = add_product(sum[s], q + k, key + s * n + k);
            wasm_v128_store(out + j, wasm_f32x4_mul(sum_four(sum), wasm_f32x4_splat(scale)));
        }
        for (; j < count; j++, key += n) {
            lanes sum = zero();
            for (size_t k = 0; k < n; k += 8)
                sum = add_product(sum, q + k, key + k);
            out[j] = sum_one(sum) * scale;
        }
    }
}

/* exp_scalar() in four lanes. */
INLINE v128_t exp4(v128_t t)
{
    t = wasm_f32x4_pmax(wasm_f32x4_splat(TB_EXP_LEAST), t);
    v128_t k = wasm_f32x4_nearest(wasm_f32x4_mul(t, wasm_f32x4_splat(TB_EXP_LOG2E)));
    v128_t r = wasm_f32x4_sub(t, wasm_f32x4_mul(k, wasm_f32x4_splat(TB_EXP_LN2_HIGH)));
    r = wasm_f32x4_sub(r, wasm_f32x4_mul(k, wasm_f32x4_splat(TB_EXP_LN2_LOW)));
    v128_t p = wasm_f32x4_splat(TB_EXP_P0);
    p = wasm_f32x4_add(wasm_f32x4_mul(p, r), wasm_f32x4_splat(TB_EXP_P1));
    p = wasm_f32x4_add(wasm_f32x4_mul(p, r), wasm_f32x4_splat(TB_EXP_P2));
    p = wasm_f32x4_add(wasm_f32x4_mul(p, r), wasm_f32x4_splat(TB_EXP_P3));
    p = wasm_f32x4_add(wasm_f32x4_mul(p, r), wasm_f32x4_splat(TB_EXP_P4));
    p = wasm_f32x4_add(wasm_f32x4_mul(p, r), wasm_f32x4_splat(TB_EXP_P5));
    p = wasm_f32x4_add(wasm_f32x4_mul(p, wasm_f32x4_mul(r, r)), r);
    p = wasm_f32x4_add(p, wasm_f32x4_splat(1.0f));
    v128_t power = wasm_i32x4_add(wasm_i32x4_trunc_sat_f32x4(k), wasm_i32x4_splat(127));
    return wasm_f32x4_mul(p, wasm_i32x4_shl(power, 23));
}

static float softmax(float *x, size_t n)
{
    size_t whole = n - n % TB_LANES;
    float lane[TB_LANES], most;
    v128_t top = wasm_f32x4_splat(-__builtin_inff());
    lanes sum = zero();
    for (size_t j = 0; j < whole; j += 4)
        top = wasm_f32x4_pmax(top, wasm_v128_load(x + j));
    most = greatest(top);
    for (size_t j = whole; j < n; j++)
        most = x[j] > most ? x[j] : most;
    top = wasm_f32x4_splat(most);
    for (size_t j = 0; j < whole; j += 8) {
        v128_t a = exp4(wasm_f32x4_sub(wasm_v128_load(x + j), top));
        v128_t b = exp4(wasm_f32x4_sub(wasm_v128_load(x + j + 4), top));
        wasm_v128_store(x + j, a);
        wasm_v128_store(x + j + 4, b);
        sum.low = wasm_f32x4_add(sum.low, a);
        sum.high = wasm_f32x4_add(sum.high, b);
    }
    wasm_v128_store(lane, sum.low);
    wasm_v128_store(lane + 4, sum.high);
    for (size_t j = whole; j < n; j++) {
        x[j] = exp_scalar(x[j] - most);
        lane[j - whole] += x[j];
    }
    return sum_lanes(lane);
}

/* Columns 0..4*V of one query's output, kept in registers over all keys. */
INLINE void mix_tile(const float *p, const float *values, size_t count, size_t n, size_t V, float *out)
{
    v128_t sum[8];
    for (size_t v = 0; v < V; v++)
        sum[v] = wasm_v128_load(out + 4 * v);
    for (size_t j = 0; j < count; j++, values += n) {
        v128_t a = wasm_v128_load32_splat(p + j);
#pragma clang loop unroll(full)
        for (size_t v = 0; v < V; v++)
            sum[v] = wasm_f32x4_add(sum[v], wasm_f32x4_mul(a, wasm_v128_load(values + 4 * v)));
    }
    for (size_t v = 0; v < V; v++)
        wasm_v128_store(out + 4 * v, sum[v]);
}

static void mix(const float *p, size_t stride, size_t queries, const float *values, size_t count,
                size_t n, float *out)
{
    for (size_t i = 0; i < queries; i++, p += stride, out += n) {
        size_t k = 0;
        for (; k + 32 <= n; k += 32)
            mix_tile(p, values + k, count, n, 8, out + k);
        for (; k < n; k += 8)
            mix_tile(p, values + k, count, n, 2, out + k);
    }
}

static void dots_bf16(const float *x, const uint8_t *table, size_t count, size_t n, float *out)
{
    for (size_t j = 0; j < count; j++, table += 2 * n) {
        lanes sum = zero();
        for (size_t k = 0; k < n; k += 8) {
            v128_t v = wasm_v128_load(table + 2 * k), none = wasm_i32x4_splat(0);
            v128_t low = wasm_i16x8_shuffle(none, v, 0, 8, 0, 9, 0, 10, 0, 11);
            v128_t high = wasm_i16x8_shuffle(none, v, 0, 12, 0, 13, 0, 14, 0, 15);
            sum.low = wasm_f32x4_add(sum.low, wasm_f32x4_mul(wasm_v128_load(x + k), low));
            sum.high = wasm_f32x4_add(sum.high, wasm_f32x4_mul(wasm_v128_load(x + k + 4), high));
        }
        out[j] = sum_one(sum);
    }
}

const tb_kernels *tb_kernels_simd128(void)
{
    static const tb_kernels table = {"simd128", quantise, matmul_fast, matmul_exact, norm,
                                     scores,    softmax,  mix,         dots_bf16, widen};
    return &table;
}
#endif
