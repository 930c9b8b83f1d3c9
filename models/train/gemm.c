/* gemm.c - see gemm.h. */
#define _GNU_SOURCE
#include "gemm.h"

#if USE_AMX

#include <sys/syscall.h>
#include <unistd.h>

/* A tile is 16 rows of 64 bytes. As left operand: 16 rows x 32 columns of bf16. As right operand
 * (VNNI): row j holds rows 2j and 2j+1 of 16 columns, interleaved. So a right tile is the 32-bit
 * transpose of the left tile of B^T, and all packing is made of two steps: interleaving two rows,
 * and transposing 16 x 16 words of 32 bits. */
enum { TILE = 512, K_BLOCK = 384 };

/* The compiler's tile loads do not say that they read memory: everything must be stored before
 * them. */
static inline void memory_barrier(const void *p) {
    __asm__ volatile("" : : "r"(p) : "memory");
}

bool gemm_init(void) {
    enum { ARCH_REQ_XCOMP_PERM = 0x1023, XFEATURE_XTILEDATA = 18 };
    return syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0;
}

void gemm_thread_init(void) {
    struct {
        uint8_t palette, start_row, reserved[14];
        uint16_t bytes[16];
        uint8_t rows[16];
    } config = {.palette = 1};
    for (int i = 0; i < 8; i++) {
        config.bytes[i] = 64;
        config.rows[i] = 16;
    }
    memory_barrier(&config);
    _tile_loadconfig(&config);
}

const char *gemm_name(void) {
    return "AMX bf16";
}

/* 16 x 16 transpose of 32-bit words, in registers */
static inline void transpose16(__m512i r[16]) {
    __m512i t[16];
    for (int i = 0; i < 16; i += 2) {
        t[i] = _mm512_unpacklo_epi32(r[i], r[i + 1]);
        t[i + 1] = _mm512_unpackhi_epi32(r[i], r[i + 1]);
    }
    for (int i = 0; i < 16; i += 4) {
        r[i] = _mm512_unpacklo_epi64(t[i], t[i + 2]);
        r[i + 1] = _mm512_unpackhi_epi64(t[i], t[i + 2]);
        r[i + 2] = _mm512_unpacklo_epi64(t[i + 1], t[i + 3]);
        r[i + 3] = _mm512_unpackhi_epi64(t[i + 1], t[i + 3]);
    }
    for (int i = 0; i < 4; i++) {
        t[i] = _mm512_shuffle_i32x4(r[i], r[i + 4], 0x88);
        t[i + 4] = _mm512_shuffle_i32x4(r[i], r[i + 4], 0xdd);
        t[i + 8] = _mm512_shuffle_i32x4(r[i + 8], r[i + 12], 0x88);
        t[i + 12] = _mm512_shuffle_i32x4(r[i + 8], r[i + 12], 0xdd);
    }
    for (int i = 0; i < 8; i++) {
        r[i] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0x88);
        r[i + 8] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0xdd);
    }
}

/* word j = a[j] | b[j] << 16 for 16 columns; either row may be null (zeros) */
static inline __m512i interleave(const act *a, const act *b, __mmask16 columns) {
    __m512i lo = _mm512_setzero_si512(), hi = lo;
    if (a)
        lo = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(columns, a));
    if (b)
        hi = _mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(columns, b)), 16);
    return _mm512_or_si512(lo, hi);
}

static inline __mmask16 mask16(int n) {
    return n >= 16 ? 0xffff : n <= 0 ? 0 : (__mmask16)((1u << n) - 1);
}

/* 16 words for rows k0.. of columns c0..c0+15 of a[k][n] */
static inline void load_pairs(__m512i w[16], const act *a, int lda, int k0, int k, int c0, int n) {
    const act *p = a + (size_t)k0 * (size_t)lda + c0;
    __mmask16 columns = mask16(n - c0);
    if (k0 + 32 <= k) {
        for (int j = 0; j < 16; j++)
            w[j] = interleave(p + (size_t)(2 * j) * (size_t)lda,
                              p + (size_t)(2 * j + 1) * (size_t)lda, columns);
    } else {
        for (int j = 0; j < 16; j++) {
            int r = k0 + 2 * j;
            w[j] = interleave(r < k ? p + (size_t)(2 * j) * (size_t)lda : NULL,
                              r + 1 < k ? p + (size_t)(2 * j + 1) * (size_t)lda : NULL, columns);
        }
    }
}

void gemm_pack(act *packed, const act *b, int ldb, int k, int n) {
    int kp = round_up(k, 32), np = round_up(n, 32);
    for (int k0 = 0; k0 < kp; k0 += 32)
        for (int n0 = 0; n0 < np; n0 += 16) {
            __m512i w[16];
            act *tile = packed + (size_t)n0 * (size_t)kp + (size_t)k0 * 16;
            load_pairs(w, b, ldb, k0, k, n0, n);
            for (int j = 0; j < 16; j++)
                _mm512_storeu_si512(tile + 32 * j, w[j]);
        }
}

