/* kernels_avx512.c - AVX-512 VNNI kernels for the products and the value sums; what sums in eight
 * lanes stays with AVX2. Compile with -mavx2 -mavx512f -mavx512bw -mavx512dq -mavx512vl
 * -mavx512vnni; empty without them. */
#include "kernels_inline.h"

#if !defined(__AVX512VNNI__) || !defined(__AVX512F__) || !defined(__AVX512VL__)
const tb_kernels *tb_kernels_avx512(void)
{
    return NULL;
}
#else
#include <immintrin.h>

#define INLINE static inline __attribute__((always_inline))

enum { ROWS = 8 }; /* rows of activations that share one read of the weights */

INLINE __mmask16 columns_mask(size_t columns)
{
    return (__mmask16)(0xffffu >> (TB_TILE - columns));
}

/* Four neighbouring activations in every 32-bit lane (one memory-broadcast operand). */
INLINE __m512i four(const int8_t *x)
{
    int32_t bits;
    memcpy(&bits, x, sizeof bits);
    return _mm512_set1_epi32(bits);
}

/* `R` rows against `T` tiles: T > 1 only to keep enough dots in flight when rows are few. */
INLINE void tile_fast(const tb_int4 *w, size_t tile, size_t T, const tb_int8 *x, size_t row, size_t R,
                      float *y)
{
    const __m512i nibble = _mm512_set1_epi8(15);
    size_t in = w->in, out = w->out, groups = in / TB_GROUP;
    const uint8_t *codes = w->codes + tile * in * 8;
    const float *scales = w->scales + tile * groups * TB_TILE;
    const int8_t *a = x->codes + row * in;
    const int32_t *sums = x->sums + row * groups;
    __m512 total[ROWS][4];
    for (size_t r = 0; r < R; r++)
        for (size_t t = 0; t < T; t++)
            total[r][t] = _mm512_setzero_ps();
    for (size_t g = 0; g < groups; g++, scales += TB_TILE) {
        __m512i dot[ROWS][4];
#pragma GCC unroll 8
        for (size_t r = 0; r < R; r++)
#pragma GCC unroll 4
            for (size_t t = 0; t < T; t++)
                dot[r][t] = _mm512_set1_epi32(-8 * sums[r * groups + g]);
#pragma GCC unroll 4
        for (size_t k = g * TB_GROUP; k < (g + 1) * TB_GROUP; k += 8, codes += 64)
#pragma GCC unroll 4
            for (size_t t = 0; t < T; t++) {
                __m512i v = _mm512_load_si512(codes + t * in * 8);
                __m512i low = _mm512_and_si512(v, nibble);
                __m512i high = _mm512_and_si512(_mm512_srli_epi16(v, 4), nibble);
#pragma GCC unroll 8
                for (size_t r = 0; r < R; r++) {
                    dot[r][t] = _mm512_dpbusd_epi32(dot[r][t], low, four(a + r * in + k));
                    dot[r][t] = _mm512_dpbusd_epi32(dot[r][t], high, four(a + r * in + k + 4));
                }
            }
#pragma GCC unroll 8
        for (size_t r = 0; r < R; r++)
#pragma GCC unroll 4
            for (size_t t = 0; t < T; t++) {
                __m512 s = _mm512_load_ps(scales + t * groups * TB_TILE);
                s = _mm512_mul_ps(_mm512_cvtepi32_ps(dot[r][t]), s);
                total[r][t] = _mm512_add_ps(total[r][t], s);
            }
    }
    for (size_t r = 0; r < R; r++)
        for (size_t t = 0; t < T; t++) {
            size_t first = (tile + t) * TB_TILE;
            size_t columns = out - first < TB_TILE ? out - first : TB_TILE;
            __m512 v = _mm512_mul_ps(total[r][t], _mm512_set1_ps(x->scales[row + r]));
            _mm512_mask_storeu_ps(y + (row + r) * out + first, columns_mask(columns), v);
        }
}

static void matmul_fast(const tb_int4 *w, const tb_int8 *x, size_t rows, float *y)
{
    size_t tiles = (w->out + TB_TILE - 1) / TB_TILE, row = 0;
    for (; row + ROWS <= rows; row += ROWS)
        for (size_t t = 0; t < tiles; t++)
            tile_fast(w, t, 1, x, row, ROWS, y);
    for (; row + 2 <= rows; row += 2) {
        size_t t = 0;
        for (; t + 4 <= tiles; t += 4)
            tile_fast(w, t, 4, x, row, 2, y);
        for (; t < tiles; t++)
            tile_fast(w, t, 1, x, row, 2, y);
    }
    for (; row < rows; row++) {
        size_t t = 0;
        for (; t + 4 <= tiles; t += 4)
            tile_fast(w, t, 4, x, row, 1, y);
        for (; t < tiles; t++)
            tile_fast(w, t, 1, x, row, 1, y);
    }
}

/* Sixteen weights of one input row: nibble `shift` of each column, less 8, times the scale. */
INLINE __m512 weights(__m512i columns, unsigned shift, __m512 scale)
{
    __m512i code = _mm512_and_si512(_mm512_srli_epi32(columns, shift), _mm512_set1_epi32(15));
    code = _mm512_sub_epi32(code, _mm512_set1_epi32(8));
    return _mm512_mul_ps(_mm512_cvtepi32_ps(code), scale);
}

