/* needle_inside.h - what needle.c (loading, decoding) and needle_retrieve.c share. */
#ifndef THIMBLE_NEEDLE_INSIDE_H
#define THIMBLE_NEEDLE_INSIDE_H

#include "needle.h"
#include "needle_guide.h"

/* The retrieval head; hidden == 0: there is none. Row-major, (in, out). */
typedef struct {
    uint32_t hidden, width;
    float *hidden_kernel; /* (d, hidden) */
    float *hidden_bias;   /* (hidden) */
    float *out_kernel;    /* (hidden, width) */
} tb_needle_head;

struct tb_needle {
    tb_model *model;
    tb_tokenizer tokenizer;
    tb_needle_texts texts;
    tb_needle_head head;
};

/* Reads the head if the file has one; *bytes, if not NULL, gets what it took of the arena. */
bool tb_needle_head_open(tb_arena *arena, tb_weights *w, tb_needle_head *out, tb_error *err);
/* Arena bytes of tb_needle_head_open. */
size_t tb_needle_head_bytes(tb_weights *w);

/* Tokens of a text, cut at `limit`, into out[limit]. */
bool tb_needle_ids(const tb_needle *needle, tb_arena *scratch, tb_str text, size_t limit,
                   uint32_t *out, size_t *count, tb_error *err);

/* Encodes ids; `kept` rows keep their states. The result is in `scratch`. */
bool tb_needle_encode(const tb_needle *needle, tb_arena *scratch, const uint32_t *ids, size_t rows,
                      size_t kept, tb_encoded *out, tb_error *err);

#endif
