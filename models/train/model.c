/* model.c - see model.h. */
#include "model.h"

#include <stdio.h>

#include "quant.h"

static int add_tensor(Model *m, const char *prefix, const char *name, int rows, int columns,
                      int dims, TensorKind kind) {
    m->tensors = resize_memory(m->tensors, (size_t)(m->tensor_count + 1) * sizeof *m->tensors);
    Tensor *t = &m->tensors[m->tensor_count];
    *t = (Tensor){.rows = rows,
                  .columns = columns,
                  .dims = dims,
                  .kind = kind,
                  .offset = m->size,
                  .count = (size_t)rows * (size_t)columns};
    snprintf(t->name, sizeof t->name, "%s%s", prefix, name);
    m->size += (t->count + 15) & ~(size_t)15;
    return m->tensor_count++;
}

/* layer: "encoder.0."; attention: "self_attn" or "cross_attn"; norm: name of the block's norm */
static Block add_block(Model *m, const char *layer, const char *attention, const char *norm,
                       bool cross) {
    const Config *c = &m->config;
    char gate[32], inner[64];
    snprintf(gate, sizeof gate, "%s_gate", attention);
    snprintf(inner, sizeof inner, "%s%s.", layer, attention);
    Block b = {.cross = cross};
    b.norm = add_tensor(m, layer, norm, 1, c->d, 1, VECTOR);
    b.gate = add_tensor(m, layer, gate, 1, 1, 1, VECTOR);
    b.wq = add_tensor(m, inner, "wq", c->d, c->d, 2, MATRIX);
    b.wk = add_tensor(m, inner, "wk", c->d, c->kv_width, 2, MATRIX);
    b.wv = add_tensor(m, inner, "wv", c->d, c->kv_width, 2, MATRIX);
    b.wo = add_tensor(m, inner, "wo", c->d, c->d, 2, MATRIX);
    b.q_norm = add_tensor(m, inner, "q_norm", 1, c->head_dim, 1, VECTOR);
    b.k_norm = add_tensor(m, inner, "k_norm", 1, c->head_dim, 1, VECTOR);
    return b;
}

static void make_packs(const Config *c, Arena *a, Block *b) {
    b->q = arena_acts(a, gemm_packed_size(c->d, c->d));
    b->q_t = arena_acts(a, gemm_packed_size(c->d, c->d));
    b->kv = arena_acts(a, gemm_packed_size(c->d, 2 * c->kv_width));
    b->kv_t = arena_acts(a, gemm_packed_size(2 * c->kv_width, c->d));
    b->o = arena_acts(a, gemm_packed_size(c->d, c->d));
    b->o_t = arena_acts(a, gemm_packed_size(c->d, c->d));
}

/* all packed matrices, as many bytes as model_make takes below */
static size_t pack_bytes(const Config *c) {
    size_t square = gemm_packed_size(c->d, c->d), wide = gemm_packed_size(c->d, 2 * c->kv_width);
    return sizeof(act) *
               ((size_t)(c->encoder_layers + 2 * c->decoder_layers) * (4 * square + 2 * wide) +
                4 * square) +
           4096;
}

static void check_config(const Config *c) {
    if (c->vocab < 1 || c->vocab > 65536 || c->d < 32 || c->d > 4096 || c->heads < 1 ||
        c->heads > 256 || c->kv_heads < 1 || c->encoder_layers < 1 || c->encoder_layers > 64 ||
        c->decoder_layers < 1 || c->decoder_layers > 64)
        fail("model sizes out of range: vocab %d, d %d, heads %d/%d, layers %d+%d", c->vocab, c->d,
             c->heads, c->kv_heads, c->encoder_layers, c->decoder_layers);
    if (c->d % c->heads || c->heads % c->kv_heads || c->d / c->heads % 32 || c->d / c->heads > 256)
        fail("heads %d/%d do not fit d %d: the head width must be a multiple of 32, at most 256",
             c->heads, c->kv_heads, c->d);
}

