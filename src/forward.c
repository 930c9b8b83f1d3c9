/* forward.c - the forward pass: encoder, decoder, heads. Reads like FORMAT.md section 3. */
#include "model_inside.h"

#include "elementary.h"

#include <string.h>

/* ---- products ------------------------------------------------------------------------------- */

/* Rows on their way into one or more products: as floats, and rounded if `fast` wants that. */
typedef struct {
    const float *x; /* (rows, d) */
    tb_int8 rounded;
    size_t rows;
} operand;

static bool alloc_operand(const tb_model *m, size_t rows, size_t n, tb_arena *arena, operand *o,
                          tb_error *err)
{
    if (m->numeric == TB_EXACT)
        return true;
    o->rounded.codes = tb_alloc(arena, rows * n, sizeof(int8_t), err);
    o->rounded.sums = tb_alloc(arena, rows * (n / TB_GROUP), sizeof(int32_t), err);
    o->rounded.scales = tb_alloc(arena, rows, sizeof(float), err);
    return o->rounded.codes != NULL && o->rounded.sums != NULL && o->rounded.scales != NULL;
}

static void count_operand(const tb_model *m, size_t rows, size_t n, size_t *sum)
{
    if (m->numeric == TB_EXACT)
        return;
    tb_count_block(sum, rows * n, sizeof(int8_t));
    tb_count_block(sum, rows * (n / TB_GROUP), sizeof(int32_t));
    tb_count_block(sum, rows, sizeof(float));
}

/* x (rows, n) */
static void set_operand(const tb_model *m, operand *o, const float *x, size_t rows, size_t n)
{
    o->x = x;
    o->rows = rows;
    if (m->numeric == TB_FAST)
        m->kernels->quantise(x, rows, n, &o->rounded);
}

/* y (rows, w->out) = x W */
static void product(const tb_model *m, const operand *o, const tb_int4 *w, float *y)
{
    if (m->numeric == TB_FAST)
        m->kernels->matmul_fast(w, &o->rounded, o->rows, y);
    else
        m->kernels->matmul_exact(w, o->x, o->rows, y);
}

/* ---- feed-forward --------------------------------------------------------------------------- */

enum { FFN_ROWS = 32 /* rows at a time: the hidden layer is wide */ };

/* Working memory of the feed-forward layers. */
typedef struct {
    float *gate, *up; /* (FFN_ROWS, ffn) */
    float *hidden;    /* (FFN_ROWS, ffn padded): zero past ffn */
    operand in;
} ffn_workspace;

static bool alloc_ffn(const tb_model *m, tb_arena *arena, ffn_workspace *w, tb_error *err)
{
    size_t ffn = m->config.ffn_dim, padded = tb_padded(ffn);
    if (!m->config.feed_forward)
        return true;
    w->gate = tb_alloc(arena, FFN_ROWS * ffn, sizeof *w->gate, err);
    w->up = tb_alloc(arena, FFN_ROWS * ffn, sizeof *w->up, err);
    w->hidden = tb_alloc(arena, FFN_ROWS * padded, sizeof *w->hidden, err);
    return w->gate != NULL && w->up != NULL && w->hidden != NULL &&
           alloc_operand(m, FFN_ROWS, padded, arena, &w->in, err);
}

static void count_ffn(const tb_model *m, size_t *sum)
{
    size_t ffn = m->config.ffn_dim, padded = tb_padded(ffn);
    if (!m->config.feed_forward)
        return;
    tb_count_block(sum, FFN_ROWS * ffn, sizeof(float));
    tb_count_block(sum, FFN_ROWS * ffn, sizeof(float));
    tb_count_block(sum, FFN_ROWS * padded, sizeof(float));
    count_operand(m, FFN_ROWS, padded, sum);
}

static float positive(float x)
{
    return x > 0.0f ? x : 0.0f;
}

