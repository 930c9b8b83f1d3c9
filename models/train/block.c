/* block.c - see block.h. Rows go through projections in strips, so that f32 intermediates stay in
 * cache. */
#include "block.h"

#include "heads.h"
#include "noise.h"

enum { STRIP = 128 };

static int strip(int row, int rows) {
    return rows - row < STRIP ? rows - row : STRIP;
}

static Heads query_heads(const Model *m, const Block *b, const BlockInput *in) {
    const Config *c = &m->config;
    return (Heads){c->kv_heads,
                   c->rep,
                   c->head_dim,
                   in->rows,
                   model_value(m, b->q_norm),
                   m->rope_cos,
                   m->rope_sin,
                   in->positions,
                   (real)(1 / sqrt((double)c->head_dim))};
}

static Heads key_heads(const Model *m, const Block *b, const BlockInput *in, int keys) {
    const Config *c = &m->config;
    return (Heads){c->kv_heads, 1,           c->head_dim,   keys, model_value(m, b->k_norm),
                   m->rope_cos, m->rope_sin, in->positions, 1};
}

/* raw: strip of [row][Wk | Wv] outputs; the value half becomes head-major v */
static void store_values(const Config *c, const real *raw, int row0, int n, int total, act *v) {
    for (int i = 0; i < n; i++)
        for (int h = 0; h < c->kv_heads; h++)
            to_act(v + ((size_t)h * (size_t)total + (size_t)(row0 + i)) * (size_t)c->head_dim,
                   raw + (size_t)i * 2 * (size_t)c->kv_width + c->kv_width + h * c->head_dim,
                   (size_t)c->head_dim);
}

static void allocate(const Config *c, const BlockInput *in, int keys, Arena *a, BlockState *s) {
    size_t n = (size_t)in->rows, d = (size_t)c->d, kv = (size_t)keys * (size_t)c->kv_width;
    *s = (BlockState){.xhat = arena_acts(a, n * d),
                      .q_hat = arena_acts(a, n * d),
                      .q = arena_acts(a, n * d),
                      .out = arena_acts(a, n * d),
                      .k_hat = arena_acts(a, kv),
                      .k = arena_acts(a, kv),
                      .v = arena_acts(a, kv),
                      .inverse = arena_reals(a, n),
                      .q_inverse = arena_reals(a, n * (size_t)c->heads),
                      .k_inverse = arena_reals(a, (size_t)keys * (size_t)c->kv_heads)};
    s->e.shared = arena_acts(a, in->plan->shared_size);
    s->e.own = arena_acts(a, in->plan->own_size);
    s->e.inverse = arena_reals(a, n * (size_t)c->heads);
}

/* mask: room for one row */
static void drop_outputs(const BlockInput *in, int d, real *mask, act *out) {
    for (int i = 0; i < in->rows; i++, out += d) {
        noise_mask(in->dropout, in->seed, i, mask, d);
        for (int j = 0; j < d; j += LANES)
            act_store(out + j, act_load(out + j) * vec_load(mask + j));
    }
}

void block_forward(const Model *m, const Block *b, const BlockInput *in, Arena *a, real *x,
                   BlockState *s) {
    const Config *c = &m->config;
    int d = c->d, kvw = c->kv_width, keys = in->source ? in->source_rows : in->rows;
    allocate(c, in, keys, a, s);
    size_t mark = a->used;
    Heads hq = query_heads(m, b, in), hk = key_heads(m, b, in, keys);
    real *raw = arena_reals(a, (size_t)STRIP * (size_t)(d > 2 * kvw ? d : 2 * kvw));
    const act *source = in->source ? in->source : s->xhat;
    for (int i = 0; i < in->rows; i += STRIP) {
        int n = strip(i, in->rows);
        size_t at = (size_t)i * (size_t)d;
        norm_forward(x + at, n, d, s->xhat + at, s->inverse + i);
        gemm(n, d, d, gemm_rows(s->xhat + at, d), b->q, raw, d, false);
        heads_forward(&hq, raw, d, i, n, s->q_hat, s->q_inverse, s->q);
    }
    for (int i = 0; i < keys; i += STRIP) {
        int n = strip(i, keys);
        gemm(n, 2 * kvw, d, gemm_rows(source + (size_t)i * (size_t)d, d), b->kv, raw, 2 * kvw,
             false);
        heads_forward(&hk, raw, 2 * kvw, i, n, s->k_hat, s->k_inverse, s->k);
        store_values(c, raw, i, n, keys, s->v);
    }
    attention_forward(in->plan, c, a, in->rows, keys, s->q, s->k, s->v, &s->e, s->out);
    if (in->dropout > 0)
        drop_outputs(in, d, raw, s->out);
    gemm(in->rows, d, d, gemm_rows(s->out, d), b->o, x, d, true);
    a->used = mark;
}

/* d_out row-major (strip) -> head-major act, times the softmax's 1/sum; delta = its dot product
 * with the output. With dropout, `out` and d_out lie behind it and g before it; the dot product is the same on both sides. */
