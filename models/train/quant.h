/* quant.h - fake quantisation for quantisation-aware training: what the weight file will hold, as
 * reals (FORMAT.md 4). */
#ifndef THIMBLE_QUANT_H
#define THIMBLE_QUANT_H

#include "vec.h"

/* INT4 in groups of 32 rows per column of w[rows][columns]: scale = f16(max|w| / 7), at least
 * 2^-14; codes -7..7. */
void fake_int4(const real *w, real *out, int rows, int columns);
/* The same with groups of 32 columns of a row: the embedding. */
void fake_int4_rows(const real *w, real *out, int rows, int columns);

#endif
