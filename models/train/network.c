/* network.c - see network.h. */
#include "network.h"

#include "block.h"
#include "heads.h"
#include "match.h"
#include "pointer.h"
#include "unit.h"

double group_weight(const Group *g) {
    Cursor in = {g->words};
    double sum = 0;
    int tools = cursor_next(&in);
    for (int i = 0; i < tools; i++)
        cursor_skip(&in, cursor_next(&in));
    int queries = cursor_next(&in);
    for (int i = 0; i < queries; i++) {
        cursor_skip(&in, cursor_next(&in));
        int m = cursor_next(&in);
        for (int k = 0; k < m; k++) {
            cursor_skip(&in, 2);
            float weight = word_as_float(cursor_next(&in));
            int n = cursor_next(&in);
            cursor_skip(&in, n);
            if (decision_trained(n, weight))
                sum += (double)weight;
        }
    }
    return sum;
}

/* x = E[id] sqrt(d) + case[class] */
static void embed(const Model *m, const Unit *u, real *x) {
    int d = m->config.d;
    const real *table = model_value(m, m->embedding), *cases = model_value(m, m->case_class);
    real f = (real)sqrt((double)d);
    for (int i = 0; i < u->rows; i++, x += d) {
        const real *e = table + (size_t)token_id(u->tokens[i]) * (size_t)d,
                   *k = cases + (size_t)token_case(u->tokens[i]) * (size_t)d;
        for (int j = 0; j < d; j += LANES)
            vec_store(x + j, f * vec_load(e + j) + vec_load(k + j));
    }
}

static void embed_backward(const Model *m, const Unit *u, const real *dx, real *gradient) {
    int d = m->config.d;
    real *table = gradient + m->tensors[m->embedding].offset,
         *cases = gradient + m->tensors[m->case_class].offset;
    real f = (real)sqrt((double)d);
    for (int i = 0; i < u->rows; i++, dx += d) {
        real *e = table + (size_t)token_id(u->tokens[i]) * (size_t)d,
             *k = cases + (size_t)token_case(u->tokens[i]) * (size_t)d;
        for (int j = 0; j < d; j += LANES) {
            vec g = vec_load(dx + j);
            vec_store(e + j, vec_load(e + j) + f * g);
            vec_store(k + j, vec_load(k + j) + g);
        }
    }
}

static int decoder_rows(const Unit *u) {
    return u->decision_count + u->match_count;
}

/* What a decoder row is fed as. A match begins as the first decision of its query does. */
static const Decision *decoder_decision(const Unit *u, int row) {
    return &u->decisions[row < u->decision_count ? row : u->matches[row - u->decision_count].first];
}

/* decoder input: state chosen before (or the start vector) + kind of decision */
static void decoder_input(const Model *m, const Unit *u, const act *states, const act *start,
                          real *y) {
    int d = m->config.d;
    const real *kinds = model_value(m, m->kind);
    for (int i = 0; i < decoder_rows(u); i++, y += d) {
        const Decision *x = decoder_decision(u, i);
        const act *s = x->previous < 0 ? start : states + (size_t)x->previous * (size_t)d;
        const real *k = kinds + (size_t)x->kind * (size_t)d;
        for (int j = 0; j < d; j += LANES)
            vec_store(y + j, act_load(s + j) + vec_load(k + j));
    }
}

static void decoder_input_backward(const Model *m, const Unit *u, const real *dy, real *d_states,
                                   real *gradient) {
    int d = m->config.d;
    real *start = gradient + m->tensors[m->start].offset,
         *kinds = gradient + m->tensors[m->kind].offset;
    for (int i = 0; i < decoder_rows(u); i++, dy += d) {
        const Decision *x = decoder_decision(u, i);
        real *s = x->previous < 0 ? start : d_states + (size_t)x->previous * (size_t)d,
             *k = kinds + (size_t)x->kind * (size_t)d;
        for (int j = 0; j < d; j += LANES) {
            vec g = vec_load(dy + j);
            vec_store(s + j, vec_load(s + j) + g);
            vec_store(k + j, vec_load(k + j) + g);
        }
    }
}

