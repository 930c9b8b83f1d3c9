/* kernels_avx2.c - AVX2 kernels (x86-64). Compile with -mavx2; empty without it. */
#include "kernels_inline.h"

#if !defined(__AVX2__)
const tb_kernels *tb_kernels_avx2(void)
{
    return NULL;
}
#else
#include <immintrin.h>

#define INLINE static inline __attribute__((always_inline))

/* ---- INT8 activations ----------------------------------------------------------------------- */

INLINE __m256 magnitude(__m256 x)
{
    return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), x);
}

/* Horizontal maximum; the order does not matter. */
INLINE float greatest(__m256 v)
{
    __m128 m = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    m = _mm_max_ps(m, _mm_movehl_ps(m, m));
    m = _mm_max_ss(m, _mm_movehdup_ps(m));
    return _mm_cvtss_f32(m);
}

INLINE __m256i rounded(const float *x, __m256 step)
{
    __m256 v = _mm256_div_ps(_mm256_loadu_ps(x), step);
    v = _mm256_max_ps(_mm256_min_ps(v, _mm256_set1_ps(127.0f)), _mm256_set1_ps(-127.0f));
    return _mm256_cvtps_epi32(v);
}

static void quantise(const float *x, size_t rows, size_t n, const tb_int8 *out)
{
    const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    for (size_t r = 0; r < rows; r++, x += n) {
        int8_t *codes = out->codes + r * n;
        int32_t *sums = out->sums + r * (n / TB_GROUP);
        __m256 most = _mm256_setzero_ps();
        for (size_t k = 0; k < n; k += 8)
            most = _mm256_max_ps(magnitude(_mm256_loadu_ps(x + k)), most);
        float step = greatest(most) / 127.0f;
        __m256 steps = _mm256_set1_ps(step);
        out->scales[r] = step;
        if (!(step > 0.0f)) {
            memset(codes, 0, n);
            memset(sums, 0, n / TB_GROUP * sizeof *sums);
            continue;
        }
        for (size_t k = 0; k < n; k += TB_GROUP) {
            __m256i a = rounded(x + k, steps), b = rounded(x + k + 8, steps);
            __m256i c = rounded(x + k + 16, steps), d = rounded(x + k + 24, steps);
            __m256i all = _mm256_packs_epi16(_mm256_packs_epi32(a, b), _mm256_packs_epi32(c, d));
            _mm256_storeu_si256((__m256i *)(codes + k), _mm256_permutevar8x32_epi32(all, order));
            a = _mm256_add_epi32(_mm256_add_epi32(a, b), _mm256_add_epi32(c, d));
            __m128i s = _mm_add_epi32(_mm256_castsi256_si128(a), _mm256_extracti128_si256(a, 1));
            s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0x4e));
            s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0xb1));
            sums[k / TB_GROUP] = _mm_cvtsi128_si32(s);
        }
    }
}

/* Four neighbouring activations in every 32-bit lane. */
INLINE __m256i four(const int8_t *x)
{
    int32_t bits;
    memcpy(&bits, x, sizeof bits);
    return _mm256_set1_epi32(bits);
}

/* `R` rows of activations against one tile. Products of a group are summed in 16 bits: 8 pairs of at
 * most 2 * 15 * 127 stay below 2^15. */