static float activate(tb_activation kind, float gate, float up)
{
    double g = (double)gate;
    switch (kind) {
    case TB_DRELU: return positive(gate) * positive(up);
    case TB_SWIGLU: return (float)(g / (1.0 + tb_exp(-g))) * up;
    default: /* tanh form of GELU; (1 + tanh u) / 2 = 1 / (1 + e^-2u), u = sqrt(2 / pi) (g + ..g^3) */
        return (float)(g / (1.0 + tb_exp(-1.5957691216057308 * (g + 0.044715 * g * g * g)))) * up;
    }
}

/* x (rows, d) += the layer's output. `y`, `out` are room for (rows, d), `in` for such rows rounded. */
static void feed_forward(const tb_model *m, const tb_feed_forward *f, size_t rows, float *x, float *y,
                         float *out, operand *in, ffn_workspace *w)
{
    size_t d = m->config.d_model, ffn = m->config.ffn_dim, padded = tb_padded(ffn);
    for (size_t at = 0; at < rows; at += FFN_ROWS, x += FFN_ROWS * d) {
        size_t n = rows - at < FFN_ROWS ? rows - at : FFN_ROWS;
        m->kernels->norm(x, f->gain, n, d, y);
        set_operand(m, in, y, n, d);
        product(m, in, &f->w_gate, w->gate);
        product(m, in, &f->w_up, w->up);
        for (size_t r = 0; r < n; r++)
            for (size_t i = 0; i < ffn; i++)
                w->hidden[r * padded + i] =
                    activate(m->config.activation, w->gate[r * ffn + i], w->up[r * ffn + i]);
        set_operand(m, &w->in, w->hidden, n, padded);
        product(m, &w->in, &f->w_down, out);
        for (size_t i = 0; i < n * d; i++)
            x[i] += f->gate * out[i];
    }
}

/* ---- attention ------------------------------------------------------------------------------ */

/* q (rows, heads * head) = x Wq, normed per head; with RoPE from position `first`, or none if < 0. */
static void queries(const tb_model *m, const tb_attention *a, const operand *x, long first, float *q)
{
    const tb_config *c = &m->config;
    product(m, x, &a->wq, q);
    m->kernels->norm(q, a->q_gain, x->rows * c->heads, c->head_dim, q);
    for (size_t r = 0; first >= 0 && r < x->rows; r++)
        tb_rope(m, q + r * c->d_model, c->heads, (size_t)first + r);
}

/* Keys (normed, with RoPE from `first` unless < 0) and values of x: k, v (rows, kv). */
static void keys_values(const tb_model *m, const tb_attention *a, const operand *x, long first, float *k,
                        float *v)
{
    const tb_config *c = &m->config;
    product(m, x, &a->wk, k);
    product(m, x, &a->wv, v);
    m->kernels->norm(k, a->k_gain, x->rows * c->kv_heads, c->head_dim, k);
    for (size_t r = 0; first >= 0 && r < x->rows; r++)
        tb_rope(m, k + r * m->kv_dim, c->kv_heads, (size_t)first + r);
}

/* x += gate * (o Wo); `y` is room for (rows, d). */
static void add_output(const tb_model *m, const tb_attention *a, const operand *o, float *y, float *x)
{
    product(m, o, &a->wo, y);
    for (size_t i = 0; i < o->rows * m->config.d_model; i++)
        x[i] += a->gate * y[i];
}

/* ---- encoder -------------------------------------------------------------------------------- */

/* Working memory for `rows` rows. */
typedef struct {
    float *x;       /* (rows, d): the residual stream */
    float *y;       /* (rows, d): normed input, then attention output */
    float *q;       /* (rows, d): queries, then the block's output */
    float *k, *v;   /* (rows, kv) */
    float *weights; /* (heads / kv heads, keys): attention weights of one row */
    float *wide;    /* (TB_WIDE_ROWS, head): bfloat16 keys or values, widened */
    operand in;
    ffn_workspace ffn;
} workspace;