static void output_gradient(const Config *c, const BlockInput *in, const real *d_out, const act *out, const real *inverse,
                            int row0, int n, act *g, real *delta, real *mask) {
    int hd = c->head_dim, total = in->rows;
    for (int j = 0; j < c->d; j++)
        mask[j] = 1;
    for (int i = 0; i < n; i++) {
        if (in->dropout > 0)
            noise_mask(in->dropout, in->seed, row0 + i, mask, c->d);
        for (int h = 0; h < c->heads; h++) {
            size_t row = (size_t)(row0 + i),
                   at = ((size_t)(h / c->rep) * (size_t)total + row) * (size_t)c->rep +
                        (size_t)(h % c->rep);
            const real *from = d_out + (size_t)i * (size_t)c->d + h * hd;
            const act *o = out + row * (size_t)c->d + (size_t)(h * hd);
            vec f = vec_set(inverse[at]), s = vec_set(0);
            for (int x = 0; x < hd; x += LANES) {
                vec v = f * vec_load(from + x);
                s += v * act_load(o + x);
                act_store(g + at * (size_t)hd + x, v * vec_load(mask + h * hd + x));
            }
            delta[at] = vec_sum(s);
        }
    }
}

/* dW += a^T g for `rows` rows; columns g0.. of the packed g */
static void weight_gradient(const Model *m, int tensor, GemmRows a_t, act *g_packed, int g0,
                            int rows, real *gradient) {
    const Tensor *t = &m->tensors[tensor];
    gemm(t->rows, t->columns, rows, a_t, gemm_slice(g_packed, rows, g0), gradient + t->offset,
         t->columns, true);
}

void block_backward(const Model *m, const Block *b, const BlockInput *in, Arena *a,
                    const BlockState *s, real *gradient, real *dx, real *d_source) {
    const Config *c = &m->config;
    int d = c->d, kvw = c->kv_width, rows = in->rows, keys = in->source ? in->source_rows : rows;
    size_t mark = a->used, n = (size_t)rows, nk = (size_t)keys;
    act *g = arena_acts(a, n * (size_t)d), *d_out = arena_acts(a, n * (size_t)d);
    real *delta = arena_reals(a, n * (size_t)c->heads),
         *raw = arena_reals(a, (size_t)STRIP * (size_t)d), *mask = arena_reals(a, (size_t)d);
    for (int i = 0; i < rows; i += STRIP) {
        int k = strip(i, rows);
        size_t at = (size_t)i * (size_t)d;
        to_act(g + at, dx + at, (size_t)k * (size_t)d);
        gemm(k, d, d, gemm_rows(g + at, d), b->o_t, raw, d, false);
        output_gradient(c, in, raw, s->out, s->e.inverse, i, k, d_out, delta, mask);
    }
    act *left = arena_acts(a, gemm_packed_size(d, rows > keys ? rows : keys)),
        *right = arena_acts(a, gemm_packed_size(rows, d));
    gemm_pack(right, g, d, rows, d);
    weight_gradient(m, b->wo, gemm_pack_rows_t(left, s->out, d, rows, d), right, 0, rows, gradient);

    size_t spare = 32 * (size_t)c->head_dim, kv = nk * (size_t)kvw + spare;
    real *dq = arena_reals(a, n * (size_t)d + spare), *dk = arena_reals(a, kv),
         *dv = arena_reals(a, kv);
    memset(dk, 0, kv * sizeof(real));
    memset(dv, 0, kv * sizeof(real));
    attention_backward(in->plan, c, a, rows, keys, s->q, s->k, s->v, &s->e, d_out, delta, dq, dk,
                       dv);

    Heads hq = query_heads(m, b, in), hk = key_heads(m, b, in, keys);
    act *gq = g, *gkv = arena_acts(a, nk * 2 * (size_t)kvw);
    heads_backward(&hq, dq, s->q_hat, s->q_inverse, gq, d, gradient + m->tensors[b->q_norm].offset);
    heads_backward(&hk, dk, s->k_hat, s->k_inverse, gkv, 2 * kvw,
                   gradient + m->tensors[b->k_norm].offset);
    for (size_t i = 0; i < nk; i++)
        for (int h = 0; h < c->kv_heads; h++)
            to_act(gkv + i * 2 * (size_t)kvw + kvw + h * c->head_dim,
                   dv + ((size_t)h * nk + i) * (size_t)c->head_dim, (size_t)c->head_dim);

    gemm_pack(right, gq, d, rows, d);
    GemmRows x_t = gemm_pack_rows_t(left, s->xhat, d, rows, d);
    weight_gradient(m, b->wq, x_t, right, 0, rows, gradient);
    act *right_kv = arena_acts(a, gemm_packed_size(keys, 2 * kvw));
    gemm_pack(right_kv, gkv, 2 * kvw, keys, 2 * kvw);
    if (in->source)
        x_t = gemm_pack_rows_t(left, in->source, d, keys, d);
    weight_gradient(m, b->wk, x_t, right_kv, 0, keys, gradient);
    weight_gradient(m, b->wv, x_t, right_kv, kvw, keys, gradient);

    for (int i = 0; i < rows; i += STRIP) {
        int k = strip(i, rows);
        size_t at = (size_t)i * (size_t)d;
        gemm(k, d, d, gemm_rows(gq + at, d), b->q_t, raw, d, false);
        if (!in->source)
            gemm(k, d, 2 * kvw, gemm_rows(gkv + (size_t)i * 2 * (size_t)kvw, 2 * kvw), b->kv_t, raw,
                 d, true);
        norm_backward(raw, s->xhat + at, s->inverse + i, k, d, dx + at);
    }
    if (in->source)
        gemm(keys, d, 2 * kvw, gemm_rows(gkv, 2 * kvw), b->kv_t, d_source, d, true);
    a->used = mark;
}
