/* network.h - the whole network over a unit of work: several groups at once, forward, loss,
 * backward. */
#ifndef THIMBLE_NETWORK_H
#define THIMBLE_NETWORK_H

#include <stdio.h>

#include "data.h"
#include "model.h"
#include "noise.h"

typedef struct {
    double loss, weight;   /* sum of weight * cross-entropy, and of weight */
    double z;              /* sum of weight * logsumexp^2; not in loss */
    long decisions, right; /* trained decisions: more than one allowed position and weight > 0 */
    long queries, whole;   /* queries with a trained decision; those with all of them right */
    long examples;         /* all queries */
    double match_loss;     /* sum of cross-entropies of matches; not in loss */
    long matches, match_right;
} Tally;

static inline void tally_add(Tally *t, const Tally *o) {
    t->loss += o->loss;
    t->weight += o->weight;
    t->z += o->z;
    t->decisions += o->decisions;
    t->right += o->right;
    t->queries += o->queries;
    t->whole += o->whole;
    t->examples += o->examples;
    t->match_loss += o->match_loss;
    t->matches += o->matches;
    t->match_right += o->match_right;
}

typedef struct {
    double loss_scale; /* gradients are those of loss * loss_scale */
    double z_loss;     /* adds z_loss * weight * logsumexp^2 */
    double match_weight; /* adds match_weight * match_loss; 0: no matches are made */
    real *gradient;    /* flat, added to, folded form (model.h); null: forward only */
    const Noise *noise; /* null: tokens as they are */
    FILE *dump; /* scores of all decisions over their allowed positions, as f32 in file order; null:
                   none */
} PassOptions;

/* Sum of weights of a group's trained decisions. */
double group_weight(const Group *g);
/* Teacher-forced pass over `count` groups. The arena is emptied first. Returns what was counted. */
Tally network_pass(const Model *m, Arena *a, const Group *const *groups, int count,
                   const PassOptions *options);

#endif