static bool alloc_workspace(const tb_model *m, size_t rows, size_t keys, tb_arena *arena, workspace *w,
                            tb_error *err)
{
    const tb_config *c = &m->config;
    memset(w, 0, sizeof *w);
    w->x = tb_alloc(arena, rows * c->d_model, sizeof *w->x, err);
    w->y = tb_alloc(arena, rows * c->d_model, sizeof *w->y, err);
    w->q = tb_alloc(arena, rows * c->d_model, sizeof *w->q, err);
    w->k = tb_alloc(arena, rows * m->kv_dim, sizeof *w->k, err);
    w->v = tb_alloc(arena, rows * m->kv_dim, sizeof *w->v, err);
    w->weights = tb_alloc(arena, keys * (c->heads / c->kv_heads), sizeof *w->weights, err);
    w->wide = tb_alloc(arena, (size_t)TB_WIDE_ROWS * c->head_dim, sizeof *w->wide, err);
    return w->x != NULL && w->y != NULL && w->q != NULL && w->k != NULL && w->v != NULL &&
           w->weights != NULL && w->wide != NULL && alloc_operand(m, rows, c->d_model, arena, &w->in, err) &&
           alloc_ffn(m, arena, &w->ffn, err);
}

static void count_workspace(const tb_model *m, size_t rows, size_t keys, size_t *sum)
{
    const tb_config *c = &m->config;
    for (int i = 0; i < 3; i++)
        tb_count_block(sum, rows * c->d_model, sizeof(float));
    for (int i = 0; i < 2; i++)
        tb_count_block(sum, rows * m->kv_dim, sizeof(float));
    tb_count_block(sum, keys * (c->heads / c->kv_heads), sizeof(float));
    tb_count_block(sum, (size_t)TB_WIDE_ROWS * c->head_dim, sizeof(float));
    count_operand(m, rows, c->d_model, sum);
    count_ffn(m, sum);
}

/* x = E[id] * sqrt(d), for thimble1 + C[class]. */
static void embed(const tb_model *m, uint32_t id, unsigned case_class, float *x)
{
    size_t d = m->config.d_model;
    if (m->config.format == TB_THIMBLE1) {
        const uint8_t *row = m->embedding + (size_t)id * (d / 2);
        const float *addend = m->classes + case_class * d, *scale = m->embedding_scale + (size_t)id * (d / TB_GROUP);
        for (size_t i = 0; i < d; i++) {
            int code = row[i / 2] >> (i % 2 * 4) & 15;
            x[i] = (float)(code < 8 ? code : code - 16) * scale[i / TB_GROUP] * m->embedding_factor + addend[i];
        }
    } else {
        const uint8_t *row = m->embedding + (size_t)id * d * 2;
        for (size_t i = 0; i < d; i++) {
            uint32_t bits = (uint32_t)row[2 * i] << 16 | (uint32_t)row[2 * i + 1] << 24;
            float value;
            memcpy(&value, &bits, sizeof value);
            x[i] = value * m->embedding_factor;
        }
    }
}

/* Checks what tb_encode was handed; *seen_rows: rows of the other segments. */
static bool check_input(const tb_model *m, const uint32_t *ids, const uint8_t *classes, size_t rows,
                        const uint32_t *kept_rows, const tb_encoded *const *seen, size_t seen_count,
                        const tb_encoded *out, size_t *seen_rows, tb_error *err)
{
    if (rows == 0 || rows > m->config.max_encoder || out->rows != rows)
        return tb_fail(err, TB_E_INTERNAL, "cannot encode %zu rows into a segment of %u (at most %u)", rows,
                       out->rows, m->config.max_encoder);
    for (size_t r = 0; r < rows; r++)
        if (ids[r] >= m->config.vocab_size || (classes != NULL && classes[r] > 2))
            return tb_fail(err, TB_E_INTERNAL, "token %zu: id %u or its case class is out of range", r, ids[r]);
    for (size_t i = 0; kept_rows != NULL && i < out->kept; i++)
        if (kept_rows[i] >= rows)
            return tb_fail(err, TB_E_INTERNAL, "row %u to keep is not among %zu", kept_rows[i], rows);
    *seen_rows = 0;
    for (size_t s = 0; s < seen_count; s++) {
        if (!seen[s]->attendable)
            return tb_fail(err, TB_E_INTERNAL, "segment %zu is not attendable", s);
        *seen_rows += seen[s]->rows;
        if (*seen_rows + rows > TB_MAX_KEYS)
            return tb_fail(err, TB_E_TOO_LONG, "the tools have more than %d tokens together; leave some out",
                           TB_MAX_KEYS);
    }
    return true;
}