INLINE void tile_fast(const uint8_t *w, const float *scales, const int8_t *x, const int32_t *sums,
                      const float *steps, size_t in, size_t R, float *y, size_t out, size_t columns)
{
    const __m256i nibble = _mm256_set1_epi8(15), ones = _mm256_set1_epi16(1);
    size_t groups = in / TB_GROUP;
    __m256 total[4][2];
    for (size_t r = 0; r < R; r++)
        total[r][0] = total[r][1] = _mm256_setzero_ps();
    for (size_t g = 0; g < groups; g++, scales += TB_TILE) {
        __m256i dot[4][2];
        for (size_t r = 0; r < R; r++)
            dot[r][0] = dot[r][1] = _mm256_setzero_si256();
#pragma GCC unroll 4
        for (size_t k = g * TB_GROUP; k < (g + 1) * TB_GROUP; k += 8, w += 64) {
            __m256i v0 = _mm256_load_si256((const __m256i *)w);
            __m256i v1 = _mm256_load_si256((const __m256i *)(w + 32));
            __m256i low0 = _mm256_and_si256(v0, nibble), low1 = _mm256_and_si256(v1, nibble);
            __m256i high0 = _mm256_and_si256(_mm256_srli_epi16(v0, 4), nibble);
            __m256i high1 = _mm256_and_si256(_mm256_srli_epi16(v1, 4), nibble);
#pragma GCC unroll 4
            for (size_t r = 0; r < R; r++) {
                __m256i a = four(x + r * in + k), b = four(x + r * in + k + 4);
                dot[r][0] = _mm256_add_epi16(dot[r][0], _mm256_maddubs_epi16(low0, a));
                dot[r][1] = _mm256_add_epi16(dot[r][1], _mm256_maddubs_epi16(low1, a));
                dot[r][0] = _mm256_add_epi16(dot[r][0], _mm256_maddubs_epi16(high0, b));
                dot[r][1] = _mm256_add_epi16(dot[r][1], _mm256_maddubs_epi16(high1, b));
            }
        }
#pragma GCC unroll 4
        for (size_t r = 0; r < R; r++) {
            __m256i offset = _mm256_set1_epi32(-8 * sums[r * groups + g]);
#pragma GCC unroll 2
            for (size_t h = 0; h < 2; h++) {
                __m256i d = _mm256_add_epi32(_mm256_madd_epi16(dot[r][h], ones), offset);
                __m256 s = _mm256_load_ps(scales + 8 * h);
                total[r][h] = _mm256_add_ps(total[r][h], _mm256_mul_ps(_mm256_cvtepi32_ps(d), s));
            }
        }
    }
    for (size_t r = 0; r < R; r++, y += out) {
        __m256 step = _mm256_set1_ps(steps[r]);
        __m256 a = _mm256_mul_ps(total[r][0], step), b = _mm256_mul_ps(total[r][1], step);
        if (columns == TB_TILE) {
            _mm256_storeu_ps(y, a);
            _mm256_storeu_ps(y + 8, b);
        } else {
            float whole[TB_TILE];
            _mm256_storeu_ps(whole, a);
            _mm256_storeu_ps(whole + 8, b);
            store_tile(y, whole, columns);
        }
    }
}

static void matmul_fast(const tb_int4 *w, const tb_int8 *x, size_t rows, float *y)
{
    size_t in = w->in, out = w->out, groups = in / TB_GROUP;
    for (size_t first = 0; first < out; first += TB_TILE) {
        const uint8_t *codes = w->codes + first * in / 2;
        const float *scales = w->scales + first * groups;
        size_t columns = out - first < TB_TILE ? out - first : TB_TILE, r = 0;
        for (; r + 4 <= rows; r += 4)
            tile_fast(codes, scales, x->codes + r * in, x->sums + r * groups, x->scales + r, in, 4,
                      y + r * out + first, out, columns);
        if (r + 2 <= rows) {
            tile_fast(codes, scales, x->codes + r * in, x->sums + r * groups, x->scales + r, in, 2,
                      y + r * out + first, out, columns);
            r += 2;
        }
        if (r < rows)
            tile_fast(codes, scales, x->codes + r * in, x->sums + r * groups, x->scales + r, in, 1,
                      y + r * out + first, out, columns);
    }
}

/* ---- float activations ---------------------------------------------------------------------- */

/* Eight weights of one input row: nibble `shift` of each column's 32 bits, less 8, times the scale. */
INLINE __m256 weights(__m256i columns, int shift, __m256 scale)
{
    __m256i code = _mm256_and_si256(_mm256_srli_epi32(columns, shift), _mm256_set1_epi32(15));
    code = _mm256_sub_epi32(code, _mm256_set1_epi32(8));
    return _mm256_mul_ps(_mm256_cvtepi32_ps(code), scale);
}

