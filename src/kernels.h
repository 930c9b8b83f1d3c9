/* kernels.h - the arithmetic of the network: one table of functions per instruction set.
 *
 * Every table gives the same bits as the reference in kernels_c.c (FORMAT.md section 5):
 *   - a sum over a vector runs in 8 lanes, lane i taking elements i, i+8, ...; the lanes are then
 *     added as ((0+4)+(2+6)) + ((1+5)+(3+7));
 *   - no product is fused into an addition: build with -ffp-contract=off, never -ffast-math;
 *   - integer dots are exact, so their order is free.
 * Kernels trust their arguments: sizes and ranges are checked where they enter (weights, model).
 *
 *     tb_kernels_select   best table for this CPU, or a named weaker one
 *     tb_int4_pack        a matrix from the weight file -> the layout that the kernels read
 */
#ifndef THIMBLE_KERNELS_H
#define THIMBLE_KERNELS_H

#include "base.h"

enum {
    TB_GROUP = 32,      /* input rows that share one scale */
    TB_TILE = 16,       /* output columns packed together */
    TB_LANES = 8,       /* lanes of a float sum */
    TB_MAX_INPUTS = 8192 /* rows of a matrix: keeps every integer dot far inside int32 */
};

/* W (in, out) of y = x W, 4 bits per weight, packed for the kernels.
 * `codes`: (out/16 tiles, in/8 blocks, 16 columns, 4 bytes). Byte j of a column holds input row
 * 8*block + j in its low nibble and row 8*block + 4 + j in its high one, as code + 8 (1..15; 8 is zero).
 * 64 bytes of a block are one AVX-512, two AVX2 or four wasm registers, and four neighbouring bytes
 * meet four neighbouring activations in one lane of a dot-product instruction.
 * `scales`: (tiles, in/32 groups, 16 columns). Columns past `out` are code 8, scale 0. */
typedef struct {
    const uint8_t *codes; /* 64-byte aligned */
    const float *scales;  /* 64-byte aligned */
    uint32_t in;          /* multiple of 32, at most TB_MAX_INPUTS */
    uint32_t out;
} tb_int4;

/* Rows rounded to INT8: x (rows, n) is about codes * scale. */
typedef struct {
    int8_t *codes; /* (rows, n), -127..127 */
    int32_t *sums; /* (rows, n/32): sum of the codes of each group */
    float *scales; /* (rows) */
} tb_int8;

typedef struct {
    const char *name;

    /* s = max|x| / 127; code = round-half-even(x / s), clipped to -127..127; all 0 where s is 0.
     * x (rows, n) contiguous, n a multiple of 32. */
    void (*quantise)(const float *x, size_t rows, size_t n, const tb_int8 *out);

    /* y (rows, out) = x W in integers: per group of 32 inputs an exact dot, to float, times the
     * group's scale, added in group order; at the end times the row's scale. */
    void (*matmul_fast)(const tb_int4 *w, const tb_int8 *x, size_t rows, float *y);

    /* y (rows, out) = x (rows, in) W in floats: x[k] * (code * scale) added in order of k. */
    void (*matmul_exact)(const tb_int4 *w, const float *x, size_t rows, float *y);

    /* y_j = (gain_j * x_j) / sqrt(sum(x^2) / n + 1e-6) for each of `rows` rows; n a multiple of 8.
     * y may be x. gain is 1 + gamma. */
    void (*norm)(const float *x, const float *gain, size_t rows, size_t n, float *y);

    /* out[i*stride + j] = (q_i . key_j) * scale. q (queries, n), keys (count, n); n a multiple of 8. */
    void (*scores)(const float *q, size_t queries, const float *keys, size_t count, size_t n,
                   float scale, float *out, size_t stride);

    /* x_j <- exp(x_j - max x); returns the sum, in 8 lanes. n > 0. */
    float (*softmax)(float *x, size_t n);

    /* out (queries, n) += sum_j p[i*stride + j] * value_j in order of j. values (count, n); n a
     * multiple of 8. */
    void (*mix)(const float *p, size_t stride, size_t queries, const float *values, size_t count,
                size_t n, float *out);

    /* out[j] = x . row_j of a bfloat16 table (count, n), unaligned little-endian; n a multiple of 8. */
    void (*dots_bf16)(const float *x, const uint8_t *table, size_t count, size_t n, float *out);

    /* out (n) = x (n), bfloat16 in the order of this machine's integers. */
    void (*widen)(const uint16_t *x, size_t n, float *out);
} tb_kernels;

/* The table called `name` ("c", "avx2", "avx512", "simd128", "relaxed"), or with NULL the fastest
 * that this build holds and this CPU runs. A table that cannot run here is E_OPTION. */
const tb_kernels *tb_kernels_select(const char *name, tb_error *err);

/* Number of tables that can run here, and the i-th of them, fastest first. */
size_t tb_kernels_count(void);
const tb_kernels *tb_kernels_at(size_t i);

/* Bytes of `codes` and floats of `scales` for an (in, out) matrix; sizes already checked. */
size_t tb_int4_code_bytes(size_t in, size_t out);
size_t tb_int4_scale_floats(size_t in, size_t out);

/* Repacks a matrix from the file's layout (FORMAT.md section 4): byte p*out + o of `file` holds rows
 * 2p (low) and 2p + 1 (high) of column o, two's complement; `file_scales` (in/32, out). */
void tb_int4_pack(const uint8_t *file, const float *file_scales, size_t in, size_t out,
                  uint8_t *codes, float *scales);

/* One table per file; NULL where the file was compiled without its instruction set. */
const tb_kernels *tb_kernels_c(void);
const tb_kernels *tb_kernels_avx2(void);
const tb_kernels *tb_kernels_avx512(void);
const tb_kernels *tb_kernels_simd128(void);
const tb_kernels *tb_kernels_relaxed(void);

#endif
