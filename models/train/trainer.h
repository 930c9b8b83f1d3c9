/* trainer.h - model, optimiser and threads together: the gradient of a batch, and the step that
 * follows.
 *
 * Optimiser: Muon for matrices (Nesterov momentum first, then orthogonalisation by five
 * Newton-Schulz steps; decoupled weight decay), Adam for everything else. The gradient is clipped
 * to a global norm of `clip`.
 */
#ifndef THIMBLE_TRAINER_H
#define THIMBLE_TRAINER_H

#include "network.h"
#include "pool.h"

typedef struct {
    double adam_rate, muon_rate, weight_decay, clip, z_loss;
    double match_weight;   /* see PassOptions */
    double embedding_rate; /* of Adam, for the embedding: small keeps the word vectors it starts
                              from */
    double embedding_pull; /* every step moves the embedding by this part, times `factor`, towards: */
    const real *anchor;    /* word vectors [vocab][d]; null: no pull */
    Noise noise; /* its seed is set for every unit */
    int unit_rows; /* encoder rows worked on at a time; more are faster per row but need more cache
                    */
} Settings;

typedef struct {
    Model *model;
    Pool *pool;
    Settings settings;
    real *momentum, *square; /* flat; square only where Adam works */
    real **gradients;        /* per worker; sums end up in the first */
    Arena *arenas;           /* per worker */
    bool quantise;
    long step; /* steps done */
} Trainer;

/* The model must outlive the trainer. Weights must be in model->master; values are computed here.
 */
void trainer_make(Trainer *t, Model *m, int threads, Settings s);
/* Recomputes values and packs from the masters, from now on quantised or not. */
void trainer_refresh(Trainer *t, bool quantise);
/* Forward only; groups in any number. */
Tally trainer_evaluate(Trainer *t, const Group *const *groups, int count);
/* Loss and gradient of a batch: sum(w CE) / sum(w) into gradients[0], unfolded. Returns the tally.
 */
Tally trainer_gradient(Trainer *t, const Group *const *groups, int count);
/* Euclidean norm of gradients[0]; -1 if it holds anything that is not finite. */
double trainer_norm(Trainer *t);
/* One optimiser step from gradients[0] (cleared after): factor multiplies both learning rates. */
void trainer_step(Trainer *t, double norm, double factor);
/* Throws the gradient away. */
void trainer_drop(Trainer *t);

#endif