void gemm_pack_t(act *packed, const act *b, int ldb, int k, int n) {
    int kp = round_up(k, 32), np = round_up(n, 32);
    for (int n0 = 0; n0 < np; n0 += 16)
        for (int k0 = 0; k0 < kp; k0 += 32) {
            __m512i w[16];
            act *tile = packed + (size_t)n0 * (size_t)kp + (size_t)k0 * 16;
            const act *p = b + (size_t)n0 * (size_t)ldb + k0;
            int left = k - k0;
            __mmask32 columns = left >= 32 ? 0xffffffffu : (1u << left) - 1;
            for (int j = 0; j < 16; j++)
                w[j] = n0 + j < n ? _mm512_maskz_loadu_epi16(columns, p + (size_t)j * (size_t)ldb)
                                  : _mm512_setzero_si512();
            transpose16(w);
            for (int j = 0; j < 16; j++)
                _mm512_storeu_si512(tile + 32 * j, w[j]);
        }
}

GemmRows gemm_pack_rows_t(act *packed, const act *a, int lda, int k, int m) {
    int kp = round_up(k, 32), mp = round_up(m, 32);
    for (int k0 = 0; k0 < kp; k0 += 32)
        for (int m0 = 0; m0 < mp; m0 += 16) {
            __m512i w[16];
            act *tile = packed + (size_t)m0 * (size_t)kp + (size_t)k0 * 16;
            load_pairs(w, a, lda, k0, k, m0, m);
            transpose16(w);
            for (int j = 0; j < 16; j++)
                _mm512_storeu_si512(tile + 32 * j, w[j]);
        }
    return (GemmRows){packed, 32, TILE, (ptrdiff_t)kp * 16};
}

/* The next block of C is fetched while this one is computed: its 32 rows lie apart, no hardware
 * prefetcher sees them. */
static inline void prefetch_rows(const real *next, int ldc, int i, int kt) {
    int from = 32 * i / kt, to = 32 * (i + 1) / kt;
    for (int r = from; r < to; r++) {
        _mm_prefetch((const char *)(next + (size_t)r * (size_t)ldc), _MM_HINT_T0);
        _mm_prefetch((const char *)(next + (size_t)r * (size_t)ldc + 16), _MM_HINT_T0);
    }
}

/* up to 32 rows x 32 columns of C over kt tiles of k; next: the block of C that comes after */
static inline void block(int kt, const act *a, GemmRows g, bool two, const act *b,
                         ptrdiff_t b_panel, real *c, int ldc, const real *next, bool accumulate) {
    size_t sa = (size_t)g.row * 2, sc = (size_t)ldc * sizeof(real);
    const act *a1 = a + g.tile_m;
    real *c1 = c + (size_t)16 * (size_t)ldc;
    memory_barrier(c);
    if (accumulate) {
        _tile_loadd(0, c, sc);
        _tile_loadd(1, c + 16, sc);
        if (two) {
            _tile_loadd(2, c1, sc);
            _tile_loadd(3, c1 + 16, sc);
        }
    } else {
        _tile_zero(0);
        _tile_zero(1);
        _tile_zero(2);
        _tile_zero(3);
    }
    if (two) {
        for (int i = 0; i < kt; i++) {
            _tile_loadd(4, a + i * g.tile_k, sa);
            _tile_loadd(6, b + i * TILE, 64);
            _tile_loadd(7, b + b_panel + i * TILE, 64);
            _tile_dpbf16ps(0, 4, 6);
            _tile_dpbf16ps(1, 4, 7);
            _tile_loadd(5, a1 + i * g.tile_k, sa);
            _tile_dpbf16ps(2, 5, 6);
            _tile_dpbf16ps(3, 5, 7);
            prefetch_rows(next, ldc, i, kt);
        }
        _tile_stored(2, c1, sc);
        _tile_stored(3, c1 + 16, sc);
    } else {
        for (int i = 0; i < kt; i++) {
            _tile_loadd(4, a + i * g.tile_k, sa);
            _tile_loadd(6, b + i * TILE, 64);
            _tile_loadd(7, b + b_panel + i * TILE, 64);
            _tile_dpbf16ps(0, 4, 6);
            _tile_dpbf16ps(1, 4, 7);
        }
    }
    _tile_stored(0, c, sc);
    _tile_stored(1, c + 16, sc);
}

/* the last m % 32 rows go through a 32 x 32 buffer, so that nothing past C is touched */
static void edge(int m, int kt, const act *a, GemmRows g, const act *b, ptrdiff_t b_panel, real *c,
                 int ldc, bool accumulate) {
    real t[32 * 32] __attribute__((aligned(64)));
    if (accumulate)
        for (int i = 0; i < m; i++)
            memcpy(t + 32 * i, c + (size_t)i * (size_t)ldc, 32 * sizeof(real));
    block(kt, a, g, m > 16, b, b_panel, t, 32, t, accumulate);
    for (int i = 0; i < m; i++)
        memcpy(c + (size_t)i * (size_t)ldc, t + 32 * i, 32 * sizeof(real));
}