/* One encoder layer: fills the layer's keys and values in `out`, updates w->x. */
static void encoder_layer(const tb_model *m, uint32_t layer, size_t rows, const tb_encoded *const *seen,
                          size_t seen_count, const tb_encoded *out, tb_source *sources, workspace *w)
{
    const tb_attention *a = &m->encoder[layer];
    size_t head_stride = rows * m->config.head_dim, place = out->attendable ? layer * m->kv_dim * rows : 0;
    float *keys = out->keys + place, *values = out->values + place;
    m->kernels->norm(w->x, a->gain, rows, m->config.d_model, w->y);
    set_operand(m, &w->in, w->y, rows, m->config.d_model);
    keys_values(m, a, &w->in, 0, w->k, w->v);
    tb_split_heads(m, w->k, rows, keys, head_stride);
    tb_split_heads(m, w->v, rows, values, head_stride);
    queries(m, a, &w->in, 0, w->q);
    sources[0] = (tb_source){keys, values, rows, head_stride, false};
    for (size_t s = 0; s < seen_count; s++) {
        size_t at = (size_t)layer * m->kv_dim * seen[s]->rows;
        sources[s + 1] = (tb_source){seen[s]->keys + at, seen[s]->values + at, seen[s]->rows,
                                     seen[s]->rows * m->config.head_dim, false};
    }
    tb_attend(m, w->q, rows, sources, seen_count + 1, w->weights, w->wide, w->y);
    set_operand(m, &w->in, w->y, rows, m->config.d_model);
    add_output(m, a, &w->in, w->q, w->x);
    if (m->encoder_ffn != NULL)
        feed_forward(m, &m->encoder_ffn[layer], rows, w->x, w->y, w->q, &w->in, &w->ffn);
}

/* What the decoder needs of the final-normed rows w->y: cross keys and values, states, pointer keys. */
static void finish_segment(const tb_model *m, size_t rows, const uint32_t *kept_rows,
                           const tb_encoded *out, workspace *w)
{
    size_t d = m->config.d_model;
    set_operand(m, &w->in, w->y, rows, m->config.d_model);
    for (uint32_t i = 0; i < m->config.decoder_layers; i++) {
        keys_values(m, &m->decoder[i].cross, &w->in, -1, w->k, w->v);
        tb_cross_store(m, out, i, w->k, w->v);
    }
    for (size_t i = 0; i < out->kept; i++)
        memcpy(out->states + i * d, w->y + (kept_rows != NULL ? kept_rows[i] : i) * d, d * sizeof *w->y);
    if (out->pointer_keys != NULL && out->kept > 0) {
        set_operand(m, &w->in, out->states, out->kept, d);
        product(m, &w->in, &m->pointer_k, out->pointer_keys);
    }
}

