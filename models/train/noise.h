/* noise.h - what training does to tokens so that the model does not learn templates by heart: words of
 * every other query are hidden or replaced by synonyms, and synonyms are put into every other tool. */
#ifndef THIMBLE_NOISE_H
#define THIMBLE_NOISE_H

#include <stdint.h>

#include "vec.h"

/* ids[first[t] .. first[t + 1]) may stand for token t. */
typedef struct {
    int *first; /* (vocab + 1) */
    int *ids;
} Synonyms;

/* Reads lines `id other other ...` (data/synonyms.py --ids); fails on an id that is not below vocab. */
Synonyms synonyms_read(const char *path, int vocab);

typedef struct {
    double dropout;           /* part of the numbers that attention hands on set to 0, the others scaled up */
    double drop;              /* part of a noisy query's words read as <unk> */
    double swap;              /* part of the words that have synonyms, in noisy queries and tools */
    const Synonyms *synonyms; /* null: none */
    uint64_t seed;            /* the same draws for the same seed */
} Noise;

/* tokens: id | class << 16, segments beginning with <tool> or <query>. */
/* The factors of one row of `width` (a multiple of LANES) numbers: 0 with probability `part`, else 1 / (1 - part);
 * the same for the same seed and row. */
void noise_mask(double part, uint64_t seed, int row, real *mask, int width);

void noise_apply(const Noise *n, int32_t *tokens, int rows);

#endif
