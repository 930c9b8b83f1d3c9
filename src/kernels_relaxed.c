/* kernels_relaxed.c - the INT4 product with WebAssembly relaxed SIMD; the rest is simd128's.
 * Compile with -msimd128 -mrelaxed-simd; empty without them.
 *
 * The relaxed dot products may treat their second operand as signed or unsigned and may saturate
 * pairs to 16 bits. Neither shows here: that operand is an unsigned nibble (0..15, top bit clear), and
 * a pair is at most 2 * 127 * 15. So the result is exact on every engine. What differs is speed: where
 * the 32-bit form is made of several instructions, the 16-bit form and a sum of our own are faster. */
#include "kernels_inline.h"

#if !defined(__wasm_relaxed_simd__)
const tb_kernels *tb_kernels_relaxed(void)
{
    return NULL;
}
#else
#include <wasm_simd128.h>

#define INLINE static inline __attribute__((always_inline))

enum { ROWS = 4, PARTS = TB_TILE / 4 };

/* Is the 32-bit dot product a saturating 16-bit one and two more steps (x86 without VNNI)? Out of range
 * on purpose: 127 * 255 * 2 fits a 16-bit pair nowhere, and each instruction shows its own way. */
static bool has_slow_dot(void)
{
    volatile int8_t most = 127, ones = -1; /* volatile: to be asked of the machine, not of the compiler */
    v128_t sum = wasm_i32x4_relaxed_dot_i8x16_i7x16_add(wasm_i8x16_splat(most), wasm_i8x16_splat(ones),
                                                        wasm_i32x4_splat(0));
    return wasm_i32x4_extract_lane(sum, 0) == 2 * 32767;
}

/* Eight columns' nibbles (32 of a block's 64 bytes): input rows 0..3 and 4..7 of the block. */
typedef struct {
    v128_t low[2], high[2];
} block;

INLINE block load_block(const uint8_t *w)
{
    const v128_t nibble = wasm_i8x16_splat(15);
    v128_t v0 = wasm_v128_load(w), v1 = wasm_v128_load(w + 16);
    block b = {{wasm_v128_and(v0, nibble), wasm_v128_and(v1, nibble)},
               {wasm_u8x16_shr(v0, 4), wasm_u8x16_shr(v1, 4)}};
    return b;
}

/* dot[h][r] = exact dots of one group of 32 inputs: four columns per h, `R` rows of activations. */
INLINE void group_dots32(const uint8_t *w, const int8_t *const x[ROWS], size_t R, v128_t dot[2][ROWS])
{
    for (size_t r = 0; r < R; r++)
        dot[0][r] = dot[1][r] = wasm_i32x4_splat(0);
#pragma clang loop unroll(full)
    for (size_t b = 0; b < TB_GROUP / 8; b++) {
        block v = load_block(w + b * 64);
#pragma clang loop unroll(full)
        for (size_t r = 0; r < R; r++) {
            v128_t a = wasm_v128_load32_splat(x[r] + b * 8), c = wasm_v128_load32_splat(x[r] + b * 8 + 4);
            for (size_t h = 0; h < 2; h++) {
                dot[h][r] = wasm_i32x4_relaxed_dot_i8x16_i7x16_add(a, v.low[h], dot[h][r]);
                dot[h][r] = wasm_i32x4_relaxed_dot_i8x16_i7x16_add(c, v.high[h], dot[h][r]);
            }
        }
    }
}

/* The same. A group's 8 pairs of at most 2 * 127 * 15 stay below 2^15. */
INLINE void group_dots16(const uint8_t *w, const int8_t *const x[ROWS], size_t R, v128_t dot[2][ROWS])
{
    for (size_t r = 0; r < R; r++)
        dot[0][r] = dot[1][r] = wasm_i16x8_splat(0);
#pragma clang loop unroll(full)
    for (size_t b = 0; b < TB_GROUP / 8; b++) {
        block v = load_block(w + b * 64);
#pragma clang loop unroll(full)
        for (size_t r = 0; r < R; r++) {
            v128_t a = wasm_v128_load32_splat(x[r] + b * 8), c = wasm_v128_load32_splat(x[r] + b * 8 + 4);
            for (size_t h = 0; h < 2; h++) {
                dot[h][r] = wasm_i16x8_add(dot[h][r], wasm_i16x8_relaxed_dot_i8x16_i7x16(a, v.low[h]));
                dot[h][r] = wasm_i16x8_add(dot[h][r], wasm_i16x8_relaxed_dot_i8x16_i7x16(c, v.high[h]));
            }
        }
    }
    for (size_t r = 0; r < R; r++)
        for (size_t h = 0; h < 2; h++)
            dot[h][r] = wasm_i32x4_extadd_pairwise_i16x8(dot[h][r]);
}