bool tb_encode(const tb_model *m, const uint32_t *ids, const uint8_t *classes, size_t rows,
               const uint32_t *kept_rows, const tb_encoded *const *seen, size_t seen_count,
               const tb_encoded *out, tb_arena *scratch, tb_error *err)
{
    size_t mark = tb_arena_mark(scratch), seen_rows = 0;
    tb_source *sources;
    workspace w;
    bool good;
    if (!check_input(m, ids, classes, rows, kept_rows, seen, seen_count, out, &seen_rows, err))
        return false;
    sources = tb_alloc(scratch, seen_count + 1, sizeof *sources, err);
    good = sources != NULL && alloc_workspace(m, rows, rows + seen_rows, scratch, &w, err);
    if (good) {
        for (size_t r = 0; r < rows; r++)
            embed(m, ids[r], classes != NULL ? classes[r] : 0, w.x + r * m->config.d_model);
        for (uint32_t i = 0; i < m->config.encoder_layers; i++)
            encoder_layer(m, i, rows, seen, seen_count, out, sources, &w);
        m->kernels->norm(w.x, m->encoder_gain, rows, m->config.d_model, w.y);
        finish_segment(m, rows, kept_rows, out, &w);
    }
    tb_arena_reset(scratch, mark);
    return good;
}

size_t tb_encode_bytes(const tb_model *m, size_t rows, size_t seen_rows)
{
    size_t sum = 0;
    if (rows == 0 || rows > m->config.max_encoder || seen_rows > TB_MAX_KEYS - rows)
        return SIZE_MAX;
    tb_count_block(&sum, seen_rows + 1, sizeof(tb_source)); /* a segment has at least one row */
    count_workspace(m, rows, rows + seen_rows, &sum);
    return sum;
}

/* ---- decoder -------------------------------------------------------------------------------- */

struct tb_decoder {
    const tb_model *m;
    const tb_encoded *const *segments;
    size_t count, steps, max_steps;
    float *keys, *values; /* (decoder layers, kv heads, max_steps, head): its own past */
    tb_source *sources;   /* (count) */
    float *hidden;        /* (d): final-normed output of the last step */
    float *pointer;       /* (d): hidden Wpq, once a score was asked for */
    bool pointer_ready;
    workspace w;          /* for one row */
};

tb_decoder *tb_decoder_start(const tb_model *m, const tb_encoded *const *segments, size_t count,
                             size_t max_steps, tb_arena *arena, tb_error *err)
{
    size_t past = (size_t)m->config.decoder_layers * m->kv_dim * max_steps, rows = 0;
    tb_decoder *d;
    if (max_steps == 0 || max_steps > m->config.max_decoder) {
        tb_fail(err, TB_E_TOO_LONG, "%zu decoder steps: this model takes 1 to %u", max_steps,
                m->config.max_decoder);
        return NULL;
    }
    for (size_t s = 0; s < count && rows <= TB_MAX_KEYS; s++)
        rows += segments[s]->rows;
    if (rows == 0 || rows > TB_MAX_KEYS) {
        tb_fail(err, TB_E_TOO_LONG, "a request and its tools have 1 to %d tokens together", TB_MAX_KEYS);
        return NULL;
    }
    d = tb_alloc(arena, 1, sizeof *d, err);
    if (d == NULL)
        return NULL;
    d->m = m;
    d->segments = segments;
    d->count = count;
    d->max_steps = max_steps;
    d->keys = tb_alloc(arena, past, sizeof *d->keys, err);
    d->values = tb_alloc(arena, past, sizeof *d->values, err);
    d->sources = tb_alloc(arena, count, sizeof *d->sources, err);
    d->hidden = tb_alloc(arena, m->config.d_model, sizeof *d->hidden, err);
    d->pointer = tb_alloc(arena, m->config.d_model, sizeof *d->pointer, err);
    if (d->keys == NULL || d->values == NULL || d->sources == NULL || d->hidden == NULL ||
        d->pointer == NULL ||
        !alloc_workspace(m, 1, rows > max_steps ? rows : max_steps, arena, &d->w, err))
        return NULL;
    return d;
}