void gemm(int m, int n, int k, GemmRows a, const act *packed_b, real *c, int ldc, bool accumulate) {
    int tiles = round_up(k, 32) / 32;
    ptrdiff_t panel = (ptrdiff_t)tiles * TILE;
    for (int k0 = 0; k0 < tiles; k0 += K_BLOCK / 32) {
        int kt = tiles - k0 < K_BLOCK / 32 ? tiles - k0 : K_BLOCK / 32;
        bool add = accumulate || k0 > 0;
        /* Row blocks outside: neighbours in C then differ in cache set, and the rows of A stay in
         * the first-level cache. */
        for (int i = 0; i < m; i += 32) {
            const act *p = a.p + k0 * a.tile_k + (i / 16) * a.tile_m;
            real *o = c + (size_t)i * (size_t)ldc;
            for (int n0 = 0; n0 < n; n0 += 32) {
                const act *b = packed_b + (n0 / 16) * panel + (ptrdiff_t)k0 * TILE;
                if (i + 32 <= m)
                    block(kt, p, a, true, b, panel, o + n0, ldc,
                          n0 + 32 < n ? o + n0 + 32 : o + (size_t)32 * (size_t)ldc, add);
                else
                    edge(m - i, kt, p, a, b, panel, o + n0, ldc, add);
            }
        }
    }
}

#else /* portable */

bool gemm_init(void) {
    return true;
}
void gemm_thread_init(void) {
}
const char *gemm_name(void) {
    return sizeof(real) == 8 ? "portable f64" : "portable f32";
}

/* packed: panels of 16 columns, each round_up(k, 32) rows of 16 */
enum { PANEL = 16 };

static void put(act *packed, int kp, int row, int column, act x) {
    packed[(size_t)(column / PANEL) * (size_t)kp * PANEL + (size_t)row * PANEL +
           (size_t)(column % PANEL)] = x;
}

void gemm_pack(act *packed, const act *b, int ldb, int k, int n) {
    int kp = round_up(k, 32);
    memset(packed, 0, gemm_packed_size(k, n) * sizeof(act));
    for (int i = 0; i < k; i++)
        for (int j = 0; j < n; j++)
            put(packed, kp, i, j, b[(size_t)i * (size_t)ldb + (size_t)j]);
}

void gemm_pack_t(act *packed, const act *b, int ldb, int k, int n) {
    int kp = round_up(k, 32);
    memset(packed, 0, gemm_packed_size(k, n) * sizeof(act));
    for (int j = 0; j < n; j++)
        for (int i = 0; i < k; i++)
            put(packed, kp, i, j, b[(size_t)j * (size_t)ldb + (size_t)i]);
}

GemmRows gemm_pack_rows_t(act *packed, const act *a, int lda, int k, int m) {
    int kp = round_up(k, 32);
    memset(packed, 0, gemm_packed_size(m, k) * sizeof(act));
    for (int i = 0; i < k; i++)
        for (int j = 0; j < m; j++)
            packed[(size_t)j * (size_t)kp + (size_t)i] = a[(size_t)i * (size_t)lda + (size_t)j];
    return gemm_rows(packed, kp);
}

enum { PV = PANEL / LANES };

/* R rows x 16 columns of C */
static inline __attribute__((always_inline)) void panel_rows(const int R, int k, const act *a,
                                                             ptrdiff_t row, const act *b, real *c,
                                                             int ldc, bool accumulate) {
    vec s[8][PV];
    for (int r = 0; r < R; r++)
        for (int j = 0; j < PV; j++)
            s[r][j] = accumulate ? vec_load(c + (size_t)r * (size_t)ldc + j * LANES) : vec_set(0);
    for (int i = 0; i < k; i++)
        for (int j = 0; j < PV; j++) {
            vec w = vec_load(b + (size_t)i * PANEL + j * LANES);
            for (int r = 0; r < R; r++)
                s[r][j] += a[r * row + i] * w;
        }
    for (int r = 0; r < R; r++)
        for (int j = 0; j < PV; j++)
            vec_store(c + (size_t)r * (size_t)ldc + j * LANES, s[r][j]);
}

void gemm(int m, int n, int k, GemmRows a, const act *packed_b, real *c, int ldc, bool accumulate) {
    int kp = round_up(k, 32);
    for (int n0 = 0; n0 < n; n0 += PANEL) {
        const act *b = packed_b + (size_t)n0 * (size_t)kp;
        int i = 0;
        for (; i + 8 <= m; i += 8)
            panel_rows(8, k, a.p + i * a.row, a.row, b, c + (size_t)i * (size_t)ldc + n0, ldc,
                       accumulate);
        for (; i < m; i++)
            panel_rows(1, k, a.p + i * a.row, a.row, b, c + (size_t)i * (size_t)ldc + n0, ldc,
                       accumulate);
    }
}

#endif
