/* weights.h - reads a SafeTensors model file that nobody vouches for.
 *
 *     tb_weights w;
 *     if (tb_weights_open(file, size, arena, &w, err) &&
 *         tb_weights_floats(&w, "encoder_final_norm", 1, w.config.d_model, gamma, err)) ...
 *
 * For any bytes at all these functions return a result or TB_E_FORMAT (TB_E_NOMEM for a full arena)
 * and read nothing outside file[0..size). Errors name the field, what was expected and what was
 * found. Checked on opening: header at most 1 MB and nothing unknown in it; tensors back to back
 * from the header to exactly the end of the file; shape times element size equal to each span; no
 * name twice; sizes of the network in range. Floats are checked for NaN and infinity when read.
 *
 * Nothing is copied: `file` must stay as it is for as long as the result is used. Formats:
 * FORMAT.md section 4 (thimble1) and the needle-rs v0.1 file (needle1). */
#ifndef THIMBLE_WEIGHTS_H
#define THIMBLE_WEIGHTS_H

#include "base.h"

typedef enum { TB_DRELU, TB_SWIGLU, TB_GEGLU } tb_activation;

/* Sizes from the metadata, all in the ranges given. */
typedef struct {
    tb_format format;
    uint32_t d_model;        /* 32..2048, multiple of 32 */
    uint32_t heads;          /* 1..64, divides d_model */
    uint32_t kv_heads;       /* divides heads */
    uint32_t head_dim;       /* d_model / heads: 8..256, multiple of 8 */
    uint32_t encoder_layers; /* 1..64 */
    uint32_t decoder_layers; /* 1..64 */
    uint32_t vocab_size;     /* 300..65536 */
    uint32_t max_encoder;    /* rows of one encoded segment, 1..4096 (thimble1: 640) */
    uint32_t max_decoder;    /* decoder steps, 1..4096 */
    float rope_theta;        /* 1..1e9 */
    bool feed_forward;       /* needle1 only; then also: */
    uint32_t ffn_dim;        /* 1..8192; rows of the down projection are padded to a multiple of 32 */
    tb_activation activation;
    tb_str name;             /* empty, with a NULL ptr, if not given */
    tb_str calibration;      /* the same; text, JSON escapes undone */
    tb_str min_confidence;   /* the same */
    tb_str none_above;       /* the same */
} tb_config;

typedef enum { TB_F32, TB_F16, TB_BF16, TB_I4 } tb_dtype;

typedef struct {
    tb_str name;
    tb_dtype dtype;
    uint32_t rows, columns; /* a vector has 1 row; I4: bytes, two input rows in each */
    const uint8_t *data;    /* unaligned, little-endian */
    size_t bytes;
    bool used;              /* asked for by tb_weights_find or one of its callers */
} tb_tensor;

typedef struct {
    tb_config config;
    tb_tensor *tensors; /* sorted by name */
    size_t count;
} tb_weights;

/* The table of tensors is allocated from `arena`; nothing else is kept there. */
bool tb_weights_open(const uint8_t *file, size_t size, tb_arena *arena, tb_weights *out, tb_error *err);

/* The tensor of that name, marked as used, or NULL. */
tb_tensor *tb_weights_find(tb_weights *w, const char *name);

/* The same, with dtype and shape as expected; NULL and TB_E_FORMAT otherwise. */
const tb_tensor *tb_weights_get(tb_weights *w, const char *name, tb_dtype dtype, size_t rows,
                                size_t columns, tb_error *err);

/* Reads an F32, F16 or BF16 tensor of rows * columns finite numbers into `out`. */
bool tb_weights_floats(tb_weights *w, const char *name, size_t rows, size_t columns, float *out,
                       tb_error *err);

/* TB_E_FORMAT if there is a tensor that nobody asked for. */
bool tb_weights_all_used(const tb_weights *w, tb_error *err);

#endif