size_t tb_decoder_bytes(const tb_model *m, size_t rows, size_t max_steps)
{
    size_t past, sum = 0;
    if (max_steps == 0 || max_steps > m->config.max_decoder || rows == 0 || rows > TB_MAX_KEYS ||
        !tb_mul((size_t)m->config.decoder_layers * m->kv_dim, max_steps, &past))
        return SIZE_MAX;
    tb_count_block(&sum, 1, sizeof(tb_decoder));
    tb_count_block(&sum, past, sizeof(float));
    tb_count_block(&sum, past, sizeof(float));
    tb_count_block(&sum, rows, sizeof(tb_source)); /* a segment has at least one row */
    tb_count_block(&sum, m->config.d_model, sizeof(float));
    tb_count_block(&sum, m->config.d_model, sizeof(float));
    count_workspace(m, 1, rows > max_steps ? rows : max_steps, &sum);
    return sum;
}

size_t tb_decoder_steps(const tb_decoder *d)
{
    return d->steps;
}

/* x += gate * SelfAttention(norm(x)): this step's key and value join the past. */
static void decoder_self(tb_decoder *d, uint32_t layer)
{
    const tb_model *m = d->m;
    const tb_attention *a = &m->decoder[layer].self;
    workspace *w = &d->w;
    size_t head = m->config.head_dim, head_stride = d->max_steps * head;
    size_t at = (size_t)layer * m->kv_dim * d->max_steps, now = d->steps * head;
    tb_source past = {d->keys + at, d->values + at, d->steps + 1, head_stride, false};
    m->kernels->norm(w->x, a->gain, 1, m->config.d_model, w->y);
    set_operand(m, &w->in, w->y, 1, m->config.d_model);
    keys_values(m, a, &w->in, (long)d->steps, w->k, w->v);
    tb_split_heads(m, w->k, 1, d->keys + at + now, head_stride);
    tb_split_heads(m, w->v, 1, d->values + at + now, head_stride);
    queries(m, a, &w->in, (long)d->steps, w->q);
    tb_attend(m, w->q, 1, &past, 1, w->weights, w->wide, w->y);
    set_operand(m, &w->in, w->y, 1, m->config.d_model);
    add_output(m, a, &w->in, w->q, w->x);
}

/* x += gate * CrossAttention(norm(x)) over the rows of all segments; no RoPE. */
static void decoder_cross(tb_decoder *d, uint32_t layer)
{
    const tb_model *m = d->m;
    const tb_attention *a = &m->decoder[layer].cross;
    workspace *w = &d->w;
    m->kernels->norm(w->x, a->gain, 1, m->config.d_model, w->y);
    set_operand(m, &w->in, w->y, 1, m->config.d_model);
    queries(m, a, &w->in, -1, w->q);
    for (size_t s = 0; s < d->count; s++)
        d->sources[s] = tb_cross_source(m, d->segments[s], layer);
    tb_attend(m, w->q, 1, d->sources, d->count, w->weights, w->wide, w->y);
    set_operand(m, &w->in, w->y, 1, m->config.d_model);
    add_output(m, a, &w->in, w->q, w->x);
    if (m->decoder_ffn != NULL)
        feed_forward(m, &m->decoder_ffn[layer], 1, w->x, w->y, w->q, &w->in, &w->ffn);
}

/* All layers over d->w.x. */
static bool advance(tb_decoder *d, tb_error *err)
{
    const tb_model *m = d->m;
    if (d->steps == d->max_steps)
        return tb_fail(err, TB_E_TOO_LONG, "the answer needs more than %zu decoder steps", d->max_steps);
    for (uint32_t i = 0; i < m->config.decoder_layers; i++) {
        decoder_self(d, i);
        decoder_cross(d, i);
    }
    m->kernels->norm(d->w.x, m->decoder_gain, 1, m->config.d_model, d->hidden);
    d->pointer_ready = false;
    d->steps++;
    return true;
}

static bool valid_place(const tb_decoder *d, const tb_place *p)
{
    return p->segment < d->count && p->row < d->segments[p->segment]->kept;
}

