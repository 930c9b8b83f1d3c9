/* muon.h - the two update rules, each on one tensor or a part of it. */
#ifndef THIMBLE_MUON_H
#define THIMBLE_MUON_H

#include "model.h"

/* w[rows][columns] -= rate * scale * orthogonal(nesterov(momentum, clip * g)), after w *= 1 - rate
 * * decay; scale = sqrt(max(1, columns / rows)). Dimensions are multiples of 32. */
void muon_update(Arena *scratch, int rows, int columns, real *w, real *momentum, const real *g,
                 double clip, double rate, double decay);

/* Adam, betas 0.9 and 0.98, bias-corrected for step number `step` (from 1). n need not be a
 * multiple of anything. */
void adam_update(size_t n, real *w, real *momentum, real *square, const real *g, double clip,
                 double rate, long step);

#endif
