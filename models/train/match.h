/* match.h - finding tools unseen: the loss of a unit's matches (unit.h). */
#ifndef THIMBLE_MATCH_H
#define THIMBLE_MATCH_H

#include "network.h"
#include "unit.h"

/* Each match is scored against the first row of every tool of the unit, the other groups' too (one that
 * stands in several groups is one tool):
 *     loss = logsumexp(all) - logsumexp(those that the query calls)
 * query: [decisions, then matches][d]; key: [rows][d]. Adds to the tally, and with d_query and d_key to the
 * gradients there. */
void match_loss(const Model *m, Arena *a, const Unit *u, const real *query, const real *key,
                const PassOptions *options, real *d_query, real *d_key, Tally *tally);

#endif
