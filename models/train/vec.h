/* vec.h - the number types of the trainer and 64-byte vectors of them.
 *
 *   real   what sums, states and weights are kept in: float, or double in the -DREAL64 build
 * (gradient check) act    what matrix products read: bf16 (upper half of a float) in the AMX build,
 * else real vec    LANES reals; the compiler's own vector type, so + - * work on it in every build
 *
 * All lengths handed to functions that work by vec are multiples of LANES (16 for float, 8 for
 * double); the model's widths are multiples of 32. Loads and stores need no alignment.
 */
#ifndef THIMBLE_VEC_H
#define THIMBLE_VEC_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#if defined(__AMX_BF16__) && defined(__AVX512BF16__) && !defined(REAL64) && !defined(NO_AMX)
#define USE_AMX 1
#else
#define USE_AMX 0
#endif
#if defined(__AVX512F__) && !defined(REAL64)
#define USE_AVX512 1
#else
#define USE_AVX512 0
#endif
#if USE_AMX || USE_AVX512
#include <immintrin.h>
#endif

#ifdef REAL64
typedef double real;
#else
typedef float real;
#endif

#define LANES (64 / (int)sizeof(real))
typedef real vec __attribute__((vector_size(64), aligned(sizeof(real)), may_alias));

static inline vec vec_load(const real *p) {
    return *(const vec *)p;
}
static inline void vec_store(real *p, vec v) {
    *(vec *)p = v;
}
static inline vec vec_set(real x) {
    vec v = {0};
    return v + x;
}

static inline real vec_sum(vec v) {
#if USE_AVX512
    return _mm512_reduce_add_ps((__m512)v);
#else
    real s = 0;
    for (int i = 0; i < LANES; i++)
        s += v[i];
    return s;
#endif
}

static inline vec vec_max(vec a, vec b) {
#if USE_AVX512
    return (vec)_mm512_max_ps((__m512)a, (__m512)b);
#else
    for (int i = 0; i < LANES; i++)
        a[i] = a[i] > b[i] ? a[i] : b[i];
    return a;
#endif
}

static inline real vec_top(vec v) {
#if USE_AVX512
    return _mm512_reduce_max_ps((__m512)v);
#else
    real m = v[0];
    for (int i = 1; i < LANES; i++)
        m = v[i] > m ? v[i] : m;
    return m;
#endif
}

/* e^x for x <= 0; exactly 0 below -110 (masked scores are -1e30). */
static inline vec vec_exp(vec x) {
#if USE_AVX512
    /* 2^t = 2^n 2^f with n the nearest integer; 2^f by its Taylor series in f, |f| <= 1/2: error
     * below 2e-7 */
    __m512 t = _mm512_mul_ps(_mm512_max_ps((__m512)x, _mm512_set1_ps(-110.0f)),
                             _mm512_set1_ps(1.44269504f));
    __m512 n = _mm512_roundscale_ps(t, 0);
    __m512 f = _mm512_sub_ps(t, n);
    __m512 p = _mm512_set1_ps(1.5403530e-4f);
    p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(1.3333558e-3f));
    p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(9.6181291e-3f));
    p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(5.5504109e-2f));
    p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(2.4022651e-1f));
    p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(6.9314718e-1f));
    p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(1.0f));
    return (vec)_mm512_scalef_ps(p, n);
#else
    for (int i = 0; i < LANES; i++)
        x[i] = x[i] < -110 ? 0 : (real)exp((double)x[i]);
    return x;
#endif
}

#if USE_AMX
typedef uint16_t act;
static inline vec act_load(const act *p) {
    return (vec)_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)p)),
                                  16);
}
static inline void act_store(act *p, vec v) {
    _mm256_storeu_si256((__m256i *)p, (__m256i)_mm512_cvtneps_pbh((__m512)v));
}
#else
typedef real act;
static inline vec act_load(const act *p) {
    return vec_load(p);
}
static inline void act_store(act *p, vec v) {
    vec_store(p, v);
}
#endif

/* n reals to act */
static inline void to_act(act *out, const real *in, size_t n) {
    for (size_t i = 0; i < n; i += (size_t)LANES)
        act_store(out + i, vec_load(in + i));
}

static inline int round_up(int n, int to) {
    return (n + to - 1) / to * to;
}

/* n: a multiple of 2 LANES */
static inline real vec_dot(const real *a, const real *b, int n) {
    vec s = vec_set(0), t = s;
    for (int i = 0; i < n; i += 2 * LANES) {
        s += vec_load(a + i) * vec_load(b + i);
        t += vec_load(a + i + LANES) * vec_load(b + i + LANES);
    }
    return vec_sum(s + t);
}

/* a += f b and c += f e in one go; n: a multiple of LANES */
static inline void vec_add_two(real *a, const real *b, real *c, const real *e, real f, int n) {
    for (int i = 0; i < n; i += LANES) {
        vec_store(a + i, vec_load(a + i) + f * vec_load(b + i));
        vec_store(c + i, vec_load(c + i) + f * vec_load(e + i));
    }
}

#endif