void model_make(Model *m, Config c) {
    check_config(&c);
    c.head_dim = c.d / c.heads;
    c.rep = c.heads / c.kv_heads;
    c.kv_width = c.kv_heads * c.head_dim;
    *m = (Model){.config = c};
    Arena packs = arena_make(pack_bytes(&c));
    m->encoder = get_memory((size_t)c.encoder_layers * sizeof(Block));
    m->self = get_memory((size_t)c.decoder_layers * sizeof(Block));
    m->cross = get_memory((size_t)c.decoder_layers * sizeof(Block));
    m->embedding = add_tensor(m, "", "embedding", c.vocab, c.d, 2, EMBEDDING);
    m->case_class = add_tensor(m, "", "case", CASES, c.d, 2, VECTOR);
    char layer[32];
    for (int i = 0; i < c.encoder_layers; i++) {
        snprintf(layer, sizeof layer, "encoder.%d.", i);
        m->encoder[i] = add_block(m, layer, "self_attn", "norm", false);
        make_packs(&c, &packs, &m->encoder[i]);
    }
    for (int i = 0; i < c.decoder_layers; i++) {
        snprintf(layer, sizeof layer, "decoder.%d.", i);
        m->self[i] = add_block(m, layer, "self_attn", "self_attn_norm", false);
        m->cross[i] = add_block(m, layer, "cross_attn", "cross_attn_norm", true);
        make_packs(&c, &packs, &m->self[i]);
        make_packs(&c, &packs, &m->cross[i]);
    }
    m->encoder_norm = add_tensor(m, "", "encoder_final_norm", 1, c.d, 1, VECTOR);
    m->decoder_norm = add_tensor(m, "", "decoder_final_norm", 1, c.d, 1, VECTOR);
    m->start = add_tensor(m, "pointer.", "start", 1, c.d, 1, VECTOR);
    m->end = add_tensor(m, "pointer.", "end", 1, c.d, 1, VECTOR);
    m->kind = add_tensor(m, "pointer.", "kind", KINDS, c.d, 2, VECTOR);
    m->pointer_q = add_tensor(m, "pointer.", "wq", c.d, c.d, 2, MATRIX);
    m->pointer_k = add_tensor(m, "pointer.", "wk", c.d, c.d, 2, MATRIX);
    m->pointer_q_pack = arena_acts(&packs, gemm_packed_size(c.d, c.d));
    m->pointer_q_pack_t = arena_acts(&packs, gemm_packed_size(c.d, c.d));
    m->pointer_k_pack = arena_acts(&packs, gemm_packed_size(c.d, c.d));
    m->pointer_k_pack_t = arena_acts(&packs, gemm_packed_size(c.d, c.d));

    Arena a = arena_make(2 * m->size * sizeof(real) + 128);
    m->master = arena_reals(&a, m->size);
    m->value = arena_reals(&a, m->size);
    size_t half = (size_t)c.head_dim / 2;
    m->rope_cos = get_memory(MAX_POSITION * half * sizeof(real));
    m->rope_sin = get_memory(MAX_POSITION * half * sizeof(real));
    for (size_t p = 0; p < MAX_POSITION; p++)
        for (size_t i = 0; i < half; i++) {
            double angle = (double)p * pow(c.rope_theta, -2.0 * (double)i / c.head_dim);
            m->rope_cos[p * half + i] = (real)cos(angle);
            m->rope_sin[p * half + i] = (real)sin(angle);
        }
}

void model_set_value(Model *m, int tensor, int row0, int rows, bool quantise) {
    const Tensor *t = &m->tensors[tensor];
    size_t at = t->offset + (size_t)row0 * (size_t)t->columns;
    if (quantise && t->kind == MATRIX && (row0 % 32 || (rows % 32 && row0 + rows != t->rows)))
        fail("matrix rows must come in groups of 32");
    if (quantise && t->kind == MATRIX)
        fake_int4(m->master + at, m->value + at, rows, t->columns);
    else if (quantise && t->kind == EMBEDDING)
        fake_int4_rows(m->master + at, m->value + at, rows, t->columns);
    else
        memcpy(m->value + at, m->master + at, (size_t)rows * (size_t)t->columns * sizeof(real));
}

int model_pack_jobs(const Model *m) {
    return m->config.encoder_layers + 2 * m->config.decoder_layers + 2;
}

static Block *block_of(const Model *m, int job) {
    const Config *c = &m->config;
    if (job < c->encoder_layers)
        return &m->encoder[job];
    job -= c->encoder_layers;
    if (job < c->decoder_layers)
        return &m->self[job];
    job -= c->decoder_layers;
    return job < c->decoder_layers ? &m->cross[job] : NULL;
}

static real sigmoid(real x) {
    return (real)(1 / (1 + exp(-(double)x)));
}