INLINE void tile_exact(const uint8_t *w, const float *scales, const float *x, size_t in, size_t R,
                       float *y, size_t out, size_t columns)
{
    __m256 total[4][2];
    for (size_t r = 0; r < R; r++)
        total[r][0] = total[r][1] = _mm256_setzero_ps();
    for (size_t k = 0; k < in; k += 8, w += 64) {
        const float *scale = scales + k / TB_GROUP * TB_TILE;
        __m256i v0 = _mm256_load_si256((const __m256i *)w);
        __m256i v1 = _mm256_load_si256((const __m256i *)(w + 32));
#pragma GCC unroll 8
        for (int j = 0; j < 8; j++) {
            int shift = j < 4 ? 8 * j : 8 * (j - 4) + 4;
            __m256 w0 = weights(v0, shift, _mm256_load_ps(scale));
            __m256 w1 = weights(v1, shift, _mm256_load_ps(scale + 8));
#pragma GCC unroll 4
            for (size_t r = 0; r < R; r++) {
                __m256 a = _mm256_broadcast_ss(x + r * in + k + (size_t)j);
                total[r][0] = _mm256_add_ps(total[r][0], _mm256_mul_ps(a, w0));
                total[r][1] = _mm256_add_ps(total[r][1], _mm256_mul_ps(a, w1));
            }
        }
    }
    for (size_t r = 0; r < R; r++, y += out) {
        float whole[TB_TILE];
        _mm256_storeu_ps(whole, total[r][0]);
        _mm256_storeu_ps(whole + 8, total[r][1]);
        store_tile(y, whole, columns);
    }
}

static void matmul_exact(const tb_int4 *w, const float *x, size_t rows, float *y)
{
    size_t in = w->in, out = w->out, groups = in / TB_GROUP;
    for (size_t first = 0; first < out; first += TB_TILE) {
        const uint8_t *codes = w->codes + first * in / 2;
        const float *scales = w->scales + first * groups;
        size_t columns = out - first < TB_TILE ? out - first : TB_TILE, r = 0;
        for (; r + 4 <= rows; r += 4)
            tile_exact(codes, scales, x + r * in, in, 4, y + r * out + first, out, columns);
        for (; r < rows; r++)
            tile_exact(codes, scales, x + r * in, in, 1, y + r * out + first, out, columns);
    }
}

/* ---- sums in eight lanes -------------------------------------------------------------------- */

/* Lanes i and i + 4 of `v` added: the first level of sum_lanes(). */
INLINE __m128 halves(__m256 v)
{
    return _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
}

/* sum_lanes() of four vectors at once. */
INLINE __m128 sum_four(__m256 a, __m256 b, __m256 c, __m256 d)
{
    __m128 t = halves(a), u = halves(b), v = halves(c), w = halves(d);
    __m128 tu = _mm_add_ps(_mm_movelh_ps(t, u), _mm_movehl_ps(u, t)); /* t0+t2 t1+t3 u0+u2 u1+u3 */
    __m128 vw = _mm_add_ps(_mm_movelh_ps(v, w), _mm_movehl_ps(w, v));
    return _mm_add_ps(_mm_shuffle_ps(tu, vw, 0x88), _mm_shuffle_ps(tu, vw, 0xdd));
}

INLINE float sum_one(__m256 v)
{
    __m128 t = halves(v);
    t = _mm_add_ps(t, _mm_movehl_ps(t, t));
    return _mm_cvtss_f32(_mm_add_ss(t, _mm_movehdup_ps(t)));
}

static void norm(const float *x, const float *gain, size_t rows, size_t n, float *y)
{
    for (size_t r = 0; r < rows; r++, x += n, y += n) {
        __m256 sum = _mm256_setzero_ps();
        for (size_t k = 0; k < n; k += 8) {
            __m256 v = _mm256_loadu_ps(x + k);
            sum = _mm256_add_ps(sum, _mm256_mul_ps(v, v));
        }
        __m256 rms = _mm256_set1_ps(__builtin_sqrtf(sum_one(sum) / (float)n + TB_NORM_EPSILON));
        for (size_t k = 0; k < n; k += 8) {
            __m256 v = _mm256_mul_ps(_mm256_loadu_ps(gain + k), _mm256_loadu_ps(x + k));
            _mm256_storeu_ps(y + k, _mm256_div_ps(v, rms));
        }
    }
}