INLINE void tile_exact(const tb_int4 *w, size_t tile, const float *x, size_t R, float *y)
{
    size_t in = w->in, out = w->out, first = tile * TB_TILE;
    const uint8_t *codes = w->codes + tile * in * 8;
    const float *scales = w->scales + tile * in / TB_GROUP * TB_TILE;
    __mmask16 mask = columns_mask(out - first < TB_TILE ? out - first : TB_TILE);
    __m512 total[ROWS];
    for (size_t r = 0; r < R; r++)
        total[r] = _mm512_setzero_ps();
    for (size_t k = 0; k < in; k += 8, codes += 64) {
        __m512 scale = _mm512_load_ps(scales + k / TB_GROUP * TB_TILE);
        __m512i v = _mm512_load_si512(codes);
#pragma GCC unroll 8
        for (unsigned j = 0; j < 8; j++) {
            __m512 weight = weights(v, j < 4 ? 8 * j : 8 * (j - 4) + 4, scale);
#pragma GCC unroll 8
            for (size_t r = 0; r < R; r++)
                total[r] = _mm512_add_ps(total[r],
                                         _mm512_mul_ps(_mm512_set1_ps(x[r * in + k + j]), weight));
        }
    }
    for (size_t r = 0; r < R; r++)
        _mm512_mask_storeu_ps(y + r * out + first, mask, total[r]);
}

static void matmul_exact(const tb_int4 *w, const float *x, size_t rows, float *y)
{
    size_t tiles = (w->out + TB_TILE - 1) / TB_TILE, row = 0;
    for (; row + ROWS <= rows; row += ROWS)
        for (size_t t = 0; t < tiles; t++)
            tile_exact(w, t, x + row * w->in, ROWS, y + row * w->out);
    for (; row < rows; row++)
        for (size_t t = 0; t < tiles; t++)
            tile_exact(w, t, x + row * w->in, 1, y + row * w->out);
}

/* Columns 0..16*V of `Q` queries' outputs, kept in registers over all keys. */
INLINE void mix_tile(const float *p, size_t stride, size_t Q, const float *values, size_t count,
                     size_t n, size_t V, __mmask16 mask, float *out)
{
    __m512 sum[2][4];
    for (size_t i = 0; i < Q; i++)
        for (size_t v = 0; v < V; v++)
            sum[i][v] = _mm512_maskz_loadu_ps(mask, out + i * n + 16 * v);
    for (size_t j = 0; j < count; j++, values += n) {
#pragma GCC unroll 4
        for (size_t v = 0; v < V; v++) {
            __m512 value = _mm512_maskz_loadu_ps(mask, values + 16 * v);
#pragma GCC unroll 2
            for (size_t i = 0; i < Q; i++)
                sum[i][v] = _mm512_add_ps(
                    sum[i][v], _mm512_mul_ps(_mm512_set1_ps(p[i * stride + j]), value));
        }
    }
    for (size_t i = 0; i < Q; i++)
        for (size_t v = 0; v < V; v++)
            _mm512_mask_storeu_ps(out + i * n + 16 * v, mask, sum[i][v]);
}

static void mix(const float *p, size_t stride, size_t queries, const float *values, size_t count,
                size_t n, float *out)
{
    for (size_t i = 0; i < queries; i += 2, p += 2 * stride, out += 2 * n) {
        bool pair = queries - i >= 2;
        size_t k = 0;
        for (; k + 64 <= n; k += 64) {
            if (pair)
                mix_tile(p, stride, 2, values + k, count, n, 4, 0xffff, out + k);
            else
                mix_tile(p, stride, 1, values + k, count, n, 4, 0xffff, out + k);
        }
        for (; k < n; k += 16) {
            __mmask16 mask = columns_mask(n - k < 16 ? n - k : 16);
            if (pair)
                mix_tile(p, stride, 2, values + k, count, n, 1, mask, out + k);
            else
                mix_tile(p, stride, 1, values + k, count, n, 1, mask, out + k);
        }
    }
}

/* Only called where the CPU runs AVX-512, and so AVX2 as well. */
static void quantise(const float *x, size_t rows, size_t n, const tb_int8 *out)
{
    tb_kernels_avx2()->quantise(x, rows, n, out);
}

static void norm(const float *x, const float *gain, size_t rows, size_t n, float *y)
{
    tb_kernels_avx2()->norm(x, gain, rows, n, y);
}

static void scores(const float *q, size_t queries, const float *keys, size_t count, size_t n,
                   float scale, float *out, size_t stride)
{
    tb_kernels_avx2()->scores(q, queries, keys, count, n, scale, out, stride);
}

static float softmax(float *x, size_t n)
{
    return tb_kernels_avx2()->softmax(x, n);
}

static void dots_bf16(const float *x, const uint8_t *table, size_t count, size_t n, float *out)
{
    tb_kernels_avx2()->dots_bf16(x, table, count, n, out);
}

const tb_kernels *tb_kernels_avx512(void)
{
    static const tb_kernels table = {"avx512", quantise, matmul_fast, matmul_exact, norm,
                                     scores,   softmax,  mix,         dots_bf16, widen};
    return &table;
}
#endif
