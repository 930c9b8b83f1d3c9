/* gemm.h - matrix products C (+)= A B with one interface and two implementations: AMX tiles in bf16
 * with f32 sums, or plain vector code in `real` where AMX is absent.
 *
 * B is packed beforehand (weights once per step, activations per use). A is read where it lies
 * (row-major), or from a packed transpose. Packed sizes round every dimension up to 32 and fill
 * with zeros.
 *
 * Rules: n and k of gemm() are multiples of 32, except that k may be any number if A's columns k ..
 * round_up(k, 32)-1 are zero. A must be readable up to 31 rows past its end (what is there does not
 * matter). ldc >= n.
 */
#ifndef THIMBLE_GEMM_H
#define THIMBLE_GEMM_H

#include <stdbool.h>
#include <stddef.h>

#include "vec.h"

/* Left operand. Make it with gemm_rows or gemm_pack_rows_t. */
typedef struct {
    const act *p;
    ptrdiff_t row, tile_k, tile_m; /* distance in elements of: one row, 32 columns, 16 rows */
} GemmRows;

/* Asks the system for AMX. False: the processor or the system refuses; build with NO_AMX=1. Call
 * once per process. */
bool gemm_init(void);
/* To be called once on every thread that multiplies. */
void gemm_thread_init(void);
/* "AMX bf16" or "portable" */
const char *gemm_name(void);

/* Number of act that a packed k x n matrix takes. */
static inline size_t gemm_packed_size(int k, int n) {
    return (size_t)round_up(k, 32) * (size_t)round_up(n, 32);
}
/* Columns n0.. (multiple of 32) of a packed B with k rows. */
static inline act *gemm_slice(act *packed, int k, int n0) {
    return packed + (size_t)round_up(k, 32) * (size_t)n0;
}

/* B[k][n], row-major with stride ldb */
void gemm_pack(act *packed, const act *b, int ldb, int k, int n);
/* the same B given as its transpose [n][k] */
void gemm_pack_t(act *packed, const act *b, int ldb, int k, int n);

/* A[m][k] row-major */
static inline GemmRows gemm_rows(const act *a, int lda) {
    return (GemmRows){a, lda, 32, (ptrdiff_t)16 * lda};
}
/* A[m][k] given as its transpose [k][m], copied into `packed` (gemm_packed_size(m, k)). */
GemmRows gemm_pack_rows_t(act *packed, const act *a, int lda, int k, int m);
/* The same operand from its row m0 (multiple of 16) on. */
static inline GemmRows gemm_rows_from(GemmRows a, int m0) {
    a.p += a.tile_m * (m0 / 16);
    return a;
}

/* C[m][n] = A[m][k] B[k][n], or += with accumulate. */
void gemm(int m, int n, int k, GemmRows a, const act *packed_b, real *c, int ldc, bool accumulate);

#endif