/* total[h][r] += scale * dot for one group and eight columns. */
INLINE void group_fast(const uint8_t *w, const float *scales, const int8_t *const x[ROWS],
                       const int32_t *offsets, size_t R, bool narrow, v128_t total[2][ROWS])
{
    v128_t dot[2][ROWS];
    if (narrow)
        group_dots16(w, x, R, dot);
    else
        group_dots32(w, x, R, dot);
#pragma clang loop unroll(full)
    for (size_t r = 0; r < R; r++)
#pragma clang loop unroll(full)
        for (size_t h = 0; h < 2; h++) {
            v128_t d = wasm_i32x4_add(dot[h][r], wasm_i32x4_splat(offsets[r]));
            d = wasm_f32x4_mul(wasm_f32x4_convert_i32x4(d), wasm_v128_load(scales + 4 * h));
            total[h][r] = wasm_f32x4_add(total[h][r], d);
        }
}

INLINE void tile_fast(const tb_int4 *w, size_t tile, const tb_int8 *x, size_t row, size_t R, bool narrow,
                      float *y)
{
    size_t in = w->in, out = w->out, groups = in / TB_GROUP, first = tile * TB_TILE;
    const uint8_t *codes = w->codes + tile * in * 8;
    const float *scales = w->scales + tile * groups * TB_TILE;
    v128_t total[PARTS][ROWS];
    for (size_t c = 0; c < PARTS; c++)
        for (size_t r = 0; r < R; r++)
            total[c][r] = wasm_f32x4_splat(0.0f);
    for (size_t g = 0; g < groups; g++, codes += TB_GROUP * 8, scales += TB_TILE) {
        const int8_t *a[ROWS];
        int32_t offsets[ROWS];
        for (size_t r = 0; r < R; r++) {
            a[r] = x->codes + (row + r) * in + g * TB_GROUP;
            offsets[r] = -8 * x->sums[(row + r) * groups + g];
        }
        for (size_t c = 0; c < PARTS; c += 2)
            group_fast(codes + c * 16, scales + c * 4, a, offsets, R, narrow, total + c);
    }
    for (size_t r = 0; r < R; r++) {
        float whole[TB_TILE];
        v128_t step = wasm_f32x4_splat(x->scales[row + r]);
        for (size_t c = 0; c < PARTS; c++)
            wasm_v128_store(whole + c * 4, wasm_f32x4_mul(total[c][r], step));
        store_tile(y + (row + r) * out + first, whole, out - first < TB_TILE ? out - first : TB_TILE);
    }
}

INLINE void all_tiles(const tb_int4 *w, const tb_int8 *x, size_t rows, bool narrow, float *y)
{
    size_t tiles = (w->out + TB_TILE - 1) / TB_TILE;
    for (size_t t = 0; t < tiles; t++) {
        size_t row = 0;
        for (; row + ROWS <= rows; row += ROWS)
            tile_fast(w, t, x, row, ROWS, narrow, y);
        for (; row < rows; row++)
            tile_fast(w, t, x, row, 1, narrow, y);
    }
}

static void matmul_fast(const tb_int4 *w, const tb_int8 *x, size_t rows, float *y)
{
    if (has_slow_dot())
        all_tiles(w, x, rows, true, y);
    else
        all_tiles(w, x, rows, false, y);
}

static void quantise(const float *x, size_t rows, size_t n, const tb_int8 *out)
{
    tb_kernels_simd128()->quantise(x, rows, n, out);
}

static void matmul_exact(const tb_int4 *w, const float *x, size_t rows, float *y)
{
    tb_kernels_simd128()->matmul_exact(w, x, rows, y);
}

static void norm(const float *x, const float *gain, size_t rows, size_t n, float *y)
{
    tb_kernels_simd128()->norm(x, gain, rows, n, y);
}

static void scores(const float *q, size_t queries, const float *keys, size_t count, size_t n,
                   float scale, float *out, size_t stride)
{
    tb_kernels_simd128()->scores(q, queries, keys, count, n, scale, out, stride);
}

static float softmax(float *x, size_t n)
{
    return tb_kernels_simd128()->softmax(x, n);
}

static void mix(const float *p, size_t stride, size_t queries, const float *values, size_t count,
                size_t n, float *out)
{
    tb_kernels_simd128()->mix(p, stride, queries, values, count, n, out);
}

static void dots_bf16(const float *x, const uint8_t *table, size_t count, size_t n, float *out)
{
    tb_kernels_simd128()->dots_bf16(x, table, count, n, out);
}

const tb_kernels *tb_kernels_relaxed(void)
{
    static const tb_kernels table = {"relaxed", quantise, matmul_fast, matmul_exact, norm,
                                     scores,    softmax,  mix,         dots_bf16, widen};
    return &table;
}
#endif
