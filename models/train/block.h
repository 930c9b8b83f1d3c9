/* block.h - one attention block: x += sigmoid(gate) Attention(norm(x)), forward and backward over
 * all rows of a unit. */
#ifndef THIMBLE_BLOCK_H
#define THIMBLE_BLOCK_H

#include "attention.h"

/* Where a block's rows and keys come from. Self-attention: source is null, keys are the rows
 * themselves. */
typedef struct {
    const Plan *plan;
    int rows;
    const int *positions; /* for RoPE, per row; null in cross-attention */
    const act *source;    /* cross-attention: final-normed encoder states [source_rows][d] */
    int source_rows;
    double dropout; /* see Noise */
    uint64_t seed;  /* of this block's dropout */
} BlockInput;

/* What the forward pass keeps for the backward pass; lies in the arena. */
typedef struct {
    act *xhat, *q_hat, *k_hat, *q, *k, *v, *out;
    real *inverse, *q_inverse, *k_inverse;
    Probabilities e;
} BlockState;

void block_forward(const Model *m, const Block *b, const BlockInput *in, Arena *a, real *x,
                   BlockState *s);
/* dx: gradient of the block's output, becomes that of its input. d_source: added to (cross only).
 * gradient: flat, added to; those of matrices are of the folded ones (model.h). */
void block_backward(const Model *m, const Block *b, const BlockInput *in, Arena *a,
                    const BlockState *s, real *gradient, real *dx, real *d_source);

#endif
