/* model.c - from a weight file to a model: every tensor by name and shape, matrices repacked. */
#include "model_inside.h"

#include "elementary.h"

#include <string.h>

/* ---- names ---------------------------------------------------------------------------------- */

/* "encoder.3.self_attn" + ".wq": tensor names are put together here. */
typedef struct {
    char text[64];
    size_t len;
} name;

static void add(name *n, const char *part)
{
    while (*part != '\0' && n->len + 1 < sizeof n->text)
        n->text[n->len++] = *part++;
    n->text[n->len] = '\0';
}

static name layer_name(const char *stack, uint32_t layer, const char *rest)
{
    char digits[3] = {(char)('0' + layer / 10), (char)('0' + layer % 10), '\0'};
    name n = {"", 0};
    add(&n, stack);
    add(&n, ".");
    add(&n, layer < 10 ? digits + 1 : digits);
    add(&n, rest);
    return n;
}

/* ---- tensors -------------------------------------------------------------------------------- */

typedef struct {
    tb_model *m;
    tb_weights w;
    tb_arena *arena;
    tb_error *err;
} loader;

static bool floats(loader *l, const char *tensor, size_t rows, size_t columns, float **out)
{
    *out = tb_alloc(l->arena, rows * columns, sizeof **out, l->err);
    return *out != NULL && tb_weights_floats(&l->w, tensor, rows, columns, *out, l->err);
}

/* 1 + gamma of a norm. */
static bool gain(loader *l, const char *tensor, size_t n, float **out)
{
    if (!floats(l, tensor, 1, n, out))
        return false;
    for (size_t i = 0; i < n; i++)
        (*out)[i] = 1.0f + (*out)[i];
    return true;
}

static bool gate(loader *l, const char *tensor, float *out)
{
    if (!tb_weights_floats(&l->w, tensor, 1, 1, out, l->err))
        return false;
    *out = (float)(1.0 / (1.0 + tb_exp(-(double)*out)));
    return true;
}

/* W (in, out) and its scales; `in` is a multiple of 32 by the checks on the sizes, or padded. */
static bool matrix(loader *l, name n, size_t in, size_t out, tb_int4 *result)
{
    const tb_tensor *codes = tb_weights_get(&l->w, n.text, TB_I4, in / 2, out, l->err);
    uint8_t *packed = tb_alloc(l->arena, tb_int4_code_bytes(in, out), 1, l->err);
    float *scales = tb_alloc(l->arena, tb_int4_scale_floats(in, out), sizeof *scales, l->err), *raw;
    size_t mark = tb_arena_mark(l->arena);
    add(&n, ".scale");
    if (codes == NULL || packed == NULL || scales == NULL || !floats(l, n.text, in / TB_GROUP, out, &raw))
        return false;
    tb_int4_pack(codes->data, raw, in, out, packed, scales);
    tb_arena_reset(l->arena, mark);
    result->codes = packed;
    result->scales = scales;
    result->in = (uint32_t)in;
    result->out = (uint32_t)out;
    return true;
}

static name with(name n, const char *rest)
{
    add(&n, rest);
    return n;
}

/* `norm` names the norm before the attention, `block` is "encoder.3.self_attn" or the like. */
static bool attention(loader *l, name norm, name block, tb_attention *a)
{
    size_t d = l->m->config.d_model, kv = l->m->kv_dim, head = l->m->config.head_dim;
    return gain(l, norm.text, d, &a->gain) && gate(l, with(block, "_gate").text, &a->gate) &&
           matrix(l, with(block, ".wq"), d, d, &a->wq) && matrix(l, with(block, ".wk"), d, kv, &a->wk) &&
           matrix(l, with(block, ".wv"), d, kv, &a->wv) && matrix(l, with(block, ".wo"), d, d, &a->wo) &&
           gain(l, with(block, ".q_norm").text, head, &a->q_gain) &&
           gain(l, with(block, ".k_norm").text, head, &a->k_gain);
}