/* The encoder's final norm is read by many matrices, so its gain is applied here instead of folded.
 */
static void apply_gain(const real *gain, const act *xhat, int rows, int d, act *out) {
    for (int i = 0; i < rows; i++, xhat += d, out += d)
        for (int j = 0; j < d; j += LANES)
            act_store(out + j, (1 + vec_load(gain + j)) * act_load(xhat + j));
}

/* g becomes the gradient of xhat; d_gain is added to */
static void apply_gain_backward(const real *gain, const act *xhat, int rows, int d, real *g,
                                real *d_gain) {
    for (int i = 0; i < rows; i++, xhat += d, g += d)
        for (int j = 0; j < d; j += LANES) {
            vec x = vec_load(g + j);
            vec_store(d_gain + j, vec_load(d_gain + j) + x * act_load(xhat + j));
            vec_store(g + j, (1 + vec_load(gain + j)) * x);
        }
}

static real *zeros(Arena *a, size_t n) {
    real *p = arena_reals(a, n);
    memset(p, 0, n * sizeof(real));
    return p;
}

/* dW += left^T right for `rows` rows of width d */
static void add_square(const Model *m, Arena *a, int tensor, const act *left, const act *right,
                       int rows, real *gradient) {
    int d = m->config.d;
    size_t mark = a->used;
    act *l = arena_acts(a, gemm_packed_size(d, rows)),
        *r = arena_acts(a, gemm_packed_size(rows, d));
    gemm_pack(r, right, d, rows, d);
    gemm(d, d, rows, gemm_pack_rows_t(l, left, d, rows, d), r, gradient + m->tensors[tensor].offset,
         d, true);
    a->used = mark;
}

/* what the forward pass leaves for the backward pass */
typedef struct {
    Unit unit;
    BlockInput in_encoder, in_self, in_cross;
    BlockState *encoder, *self, *cross;
    act *state_hat, *states,
        *final_hat; /* encoder states before and after the gain; decoder output, normed */
    real *state_inverse, *final_inverse;
    real *query, *key; /* for the pointer */
} Pass;

/* `in` with the dropout of layer `layer`. */
static const BlockInput *seeded(const BlockInput *in, int layer, BlockInput *room) {
    *room = *in;
    room->seed += (uint64_t)layer;
    return room;
}

static void forward(const Model *m, Arena *a, Pass *p, const Noise *noise) {
    const Config *c = &m->config;
    BlockInput in;
    const Unit *u = &p->unit;
    size_t d = (size_t)c->d, rows = (size_t)u->rows, steps = (size_t)decoder_rows(u);
    p->encoder = arena_get(a, (size_t)c->encoder_layers * sizeof(BlockState));
    p->self = arena_get(a, (size_t)c->decoder_layers * sizeof(BlockState));
    p->cross = arena_get(a, (size_t)c->decoder_layers * sizeof(BlockState));
    p->state_hat = arena_acts(a, rows * d);
    p->states = arena_acts(a, rows * d);
    p->state_inverse = arena_reals(a, rows);
    double dropout = noise ? noise->dropout : 0;
    uint64_t seed = noise ? noise->seed << 16 : 0;
    p->in_encoder = (BlockInput){&u->encoder, u->rows, u->positions, NULL, 0, dropout, seed};
    p->in_self = (BlockInput){&u->self, decoder_rows(u), u->steps, NULL, 0, dropout, seed + 256};
    p->in_cross = (BlockInput){&u->cross, decoder_rows(u), NULL, p->states, u->rows, dropout, seed + 512};

    real *x = arena_reals(a, rows * d), *y = arena_reals(a, steps * d);
    embed(m, u, x);
    for (int i = 0; i < c->encoder_layers; i++)
        block_forward(m, &m->encoder[i], seeded(&p->in_encoder, i, &in), a, x, &p->encoder[i]);
    norm_forward(x, u->rows, c->d, p->state_hat, p->state_inverse);
    apply_gain(model_value(m, m->encoder_norm), p->state_hat, u->rows, c->d, p->states);

    act *start = arena_acts(a, d);
    to_act(start, model_value(m, m->start), d);
    decoder_input(m, u, p->states, start, y);
    for (int i = 0; i < c->decoder_layers; i++) {
        block_forward(m, &m->self[i], seeded(&p->in_self, i, &in), a, y, &p->self[i]);
        block_forward(m, &m->cross[i], seeded(&p->in_cross, i, &in), a, y, &p->cross[i]);
    }
    p->final_hat = arena_acts(a, steps * d);
    p->final_inverse = arena_reals(a, steps);
    norm_forward(y, decoder_rows(u), c->d, p->final_hat, p->final_inverse);
    p->query = arena_reals(a, steps * d);
    p->key = arena_reals(a, rows * d);
    gemm(decoder_rows(u), c->d, c->d, gemm_rows(p->final_hat, c->d), m->pointer_q_pack, p->query,
         c->d, false);
    gemm(u->rows, c->d, c->d, gemm_rows(p->states, c->d), m->pointer_k_pack, p->key, c->d, false);
}

