/* attention.h - grouped-query attention of many segments at once, forward and backward.
 *
 * Query-side rows are cut into jobs; the jobs of a set share a range of keys (the group's tool
 * rows) and each has keys of its own (the rows of its queries). Row i of a job sees all shared keys
 * and its own keys lo[i] .. hi[i]-1.
 *
 * Head-major layout of q and of all that belongs to it: [kv_heads][rows][rep][head_dim], of k and
 * v: [kv_heads][rows][head_dim].
 */
#ifndef THIMBLE_ATTENTION_H
#define THIMBLE_ATTENTION_H

#include "model.h"

typedef struct {
    int q0, rows; /* query-side rows */
    int k0, keys; /* own keys */
    size_t e; /* where its probabilities lie in Probabilities.own, per KV head after the other */
} Job;

typedef struct {
    int q0, rows; /* query-side rows of all its jobs, consecutive */
    int k0, keys; /* shared keys; may be none */
    int job0, jobs;
    size_t e; /* where its probabilities lie in Probabilities.shared */
} JobSet;

typedef struct {
    JobSet *sets;
    Job *jobs;
    int set_count, job_count;
    int *lo, *hi; /* per query-side row, relative to its job's k0 */
    int rep, kv_heads;
    size_t shared_size, own_size; /* of Probabilities, in act */
} Plan;

/* Building a plan: plan_make with room for so many rows and segments; then for each set plan_set,
 * and for each of its segments in row order plan_segment: `rows` rows that see `keys` keys from k0
 * (causal: row i sees i+1 of them). Small segments with adjoining keys become one job. */
void plan_make(Plan *p, Arena *a, const Config *c, int rows, int sets, int segments);
void plan_set(Plan *p, int q0, int k0, int keys);
void plan_segment(Plan *p, int rows, int k0, int keys, bool causal);
void plan_finish(Plan *p);

/* Softmax numerators exp(score - maximum), kept for the backward pass, and 1 / their sum
 * [kv_heads][rows][rep]. */
typedef struct {
    act *shared, *own;
    real *inverse;
} Probabilities;

/* out: row-major [rows][heads * head_dim]. q holds the factor 1/sqrt(head_dim). rows, keys: of q,
 * and of k and v. */
void attention_forward(const Plan *p, const Config *c, Arena *scratch, int rows, int keys,
                       const act *q, const act *k, const act *v, Probabilities *e, act *out);
/* d_out: head-major gradient of the output times `inverse`; delta: [kv_heads][rows][rep], the dot
 * product of d_out (so scaled) with the output. dq, dk, dv: head-major, each with room for 31 more
 * rows of head_dim at its end; dk and dv must be zero on entry. */
void attention_backward(const Plan *p, const Config *c, Arena *scratch, int rows, int keys,
                        const act *q, const act *k, const act *v, const Probabilities *e,
                        const act *d_out, const real *delta, real *dq, real *dk, real *dv);

#endif
