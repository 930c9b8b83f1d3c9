/* attention.c - keys, values and what attends to them (FORMAT.md section 3). */
#include "model_inside.h"

#include "elementary.h"

#include <string.h>

void tb_rope(const tb_model *m, float *x, size_t heads, size_t p)
{
    size_t half = m->config.head_dim / 2;
    const float *cos = m->cos + p * half, *sin = m->sin + p * half;
    for (size_t h = 0; h < heads; h++, x += 2 * half)
        for (size_t i = 0; i < half; i++) {
            float a = x[i], b = x[half + i];
            x[i] = a * cos[i] - b * sin[i];
            x[half + i] = b * cos[i] + a * sin[i];
        }
}

void tb_split_heads(const tb_model *m, const float *x, size_t rows, float *out, size_t head_stride)
{
    size_t head = m->config.head_dim;
    for (size_t r = 0; r < rows; r++, x += m->kv_dim)
        for (size_t h = 0; h < m->config.kv_heads; h++)
            memcpy(out + h * head_stride + r * head, x + h * head, head * sizeof *x);
}

/* ---- what the decoder attends to: the rows of a segment ------------------------------------- */

/* Round half to even; infinities stay what they are, and so do the NaNs that arithmetic makes. */
static uint16_t narrow(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

/* x (rows, kv) -> out (kv heads, rows, head) in bfloat16. */
static void split_narrow(const tb_model *m, const float *x, size_t rows, uint16_t *out)
{
    size_t head = m->config.head_dim;
    for (size_t r = 0; r < rows; r++, x += m->kv_dim)
        for (size_t h = 0; h < m->config.kv_heads; h++)
            for (size_t i = 0; i < head; i++)
                out[(h * rows + r) * head + i] = narrow(x[h * head + i]);
}

void tb_cross_store(const tb_model *m, const tb_encoded *out, uint32_t layer, const float *k, const float *v)
{
    size_t at = (size_t)layer * m->kv_dim * out->rows, stride = out->rows * m->config.head_dim;
    if (m->narrow_cross) {
        split_narrow(m, k, out->rows, (uint16_t *)out->cross_keys + at);
        split_narrow(m, v, out->rows, (uint16_t *)out->cross_values + at);
    } else {
        tb_split_heads(m, k, out->rows, (float *)out->cross_keys + at, stride);
        tb_split_heads(m, v, out->rows, (float *)out->cross_values + at, stride);
    }
}

tb_source tb_cross_source(const tb_model *m, const tb_encoded *segment, uint32_t layer)
{
    size_t at = (size_t)layer * m->kv_dim * segment->rows;
    size_t bytes = at * (m->narrow_cross ? sizeof(uint16_t) : sizeof(float));
    return (tb_source){(const uint8_t *)segment->cross_keys + bytes, (const uint8_t *)segment->cross_values + bytes,
                       segment->rows, segment->rows * m->config.head_dim, m->narrow_cross};
}

/* ---- attending ------------------------------------------------------------------------------ */

/* Query heads that share a KV head, and where their weights go. */
typedef struct {
    const tb_kernels *kernels;
    size_t share, head, stride; /* stride: keys of all sources */
    float scale;
    float *wide;
} group;

/* weights[i * stride + j] = (query_i . key_j) * scale over the rows of one head of a source. */
static void scores(const group *g, const float *query, const tb_source *s, size_t at, float *weights)
{
    if (!s->narrow) {
        g->kernels->scores(query, g->share, (const float *)s->keys + at, s->rows, g->head, g->scale, weights, g->stride);
        return;
    }
    for (size_t r = 0; r < s->rows; r += TB_WIDE_ROWS) {
        size_t n = s->rows - r < TB_WIDE_ROWS ? s->rows - r : TB_WIDE_ROWS;
        g->kernels->widen((const uint16_t *)s->keys + at + r * g->head, n * g->head, g->wide);
        g->kernels->scores(query, g->share, g->wide, n, g->head, g->scale, weights + r, g->stride);
    }
}

/* out_i += sum_j weights[i * stride + j] * value_j, in order of j. */
static void mix(const group *g, const float *weights, const tb_source *s, size_t at, float *out)
{
    if (!s->narrow) {
        g->kernels->mix(weights, g->stride, g->share, (const float *)s->values + at, s->rows, g->head, out);
        return;
    }
    for (size_t r = 0; r < s->rows; r += TB_WIDE_ROWS) {
        size_t n = s->rows - r < TB_WIDE_ROWS ? s->rows - r : TB_WIDE_ROWS;
        g->kernels->widen((const uint16_t *)s->values + at + r * g->head, n * g->head, g->wide);
        g->kernels->mix(weights + r, g->stride, g->share, g->wide, n, g->head, out);
    }
}

void tb_attend(const tb_model *m, const float *q, size_t rows, const tb_source *sources, size_t count,
               float *weights, float *wide, float *out)
{
    const tb_config *c = &m->config;
    size_t head = c->head_dim, share = c->heads / c->kv_heads, keys = 0;
    for (size_t s = 0; s < count; s++)
        keys += sources[s].rows;
    group g = {m->kernels, share, head, keys, 1.0f / tb_sqrt((float)head), wide};
    memset(out, 0, rows * c->d_model * sizeof *out);
    for (size_t h = 0; h < c->kv_heads; h++)
        for (size_t r = 0; r < rows; r++) {
            const float *query = q + r * c->d_model + h * share * head;
            float *o = out + r * c->d_model + h * share * head, *w = weights;
            for (size_t s = 0; s < count; w += sources[s++].rows)
                scores(&g, query, &sources[s], h * sources[s].head_stride, w);
            float inverse[64]; /* heads are at most 64 */
            for (size_t i = 0; i < share; i++)
                inverse[i] = 1.0f / m->kernels->softmax(weights + i * keys, keys);
            w = weights;
            for (size_t s = 0; s < count; w += sources[s++].rows)
                mix(&g, w, &sources[s], h * sources[s].head_stride, o);
            for (size_t i = 0; i < share; i++)
                for (size_t k = 0; k < head; k++)
                    o[i * head + k] *= inverse[i];
        }
}