/* The feed-forward layers of a stack, if the file has any. */
static bool feed_forward(loader *l, const char *stack, uint32_t count, tb_feed_forward **out)
{
    const tb_config *c = &l->m->config;
    size_t d = c->d_model, ffn = c->ffn_dim;
    *out = NULL;
    if (!c->feed_forward)
        return true;
    *out = tb_alloc(l->arena, count, sizeof **out, l->err);
    for (uint32_t i = 0; *out != NULL && i < count; i++) {
        tb_feed_forward *f = *out + i;
        if (!gain(l, layer_name(stack, i, ".ffn_norm").text, d, &f->gain) ||
            !gate(l, layer_name(stack, i, ".ffn_gate").text, &f->gate) ||
            !matrix(l, layer_name(stack, i, ".ffn.gate_proj"), d, ffn, &f->w_gate) ||
            !matrix(l, layer_name(stack, i, ".ffn.up_proj"), d, ffn, &f->w_up) ||
            !matrix(l, layer_name(stack, i, ".ffn.down_proj"), tb_padded(ffn), d, &f->w_down))
            return false;
    }
    return *out != NULL;
}

static bool layers(loader *l)
{
    tb_model *m = l->m;
    const tb_config *c = &m->config;
    m->encoder = tb_alloc(l->arena, c->encoder_layers, sizeof *m->encoder, l->err);
    m->decoder = tb_alloc(l->arena, c->decoder_layers, sizeof *m->decoder, l->err);
    if (m->encoder == NULL || m->decoder == NULL)
        return false;
    for (uint32_t i = 0; i < c->encoder_layers; i++)
        if (!attention(l, layer_name("encoder", i, ".norm"), layer_name("encoder", i, ".self_attn"),
                       &m->encoder[i]))
            return false;
    for (uint32_t i = 0; i < c->decoder_layers; i++)
        if (!attention(l, layer_name("decoder", i, ".self_attn_norm"), layer_name("decoder", i, ".self_attn"),
                       &m->decoder[i].self) ||
            !attention(l, layer_name("decoder", i, ".cross_attn_norm"), layer_name("decoder", i, ".cross_attn"),
                       &m->decoder[i].cross))
            return false;
    return feed_forward(l, "encoder", c->encoder_layers, &m->encoder_ffn) &&
           feed_forward(l, "decoder", c->decoder_layers, &m->decoder_ffn) &&
           gain(l, "encoder_final_norm", c->d_model, &m->encoder_gain) &&
           gain(l, "decoder_final_norm", c->d_model, &m->decoder_gain);
}

/* The parts that only thimble1 has. */
static bool thimble1_parts(loader *l)
{
    tb_model *m = l->m;
    size_t d = m->config.d_model, vocab = m->config.vocab_size;
    const tb_tensor *table = tb_weights_get(&l->w, "embedding", TB_I4, vocab, d / 2, l->err);
    name pointer = {"", 0};
    if (table == NULL)
        return false;
    m->embedding = table->data;
    add(&pointer, "pointer");
    return floats(l, "embedding.scale", vocab, d / TB_GROUP, &m->embedding_scale) &&
           floats(l, "case", 3, d, &m->classes) && floats(l, "pointer.start", 1, d, &m->pointer_start) &&
           floats(l, "pointer.end", 1, d, &m->pointer_end) &&
           floats(l, "pointer.kind", TB_KINDS, d, &m->pointer_kind) &&
           matrix(l, with(pointer, ".wq"), d, d, &m->pointer_q) &&
           matrix(l, with(pointer, ".wk"), d, d, &m->pointer_k);
}

static bool needle1_parts(loader *l)
{
    static const char *const retrieval[] = {"contrastive_hidden_kernel", "contrastive_hidden_bias",
                                            "contrastive_proj_kernel"};
    tb_model *m = l->m;
    const tb_tensor *table =
        tb_weights_get(&l->w, "embedding", TB_BF16, m->config.vocab_size, m->config.d_model, l->err);
    uint8_t *copy = table != NULL ? tb_alloc(l->arena, table->bytes, 1, l->err) : NULL;
    if (copy == NULL)
        return false;
    for (size_t i = 0; i < table->bytes; i += 2)
        if ((table->data[i + 1] & 0x7f) == 0x7f && (table->data[i] & 0x80) != 0)
            return tb_fail(l->err, TB_E_FORMAT, "tensor embedding: number %zu is not finite", i / 2);
    memcpy(copy, table->data, table->bytes);
    m->embedding = copy;
    /* they lie in the file */
    m->config.name = m->config.calibration = m->config.min_confidence = m->config.none_above = tb_str_of("");
    for (size_t i = 0; i < sizeof retrieval / sizeof *retrieval; i++)
        tb_weights_find(&l->w, retrieval[i]); /* allowed, not used */
    return true;
}