/* Four keys against `Q` (1 or 2) queries. */
INLINE void scores_tile(const float *q, size_t Q, const float *key, size_t n, __m128 scale, float *out,
                        size_t stride)
{
    __m256 sum[2][4];
    for (size_t i = 0; i < Q; i++)
        for (size_t j = 0; j < 4; j++)
            sum[i][j] = _mm256_setzero_ps();
    for (size_t k = 0; k < n; k += 8) {
        __m256 a = _mm256_loadu_ps(q + k), b = Q > 1 ? _mm256_loadu_ps(q + n + k) : a;
#pragma GCC unroll 4
        for (size_t j = 0; j < 4; j++) {
            __m256 v = _mm256_loadu_ps(key + j * n + k);
            sum[0][j] = _mm256_add_ps(sum[0][j], _mm256_mul_ps(a, v));
            if (Q > 1)
                sum[1][j] = _mm256_add_ps(sum[1][j], _mm256_mul_ps(b, v));
        }
    }
    for (size_t i = 0; i < Q; i++)
        _mm_storeu_ps(out + i * stride,
                      _mm_mul_ps(sum_four(sum[i][0], sum[i][1], sum[i][2], sum[i][3]), scale));
}

static void scores(const float *q, size_t queries, const float *keys, size_t count, size_t n,
                   float scale, float *out, size_t stride)
{
    __m128 scale4 = _mm_set1_ps(scale);
    for (size_t i = 0; i < queries; i += 2, q += 2 * n, out += 2 * stride) {
        size_t pair = queries - i < 2 ? 1 : 2, j = 0;
        for (; j + 4 <= count; j += 4) {
            if (pair == 2)
                scores_tile(q, 2, keys + j * n, n, scale4, out + j, stride);
            else
                scores_tile(q, 1, keys + j * n, n, scale4, out + j, stride);
        }
        for (; j < count; j++)
            for (size_t p = 0; p < pair; p++) {
                __m256 sum = _mm256_setzero_ps();
                for (size_t k = 0; k < n; k += 8)
                    sum = _mm256_add_ps(sum, _mm256_mul_ps(_mm256_loadu_ps(q + p * n + k),
                                                           _mm256_loadu_ps(keys + j * n + k)));
                out[p * stride + j] = sum_one(sum) * scale;
            }
    }
}

