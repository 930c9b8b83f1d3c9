/* heads.h - what happens to rows between matrix products: RMS norms, and the way from a
 * projection's row-major output to normed, rotated heads and back. */
#ifndef THIMBLE_HEADS_H
#define THIMBLE_HEADS_H

#include "model.h"

/* xhat = x / rms(x), inverse = 1 / rms(x), rms = sqrt(mean x^2 + 1e-6); n rows of width d. The gain
 * is not applied. */
void norm_forward(const real *x, int n, int d, act *xhat, real *inverse);
/* dx += gradient through the norm, given that of xhat */
void norm_backward(const real *d_xhat, const act *xhat, const real *inverse, int n, int d,
                   real *dx);

/* The query or the key heads of a projection. */
typedef struct {
    int kv_heads, rep; /* rep: 1 for keys */
    int head_dim;
    int total;        /* rows of the whole head-major array [kv_heads][total][rep][head_dim] */
    const real *gain; /* [head_dim], without the +1 */
    const real *cos, *sin;
    const int *positions; /* per row; null: no rotation */
    real scale;           /* factor on the result */
} Heads;

/* Rows row0..row0+n-1: raw (row-major, stride ld, first of these rows) -> hat = head / rms
 * (row-major, stride kv_heads*rep*head_dim, whole array), inverse [row][head] (whole array), out
 * (head-major, whole array). */
void heads_forward(const Heads *h, const real *raw, int ld, int row0, int n, act *hat,
                   real *inverse, act *out);
/* d_out (head-major, whole array) -> d_raw (row-major, stride ld, whole array); d_gain [head_dim]
 * is added to. */
void heads_backward(const Heads *h, const real *d_out, const act *hat, const real *inverse,
                    act *d_raw, int ld, real *d_gain);

#endif