/* ---- RoPE ----------------------------------------------------------------------------------- */

static uint32_t positions(const tb_config *c)
{
    return c->max_encoder > c->max_decoder ? c->max_encoder : c->max_decoder;
}

/* angle(p, i) = p / theta^(2i / head), in float as the reference has it. */
static bool rope_tables(loader *l)
{
    tb_model *m = l->m;
    size_t half = m->config.head_dim / 2;
    double log_theta = tb_log((double)m->config.rope_theta);
    m->positions = positions(&m->config);
    m->cos = tb_alloc(l->arena, m->positions * half, sizeof *m->cos, l->err);
    m->sin = tb_alloc(l->arena, m->positions * half, sizeof *m->sin, l->err);
    if (m->cos == NULL || m->sin == NULL)
        return false;
    for (size_t i = 0; i < half; i++) {
        float frequency = (float)tb_exp(-(double)i / (double)half * log_theta);
        for (size_t p = 0; p < m->positions; p++) {
            double sin, cos;
            tb_sincos((double)((float)p * frequency), &sin, &cos);
            m->sin[p * half + i] = (float)sin;
            m->cos[p * half + i] = (float)cos;
        }
    }
    return true;
}

/* ---- the whole ------------------------------------------------------------------------------ */

tb_model *tb_model_load(const uint8_t *file, size_t size, const tb_kernels *kernels,
                        tb_numeric numeric, tb_arena *arena, tb_error *err)
{
    loader l = {0};
    bool thimble1;
    l.arena = arena;
    l.err = err;
    l.m = tb_alloc(arena, 1, sizeof *l.m, err);
    if (l.m == NULL || !tb_weights_open(file, size, arena, &l.w, err))
        return NULL;
    l.m->config = l.w.config;
    l.m->kernels = kernels;
    l.m->numeric = numeric;
    l.m->kv_dim = l.w.config.kv_heads * l.w.config.head_dim;
    l.m->narrow_cross = l.w.config.format == TB_NEEDLE1 && numeric == TB_FAST;
    l.m->embedding_factor = tb_sqrt((float)l.w.config.d_model);
    thimble1 = l.w.config.format == TB_THIMBLE1;
    if (!(thimble1 ? thimble1_parts(&l) : needle1_parts(&l)) || !layers(&l) || !rope_tables(&l) ||
        !tb_weights_all_used(&l.w, err))
        return NULL;
    return l.m;
}

/* What matrix() keeps. */
static void count_matrix(size_t *sum, size_t in, size_t out)
{
    tb_count_block(sum, tb_int4_code_bytes(in, out), 1);
    tb_count_block(sum, tb_int4_scale_floats(in, out), sizeof(float));
}

static void count_attention(size_t *sum, const tb_config *c)
{
    size_t d = c->d_model, kv = (size_t)c->kv_heads * c->head_dim;
    tb_count_block(sum, d, sizeof(float));
    count_matrix(sum, d, d);
    count_matrix(sum, d, kv);
    count_matrix(sum, d, kv);
    count_matrix(sum, d, d);
    tb_count_block(sum, c->head_dim, sizeof(float));
    tb_count_block(sum, c->head_dim, sizeof(float));
}

static void count_feed_forward(size_t *sum, const tb_config *c, uint32_t layers)
{
    if (!c->feed_forward)
        return;
    tb_count_block(sum, layers, sizeof(tb_feed_forward));
    for (uint32_t i = 0; i < layers; i++) {
        tb_count_block(sum, c->d_model, sizeof(float));
        count_matrix(sum, c->d_model, c->ffn_dim);
        count_matrix(sum, c->d_model, c->ffn_dim);
        count_matrix(sum, tb_padded(c->ffn_dim), c->d_model);
    }
}

