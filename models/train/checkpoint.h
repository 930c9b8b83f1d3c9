/* checkpoint.h - what training reads to begin, and writes to go on.
 *
 * FILE holds the weights (FORMAT.md 4, F32): what evaluation and export read. FILE.opt holds
 * everything needed to go on exactly: weights, optimiser moments, counters, place in the data. Each
 * is replaced as a whole; resuming reads only FILE.opt, so the two need not match after a crash.
 */
#ifndef THIMBLE_CHECKPOINT_H
#define THIMBLE_CHECKPOINT_H

#include "trainer.h"

typedef struct {
    char name[200];     /* of the model; as in the JSON */
    long base_examples; /* that the initial weights had seen */
    long examples;      /* of this run: queries */
    uint64_t seed;
    long epoch;          /* place in the data (data.h) */
    size_t next, groups; /* groups: how many the data had */
} Progress;

/* Makes the model from a checkpoint's metadata and fills its masters. */
void checkpoint_load(const char *path, Model *m, Progress *p);
/* Also momenta and counters, from PATH.opt into a trainer of that model. */
void checkpoint_load_model_to_resume(const char *path, Model *m, Progress *p);
void checkpoint_resume(const char *path, Trainer *t);
/* Writes PATH and PATH.opt. */
void checkpoint_save(const char *path, const Trainer *t, const Progress *p);

#endif