bool tb_decoder_step(tb_decoder *d, const tb_place *place, unsigned kind, tb_error *err)
{
    const tb_model *m = d->m;
    size_t n = m->config.d_model;
    const float *state = m->pointer_start, *addend = m->pointer_kind + kind * n;
    if (m->config.format != TB_THIMBLE1 || kind >= TB_KINDS || (place != NULL && !valid_place(d, place)))
        return tb_fail(err, TB_E_INTERNAL, "decoder step of kind %u from a place that cannot be fed", kind);
    if (place != NULL)
        state = d->segments[place->segment]->states + place->row * n;
    for (size_t i = 0; i < n; i++)
        d->w.x[i] = state[i] + addend[i];
    return advance(d, err);
}

bool tb_decoder_token(tb_decoder *d, uint32_t id, tb_error *err)
{
    if (d->m->config.format != TB_NEEDLE1 || id >= d->m->config.vocab_size)
        return tb_fail(err, TB_E_INTERNAL, "token %u cannot be fed to this decoder", id);
    embed(d->m, id, 0, d->w.x);
    return advance(d, err);
}

/* Only weights of absurd size, or prepared tools that were tampered with, get here. */
static bool all_finite(const float *x, size_t n, tb_error *err)
{
    for (size_t i = 0; i < n; i++)
        if (!(x[i] - x[i] == 0.0f))
            return tb_fail(err, TB_E_FORMAT, "the weights or the prepared tools give a score that is not a "
                           "finite number");
    return true;
}

/* Makes d->pointer ready: what the keys are compared with. */
static bool ready_pointer(tb_decoder *d, tb_error *err)
{
    const tb_model *m = d->m;
    if (m->config.format != TB_THIMBLE1 || d->steps == 0)
        return tb_fail(err, TB_E_INTERNAL, "this decoder has nothing to score yet");
    if (!d->pointer_ready) {
        set_operand(m, &d->w.in, d->hidden, 1, m->config.d_model);
        product(m, &d->w.in, &m->pointer_q, d->pointer);
        d->pointer_ready = true;
    }
    return true;
}

static void score_key(const tb_decoder *d, const float *key, float *score)
{
    const tb_model *m = d->m;
    m->kernels->scores(d->pointer, 1, key, 1, m->config.d_model, 1.0f / m->embedding_factor, score, 1);
}

bool tb_decoder_score(tb_decoder *d, const tb_place *places, size_t count, float *scores, tb_error *err)
{
    const tb_model *m = d->m;
    size_t n = m->config.d_model;
    if (!ready_pointer(d, err))
        return false;
    for (size_t i = 0; i < count; i++) {
        const float *key = m->pointer_end;
        if (places[i].segment != TB_PLACE_END) {
            if (!valid_place(d, &places[i]))
                return tb_fail(err, TB_E_INTERNAL, "row %u of segment %u cannot be pointed at", places[i].row,
                               places[i].segment);
            key = d->segments[places[i].segment]->pointer_keys + places[i].row * n;
        }
        score_key(d, key, scores + i);
    }
    return all_finite(scores, count, err);
}

bool tb_decoder_match(tb_decoder *d, const tb_encoded *segments, size_t count, float *scores, tb_error *err)
{
    if (!ready_pointer(d, err))
        return false;
    for (size_t i = 0; i < count; i++) {
        if (segments[i].kept == 0)
            return tb_fail(err, TB_E_INTERNAL, "segment %zu keeps no row to be compared with", i);
        score_key(d, segments[i].pointer_keys, scores + i);
    }
    return all_finite(scores, count, err);
}

bool tb_decoder_logits(tb_decoder *d, float *logits, tb_error *err)
{
    const tb_model *m = d->m;
    if (m->config.format != TB_NEEDLE1 || d->steps == 0)
        return tb_fail(err, TB_E_INTERNAL, "this decoder has no logits yet");
    m->kernels->dots_bf16(d->hidden, m->embedding, m->config.vocab_size, m->config.d_model, logits);
    return all_finite(logits, m->config.vocab_size, err);
}
