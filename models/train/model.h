/* model.h - the tensors of a thimble1 network (FORMAT.md 3, 4) as flat arrays, and the form in
 * which the passes read them.
 *
 * All weights, gradients and optimiser moments are arrays of model->size reals with the same
 * layout: tensor i at tensors[i].offset, row-major. `master` is what the optimiser changes; `value`
 * is what the network computes with (the master, or its fake-quantised image).
 *
 * Two factors are folded into the matrix next to them, so that the passes over tokens need not know
 * them: norm gain:  h W = xhat (diag(1+g) W)        gate:  sigmoid(g) (o Wo) = o (sigmoid(g) Wo)
 * Passes add up the gradient of the folded matrix W'; model_unfold turns that into those of W and
 * g.
 */
#ifndef THIMBLE_MODEL_H
#define THIMBLE_MODEL_H

#include <stdbool.h>
#include <stddef.h>

#include "gemm.h"
#include "util.h"

typedef struct {
    int vocab, d, heads, kv_heads, encoder_layers, decoder_layers;
    int head_dim, rep; /* d / heads; query heads per KV head */
    int kv_width;      /* kv_heads * head_dim */
    double rope_theta;
} Config;

enum { KINDS = 6, CASES = 3, MAX_POSITION = 4096 };

typedef enum {
    VECTOR,
    MATRIX,
    EMBEDDING
} TensorKind; /* MATRIX: Muon, INT4; EMBEDDING: AdamW, INT4 along rows; VECTOR: AdamW, as it is */

typedef struct {
    char name[96];
    int rows, columns, dims; /* dims: how many of them the file shows (1: columns only) */
    TensorKind kind;
    size_t offset, count;
} Tensor;

/* Tensor numbers of an attention block, and its packed matrices (right operands; _t: of the
 * transpose). */
typedef struct {
    bool cross;
    int norm, gate, wq, wk, wv, wo, q_norm, k_norm;
    act *q, *q_t;   /* d x d: diag(1+norm) Wq */
    act *kv, *kv_t; /* d x 2 kv_width: [Wk | Wv], with diag(1+norm) unless cross */
    act *o, *o_t;   /* d x d: sigmoid(gate) Wo */
} Block;

typedef struct {
    Config config;
    Tensor *tensors;
    int tensor_count;
    size_t size;
    int embedding, case_class, encoder_norm, decoder_norm, start, end, kind, pointer_q, pointer_k;
    Block *encoder, *self, *cross;          /* encoder_layers; decoder_layers each */
    act *pointer_q_pack, *pointer_q_pack_t; /* diag(1+decoder_norm) pointer.wq */
    act *pointer_k_pack, *pointer_k_pack_t;
    real *master, *value;
    real *rope_cos, *rope_sin; /* [MAX_POSITION][head_dim / 2] */
} Model;

/* Builds the tables; weights are zero. Fails on sizes the trainer cannot do (d and head_dim
 * multiples of 32). */
void model_make(Model *m, Config c);
static inline real *model_value(const Model *m, int tensor) {
    return m->value + m->tensors[tensor].offset;
}

/* Computes `value` of one tensor from its master. Call for all tensors after loading; with quantise
 * they become what the weight file will hold. Rows: of the tensor, so that a large one can be
 * shared among threads. */
void model_set_value(Model *m, int tensor, int row0, int rows, bool quantise);
/* Folds and packs the matrices of job 0 .. model_pack_jobs()-1 from `value`. Needs an arena for
 * scratch. */
int model_pack_jobs(const Model *m);
void model_pack(Model *m, int job, Arena *scratch);
/* Turns gradients of folded matrices into those of the tensors, in place; job numbers as for
 * model_pack. */
void model_unfold(const Model *m, int job, real *gradient);

#endif