size_t tb_model_load_bytes(const uint8_t *file, size_t size, tb_arena *arena, tb_error *err)
{
    size_t mark = tb_arena_mark(arena), sum = 0;
    tb_weights w;
    const tb_config *c = &w.config;
    bool good = tb_weights_open(file, size, arena, &w, err);
    sum = tb_arena_mark(arena) - mark; /* the table of tensors stays until the model is loaded */
    tb_arena_reset(arena, mark);
    if (!good)
        return 0;
    tb_count_block(&sum, 1, sizeof(tb_model));
    tb_count_block(&sum, c->encoder_layers, sizeof(tb_attention));
    tb_count_block(&sum, c->decoder_layers, sizeof(tb_decoder_layer));
    for (uint32_t i = 0; i < c->encoder_layers + 2 * c->decoder_layers; i++)
        count_attention(&sum, c);
    count_feed_forward(&sum, c, c->encoder_layers);
    count_feed_forward(&sum, c, c->decoder_layers);
    tb_count_block(&sum, c->d_model, sizeof(float));
    tb_count_block(&sum, c->d_model, sizeof(float));
    if (c->format == TB_THIMBLE1) {
        tb_count_block(&sum, (size_t)c->vocab_size * (c->d_model / TB_GROUP), sizeof(float));
        tb_count_block(&sum, 3 * c->d_model, sizeof(float));
        tb_count_block(&sum, c->d_model, sizeof(float));
        tb_count_block(&sum, c->d_model, sizeof(float));
        tb_count_block(&sum, TB_KINDS * c->d_model, sizeof(float));
        count_matrix(&sum, c->d_model, c->d_model);
        count_matrix(&sum, c->d_model, c->d_model);
    } else {
        tb_count_block(&sum, (size_t)c->vocab_size * c->d_model, 2);
    }
    tb_count_block(&sum, (size_t)positions(c) * (c->head_dim / 2), sizeof(float));
    tb_count_block(&sum, (size_t)positions(c) * (c->head_dim / 2), sizeof(float));
    return sum;
}

const tb_config *tb_model_config(const tb_model *model)
{
    return &model->config;
}

const tb_kernels *tb_model_kernels(const tb_model *model)
{
    return model->kernels;
}

tb_numeric tb_model_numeric(const tb_model *model)
{
    return model->numeric;
}

/* ---- segments ------------------------------------------------------------------------------- */

size_t tb_encoded_floats(const tb_model *m, size_t rows, size_t kept, bool attendable)
{
    const tb_config *c = &m->config;
    size_t own = 2 * (size_t)(attendable ? c->encoder_layers : 1), cross = (m->narrow_cross ? 1 : 2) * (size_t)c->decoder_layers;
    size_t sum, more;
    if (rows == 0 || rows > c->max_encoder || kept > rows)
        return 0;
    if (!tb_mul((own + cross) * m->kv_dim, rows, &sum) || /* at most 128 * 2 * 2048 times 4096 */
        !tb_mul((c->format == TB_THIMBLE1 ? 2u : 1u) * (size_t)c->d_model, kept, &more) ||
        !tb_add(sum, more, &sum) || sum > SIZE_MAX / sizeof(float))
        return 0;
    return sum;
}

bool tb_encoded_bind(const tb_model *m, float *block, size_t floats, size_t rows, size_t kept,
                     bool attendable, tb_encoded *out, tb_error *err)
{
    const tb_config *c = &m->config;
    size_t need = tb_encoded_floats(m, rows, kept, attendable);
    size_t layer = m->kv_dim * rows, own = layer * (attendable ? c->encoder_layers : 1), cross;
    if (need == 0 || need > floats)
        return tb_fail(err, TB_E_INTERNAL, "segment of %zu rows, %zu kept: a block of %zu floats does not "
                       "hold it", rows, kept, floats);
    out->rows = (uint32_t)rows;
    out->kept = (uint32_t)kept;
    out->attendable = attendable;
    out->keys = block;
    out->values = out->keys + own;
    cross = layer * c->decoder_layers / (m->narrow_cross ? 2 : 1);
    out->cross_keys = out->values + own;
    out->cross_values = out->values + own + cross;
    out->states = out->values + own + 2 * cross;
    out->pointer_keys = c->format == TB_THIMBLE1 ? out->states + kept * c->d_model : NULL;
    return true;
}