/* exp_scalar() in eight lanes. */
INLINE __m256 exp8(__m256 t)
{
    t = _mm256_max_ps(t, _mm256_set1_ps(TB_EXP_LEAST));
    __m256 k = _mm256_mul_ps(t, _mm256_set1_ps(TB_EXP_LOG2E));
    k = _mm256_round_ps(k, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    __m256 r = _mm256_sub_ps(t, _mm256_mul_ps(k, _mm256_set1_ps(TB_EXP_LN2_HIGH)));
    r = _mm256_sub_ps(r, _mm256_mul_ps(k, _mm256_set1_ps(TB_EXP_LN2_LOW)));
    __m256 p = _mm256_set1_ps(TB_EXP_P0);
    p = _mm256_add_ps(_mm256_mul_ps(p, r), _mm256_set1_ps(TB_EXP_P1));
    p = _mm256_add_ps(_mm256_mul_ps(p, r), _mm256_set1_ps(TB_EXP_P2));
    p = _mm256_add_ps(_mm256_mul_ps(p, r), _mm256_set1_ps(TB_EXP_P3));
    p = _mm256_add_ps(_mm256_mul_ps(p, r), _mm256_set1_ps(TB_EXP_P4));
    p = _mm256_add_ps(_mm256_mul_ps(p, r), _mm256_set1_ps(TB_EXP_P5));
    p = _mm256_add_ps(_mm256_mul_ps(p, _mm256_mul_ps(r, r)), r);
    p = _mm256_add_ps(p, _mm256_set1_ps(1.0f));
    __m256i power = _mm256_add_epi32(_mm256_cvtps_epi32(k), _mm256_set1_epi32(127));
    return _mm256_mul_ps(p, _mm256_castsi256_ps(_mm256_slli_epi32(power, 23)));
}

static float softmax(float *x, size_t n)
{
    size_t whole = n - n % TB_LANES;
    float lane[TB_LANES], most;
    __m256 top = _mm256_set1_ps(-__builtin_inff()), sum = _mm256_setzero_ps();
    for (size_t j = 0; j < whole; j += 8)
        top = _mm256_max_ps(_mm256_loadu_ps(x + j), top);
    most = greatest(top);
    for (size_t j = whole; j < n; j++)
        most = x[j] > most ? x[j] : most;
    top = _mm256_set1_ps(most);
    for (size_t j = 0; j < whole; j += 8) {
        __m256 e = exp8(_mm256_sub_ps(_mm256_loadu_ps(x + j), top));
        _mm256_storeu_ps(x + j, e);
        sum = _mm256_add_ps(sum, e);
    }
    _mm256_storeu_ps(lane, sum);
    for (size_t j = whole; j < n; j++) {
        x[j] = exp_scalar(x[j] - most);
        lane[j - whole] += x[j];
    }
    return sum_lanes(lane);
}

/* Columns 0..8*V of `Q` queries' outputs, kept in registers over all keys. */
INLINE void mix_tile(const float *p, size_t stride, size_t Q, const float *values, size_t count,
                     size_t n, size_t V, float *out)
{
    __m256 sum[2][4];
    for (size_t i = 0; i < Q; i++)
        for (size_t v = 0; v < V; v++)
            sum[i][v] = _mm256_loadu_ps(out + i * n + 8 * v);
    for (size_t j = 0; j < count; j++, values += n) {
        __m256 a = _mm256_broadcast_ss(p + j), b = Q > 1 ? _mm256_broadcast_ss(p + stride + j) : a;
#pragma GCC unroll 4
        for (size_t v = 0; v < V; v++) {
            __m256 value = _mm256_loadu_ps(values + 8 * v);
            sum[0][v] = _mm256_add_ps(sum[0][v], _mm256_mul_ps(a, value));
            if (Q > 1)
                sum[1][v] = _mm256_add_ps(sum[1][v], _mm256_mul_ps(b, value));
        }
    }
    for (size_t i = 0; i < Q; i++)
        for (size_t v = 0; v < V; v++)
            _mm256_storeu_ps(out + i * n + 8 * v, sum[i][v]);
}

static void mix(const float *p, size_t stride, size_t queries, const float *values, size_t count,
                size_t n, float *out)
{
    for (size_t i = 0; i < queries; i += 2, p += 2 * stride, out += 2 * n) {
        bool pair = queries - i >= 2;
        size_t k = 0;
        for (; k + 32 <= n; k += 32) {
            if (pair)
                mix_tile(p, stride, 2, values + k, count, n, 4, out + k);
            else
                mix_tile(p, stride, 1, values + k, count, n, 4, out + k);
        }
        for (; k < n; k += 8) {
            if (pair)
                mix_tile(p, stride, 2, values + k, count, n, 1, out + k);
            else
                mix_tile(p, stride, 1, values + k, count, n, 1, out + k);
        }
    }
}

INLINE __m256 bf16_load8(const uint8_t *p)
{
    __m256i wide = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)p));
    return _mm256_castsi256_ps(_mm256_slli_epi32(wide, 16));
}

static void dots_bf16(const float *x, const uint8_t *table, size_t count, size_t n, float *out)
{
    size_t j = 0;
    for (; j + 4 <= count; j += 4, table += 8 * n) {
        __m256 sum[4];
        for (size_t i = 0; i < 4; i++)
            sum[i] = _mm256_setzero_ps();
        for (size_t k = 0; k < n; k += 8) {
            __m256 a = _mm256_loadu_ps(x + k);
#pragma GCC unroll 4
            for (size_t i = 0; i < 4; i++)
                sum[i] = _mm256_add_ps(sum[i], _mm256_mul_ps(a, bf16_load8(table + 2 * (i * n + k))));
        }
        _mm_storeu_ps(out + j, sum_four(sum[0], sum[1], sum[2], sum[3]));
    }
    for (; j < count; j++, table += 2 * n) {
        __m256 sum = _mm256_setzero_ps();
        for (size_t k = 0; k < n; k += 8)
            sum = _mm256_add_ps(sum, _mm256_mul_ps(_mm256_loadu_ps(x + k), bf16_load8(table + 2 * k)));
        out[j] = sum_one(sum);
    }
}

const tb_kernels *tb_kernels_avx2(void)
{
    static const tb_kernels table = {"avx2", quantise, matmul_fast, matmul_exact, norm,
                                     scores, softmax,  mix,         dots_bf16, widen};
    return &table;
}
#endif
