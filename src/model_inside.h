/* model_inside.h - what model.c (loading), forward.c and attention.c (running) share; nobody else includes it. */
#ifndef THIMBLE_MODEL_INSIDE_H
#define THIMBLE_MODEL_INSIDE_H

#include "model.h"

/* One attention with its norm and gate: x + gate * (Attention(norm(x)) Wo). */
typedef struct {
    float *gain;   /* (d): 1 + gamma of the norm before it */
    float gate;    /* sigmoid applied */
    tb_int4 wq;    /* (d, d) */
    tb_int4 wk;    /* (d, kv) */
    tb_int4 wv;    /* (d, kv) */
    tb_int4 wo;    /* (d, d) */
    float *q_gain; /* (head) */
    float *k_gain; /* (head) */
} tb_attention;

typedef struct {
    tb_attention self, cross;
} tb_decoder_layer;

/* A feed-forward layer (needle1 files that say so; the published one has none):
 * x + gate * (activation(norm(x) Wgate, norm(x) Wup) Wdown). */
typedef struct {
    float *gain; /* (d): 1 + gamma of the norm before it */
    float gate;  /* sigmoid applied */
    tb_int4 w_gate, w_up; /* (d, ffn) */
    tb_int4 w_down;       /* (ffn padded to whole groups, d) */
} tb_feed_forward;

struct tb_model {
    tb_config config;
    const tb_kernels *kernels;
    tb_numeric numeric;
    uint32_t kv_dim;              /* kv_heads * head_dim */
    bool narrow_cross;            /* cross keys and values in bfloat16: needle1, fast (1,024 rows take 16 MiB in floats) */

    const uint8_t *embedding;     /* thimble1: (vocab, d / 2), two codes a byte, in the file; needle1: (vocab, d) bfloat16, copied */
    float *embedding_scale;       /* (vocab, d / TB_GROUP), thimble1 */
    float *classes;               /* (3, d), thimble1 */
    float embedding_factor;       /* sqrt(d) */

    tb_attention *encoder;        /* (encoder layers) */
    tb_decoder_layer *decoder;    /* (decoder layers) */
    tb_feed_forward *encoder_ffn; /* (encoder layers), NULL without */
    tb_feed_forward *decoder_ffn; /* (decoder layers), NULL without */
    float *encoder_gain;          /* (d): final norms */
    float *decoder_gain;          /* (d) */

    float *pointer_start;         /* (d), thimble1 from here on */
    float *pointer_end;           /* (d) */
    float *pointer_kind;          /* (6, d) */
    tb_int4 pointer_q, pointer_k; /* (d, d) */

    float *cos, *sin;             /* (positions, head / 2): RoPE */
    uint32_t positions;
};

/* ---- attention.c ---------------------------------------------------------------------------- */

/* Keys and values to attend to, (kv heads, rows, head): KV head h begins at element h * head_stride.
 * Floats, or bfloat16 where `narrow`. */
typedef struct {
    const void *keys, *values;
    size_t rows, head_stride;
    bool narrow;
} tb_source;

enum { TB_WIDE_ROWS = 64 /* bfloat16 rows widened at a time: 16 KB of a head of 64, in the first cache */ };

/* Rotates each head of a row by position `p`: with halves a, b: (a cos - b sin, b cos + a sin). */
void tb_rope(const tb_model *m, float *x, size_t heads, size_t p);

/* Keys or values x (rows, kv), written head by head: KV head h, row r goes to out + h * head_stride + r * head. */
void tb_split_heads(const tb_model *m, const float *x, size_t rows, float *out, size_t head_stride);

/* The cross keys and values k, v (rows, kv) of a decoder layer into the segment, and back from there. */
void tb_cross_store(const tb_model *m, const tb_encoded *out, uint32_t layer, const float *k, const float *v);
tb_source tb_cross_source(const tb_model *m, const tb_encoded *segment, uint32_t layer);

/* out (rows, d): every query row q (rows, d) attends to all rows of all sources. `weights` is room for
 * (heads / kv heads, all rows of the sources), `wide` for (TB_WIDE_ROWS, head). */
void tb_attend(const tb_model *m, const float *q, size_t rows, const tb_source *sources, size_t count,
               float *weights, float *wide, float *out);

/* Rows padded to whole groups. */
static inline size_t tb_padded(size_t rows)
{
    return (rows + TB_GROUP - 1) / TB_GROUP * TB_GROUP;
}

/* Bytes that tb_alloc takes for count * size, added to *sum; SIZE_MAX once anything overflows. */
static inline void tb_count_block(size_t *sum, size_t count, size_t size)
{
    size_t bytes;
    if (*sum == SIZE_MAX || !tb_mul(count, size, &bytes) || !tb_add(bytes, 63, &bytes) ||
        !tb_add(*sum, bytes / 64 * 64, sum))
        *sum = SIZE_MAX;
}

#endif