/* out[:, at..] = factor diag(1+gain) w; gain may be null */
static void fold(act *out, int ld, int at, const Model *m, int tensor, const real *gain,
                 real factor) {
    const Tensor *t = &m->tensors[tensor];
    const real *w = model_value(m, tensor);
    for (int i = 0; i < t->rows; i++) {
        vec f = vec_set(gain ? factor * (1 + gain[i]) : factor);
        for (int j = 0; j < t->columns; j += LANES)
            act_store(out + (size_t)i * (size_t)ld + at + j,
                      f * vec_load(w + (size_t)i * (size_t)t->columns + j));
    }
}

void model_pack(Model *m, int job, Arena *scratch) {
    const Config *c = &m->config;
    int d = c->d, kvw = c->kv_width;
    size_t mark = scratch->used;
    act *w = arena_acts(scratch, (size_t)d * (size_t)(d > 2 * kvw ? d : 2 * kvw));
    Block *b = block_of(m, job);
    if (b) {
        const real *gain = model_value(m, b->norm);
        fold(w, d, 0, m, b->wq, gain, 1);
        gemm_pack(b->q, w, d, d, d);
        gemm_pack_t(b->q_t, w, d, d, d);
        fold(w, 2 * kvw, 0, m, b->wk, b->cross ? NULL : gain, 1);
        fold(w, 2 * kvw, kvw, m, b->wv, b->cross ? NULL : gain, 1);
        gemm_pack(b->kv, w, 2 * kvw, d, 2 * kvw);
        gemm_pack_t(b->kv_t, w, 2 * kvw, 2 * kvw, d);
        fold(w, d, 0, m, b->wo, NULL, sigmoid(*model_value(m, b->gate)));
        gemm_pack(b->o, w, d, d, d);
        gemm_pack_t(b->o_t, w, d, d, d);
    } else {
        bool query = job == model_pack_jobs(m) - 2;
        fold(w, d, 0, m, query ? m->pointer_q : m->pointer_k,
             query ? model_value(m, m->decoder_norm) : NULL, 1);
        gemm_pack(query ? m->pointer_q_pack : m->pointer_k_pack, w, d, d, d);
        gemm_pack_t(query ? m->pointer_q_pack_t : m->pointer_k_pack_t, w, d, d, d);
    }
    scratch->used = mark;
}

/* W' = diag(1+g) W:  dg_i += sum_j dW'_ij W_ij,  dW = diag(1+g) dW' */
static void unfold_gain(const Model *m, real *gradient, int tensor, int norm) {
    const Tensor *t = &m->tensors[tensor];
    const real *w = model_value(m, tensor), *gain = model_value(m, norm);
    real *dw = gradient + t->offset, *dg = gradient + m->tensors[norm].offset;
    for (int i = 0; i < t->rows; i++) {
        vec s = vec_set(0), f = vec_set(1 + gain[i]);
        for (int j = 0; j < t->columns; j += LANES) {
            real *p = dw + (size_t)i * (size_t)t->columns + j;
            vec x = vec_load(p);
            s += x * vec_load(w + (size_t)i * (size_t)t->columns + j);
            vec_store(p, f * x);
        }
        dg[i] += vec_sum(s);
    }
}

/* W' = s W, s = sigmoid(g):  dg += s (1-s) sum dW' W,  dW = s dW' */
static void unfold_gate(const Model *m, real *gradient, int tensor, int gate) {
    const Tensor *t = &m->tensors[tensor];
    const real *w = model_value(m, tensor);
    real *dw = gradient + t->offset, s = sigmoid(*model_value(m, gate)), sum = 0;
    for (int i = 0; i < t->rows; i++) {
        vec row = vec_set(0);
        for (int j = 0; j < t->columns; j += LANES) {
            real *p = dw + (size_t)i * (size_t)t->columns + j;
            vec x = vec_load(p);
            row += x * vec_load(w + (size_t)i * (size_t)t->columns + j);
            vec_store(p, s * x);
        }
        sum += vec_sum(row);
    }
    gradient[m->tensors[gate].offset] += s * (1 - s) * sum;
}

void model_unfold(const Model *m, int job, real *gradient) {
    const Block *b = block_of(m, job);
    if (b) {
        unfold_gain(m, gradient, b->wq, b->norm);
        if (!b->cross) {
            unfold_gain(m, gradient, b->wk, b->norm);
            unfold_gain(m, gradient, b->wv, b->norm);
        }
        unfold_gate(m, gradient, b->wo, b->gate);
    } else if (job == model_pack_jobs(m) - 2) {
        unfold_gain(m, gradient, m->pointer_q, m->decoder_norm);
    }
}