static void backward(const Model *m, Arena *a, const Pass *p, const real *d_query,
                     const real *d_key, real *gradient) {
    const Config *c = &m->config;
    const Unit *u = &p->unit;
    BlockInput in;
    size_t d = (size_t)c->d, rows = (size_t)u->rows, steps = (size_t)decoder_rows(u);
    act *gq = arena_acts(a, steps * d), *gk = arena_acts(a, rows * d);
    to_act(gq, d_query, steps * d);
    to_act(gk, d_key, rows * d);
    add_square(m, a, m->pointer_q, p->final_hat, gq, decoder_rows(u), gradient);
    add_square(m, a, m->pointer_k, p->states, gk, u->rows, gradient);
    real *d_final = arena_reals(a, steps * d), *d_states = arena_reals(a, rows * d),
         *dy = zeros(a, steps * d), *dx = zeros(a, rows * d);
    gemm(decoder_rows(u), c->d, c->d, gemm_rows(gq, c->d), m->pointer_q_pack_t, d_final, c->d,
         false);
    gemm(u->rows, c->d, c->d, gemm_rows(gk, c->d), m->pointer_k_pack_t, d_states, c->d, false);
    norm_backward(d_final, p->final_hat, p->final_inverse, decoder_rows(u), c->d, dy);
    for (int i = c->decoder_layers - 1; i >= 0; i--) {
        block_backward(m, &m->cross[i], seeded(&p->in_cross, i, &in), a, &p->cross[i], gradient, dy, d_states);
        block_backward(m, &m->self[i], seeded(&p->in_self, i, &in), a, &p->self[i], gradient, dy, NULL);
    }
    decoder_input_backward(m, u, dy, d_states, gradient);
    apply_gain_backward(model_value(m, m->encoder_norm), p->state_hat, u->rows, c->d, d_states,
                        gradient + m->tensors[m->encoder_norm].offset);
    norm_backward(d_states, p->state_hat, p->state_inverse, u->rows, c->d, dx);
    for (int i = c->encoder_layers - 1; i >= 0; i--)
        block_backward(m, &m->encoder[i], seeded(&p->in_encoder, i, &in), a, &p->encoder[i], gradient, dx, NULL);
    embed_backward(m, u, dx, gradient);
}

Tally network_pass(const Model *m, Arena *a, const Group *const *groups, int count,
                   const PassOptions *o) {
    Pass p;
    a->used = 0;
    unit_make(&p.unit, a, &m->config, groups, count, o->match_weight > 0);
    if (o->noise)
        noise_apply(o->noise, p.unit.tokens, p.unit.rows);
    forward(m, a, &p, o->noise);
    size_t d = (size_t)m->config.d;
    real *d_query = NULL, *d_key = NULL;
    if (o->gradient) {
        d_query = zeros(a, (size_t)decoder_rows(&p.unit) * d);
        d_key = zeros(a, (size_t)p.unit.rows * d);
    }
    Tally t = pointer_loss(m, a, &p.unit, p.query, p.key, o, d_query, d_key);
    match_loss(m, a, &p.unit, p.query, p.key, o, d_query, d_key, &t);
    if (o->gradient)
        backward(m, a, &p, d_query, d_key, o->gradient);
    return t;
}
