/* pointer.h - scores of the allowed positions, loss, and their gradients. */
#ifndef THIMBLE_POINTER_H
#define THIMBLE_POINTER_H

#include "network.h"
#include "unit.h"

/* query: [decisions][d], key: [rows][d] (projected decoder and encoder states). With d_query and
 * d_key (zero on entry) also the gradients, and that of pointer.end into options->gradient. */
Tally pointer_loss(const Model *m, Arena *a, const Unit *u, const real *query, const real *key,
                   const PassOptions *options, real *d_query, real *d_key);

#endif
