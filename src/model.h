/* model.h - the network: what is likely next. Both formats, one forward pass (FORMAT.md section 3;
 * spec of Needle 1, section 1). It knows tokens and rows, not tools or JSON.
 *
 *     tb_model *model = tb_model_load(file, size, kernels, TB_FAST, arena, err);
 *
 *     // thimble1: each tool once, the request, then decisions
 *     tb_encoded_bind(model, block, floats, rows, anchors, true, &tool);
 *     tb_encode(model, ids, classes, rows, anchor_rows, NULL, 0, &tool, scratch, err);
 *     tb_encoded_bind(model, block2, floats2, n, n, false, &query);
 *     tb_encode(model, ids, classes, n, NULL, tools, tool_count, &query, scratch, err);
 *     tb_decoder *d = tb_decoder_start(model, segments, 1 + tool_count, max_steps, arena, err);
 *     tb_decoder_step(d, NULL, 0, err);
 *     tb_decoder_score(d, places, count, scores, err);
 *     tb_decoder_step(d, &places[best], kind, err); ...
 *
 *     // needle1: the whole input is one segment, then tokens
 *     tb_decoder_token(d, 1, err); tb_decoder_logits(d, logits, err); ...
 *
 * Memory: every object lives in memory that the caller gave; the `_bytes` and `_floats` functions say
 * beforehand how much that is. The weight file of a thimble1 model must outlive it (the embedding stays
 * in it); needle1's larger one is not needed any more after loading. A model never changes after loading and may serve several threads, each with its own
 * scratch and decoders. Same input, same bits, whatever the kernels. */
#ifndef THIMBLE_MODEL_H
#define THIMBLE_MODEL_H

#include "kernels.h"
#include "weights.h"

typedef struct tb_model tb_model;

/* FORMAT.md section 5. fast: the input rows of every INT4 product are rounded to INT8. */
typedef enum { TB_FAST, TB_EXACT } tb_numeric;

enum {
    TB_KINDS = 6,         /* kinds of decision, FORMAT.md section 3 */
    TB_MAX_KEYS = 1 << 18 /* rows that one row may attend to, all segments together */
};

/* ---- loading -------------------------------------------------------------------------------- */

/* Reads, checks and repacks a weight file. NULL and TB_E_FORMAT (wrong file) or TB_E_NOMEM. */
tb_model *tb_model_load(const uint8_t *file, size_t size, const tb_kernels *kernels,
                        tb_numeric numeric, tb_arena *arena, tb_error *err);

/* Arena bytes that tb_model_load takes at its peak for this file, or 0 and an error. `arena` holds
 * the table of tensors while it looks (at most 300 KB) and is given back. */
size_t tb_model_load_bytes(const uint8_t *file, size_t size, tb_arena *arena, tb_error *err);

const tb_config *tb_model_config(const tb_model *model);
const tb_kernels *tb_model_kernels(const tb_model *model);
tb_numeric tb_model_numeric(const tb_model *model);

/* ---- segments ------------------------------------------------------------------------------- */

/* Encoded rows: what others may attend to and the decoder may point at. All pointers lead into one
 * block of floats, which can be copied, stored and bound again. Shapes as (outermost, ..., innermost). */
typedef struct {
    uint32_t rows;
    uint32_t kept;       /* rows with a state: all, or those of the anchors */
    bool attendable;     /* holds the keys and values of every encoder layer, so that another segment
                          * can attend to it; otherwise of one layer only, as working memory */
    float *keys;         /* (encoder layers or 1, kv heads, rows, head): normed, with RoPE */
    float *values;       /* the same shape */
    void *cross_keys;    /* (decoder layers, kv heads, rows, head): normed, no RoPE; floats, with needle1
                          * in fast mode bfloat16 */
    void *cross_values;  /* the same shape */
    float *states;       /* (kept, d): after the encoder's final norm */
    float *pointer_keys; /* (kept, d): states Wpk; thimble1 only, else NULL */
} tb_encoded;

/* Floats of a segment's block; 0 if the sizes are out of range (rows 1..max_encoder, kept 0..rows). */
size_t tb_encoded_floats(const tb_model *model, size_t rows, size_t kept, bool attendable);

/* Points *out into `block`, which holds at least tb_encoded_floats(...) floats; 16-byte alignment is
 * enough, 64 is best. TB_E_INTERNAL if it does not. */
bool tb_encoded_bind(const tb_model *model, float *block, size_t floats, size_t rows, size_t kept,
                     bool attendable, tb_encoded *out, tb_error *err);

/* Encodes `rows` tokens at positions 0.. into `out` (bound for these rows). The rows see each other
 * and all rows of the `seen` segments, in the order given (their own first); the result depends on
 * that order in the last bits.
 *   ids        < vocab_size, else TB_E_INTERNAL
 *   classes    case classes 0..2; NULL for needle1
 *   kept_rows  the out->kept rows whose states are kept, or NULL for the first out->kept ones */
bool tb_encode(const tb_model *model, const uint32_t *ids, const uint8_t *classes, size_t rows,
               const uint32_t *kept_rows, const tb_encoded *const *seen, size_t seen_count,
               const tb_encoded *out, tb_arena *scratch, tb_error *err);

/* Scratch bytes of tb_encode; `seen_rows` is the sum over the seen segments. SIZE_MAX: too many. */
size_t tb_encode_bytes(const tb_model *model, size_t rows, size_t seen_rows);

/* ---- decoder -------------------------------------------------------------------------------- */

typedef struct tb_decoder tb_decoder;

/* A position to point at: kept row `row` of segment `segment`, both counted as handed to
 * tb_decoder_start; or the end. */
typedef struct {
    uint32_t segment; /* TB_PLACE_END: END, `row` is not read */
    uint32_t row;
} tb_place;

enum { TB_PLACE_END = 0x7fffffff };

/* A decoder before its first step, allocated in `arena` with everything it will need. `segments` (and
 * the array itself) must stay as they are while it is used. TB_E_TOO_LONG above max_decoder steps. */
tb_decoder *tb_decoder_start(const tb_model *model, const tb_encoded *const *segments, size_t count,
                             size_t max_steps, tb_arena *arena, tb_error *err);

/* Arena bytes of a decoder; `rows` is the sum over its segments. SIZE_MAX: too many. */
size_t tb_decoder_bytes(const tb_model *model, size_t rows, size_t max_steps);

/* Steps taken so far; a step beyond max_steps is TB_E_TOO_LONG. */
size_t tb_decoder_steps(const tb_decoder *decoder);

/* thimble1: feeds the place chosen before (NULL at the start; never END) and the kind 0..5 of the
 * decision that comes next. No scores are computed: forced decisions cost no head. */
bool tb_decoder_step(tb_decoder *decoder, const tb_place *place, unsigned kind, tb_error *err);

/* thimble1: scores of these places after the last step, to be compared by softmax. TB_E_FORMAT when
 * the weights are such that a score is not finite. */
bool tb_decoder_score(tb_decoder *decoder, const tb_place *places, size_t count, float *scores,
                      tb_error *err);

/* thimble1: scores, after the last step, of the first kept rows of segments that this decoder need not
 * see: of the <tool> anchors of a long list, when it began over the request alone. Errors as above. */
bool tb_decoder_match(tb_decoder *decoder, const tb_encoded *segments, size_t count, float *scores,
                      tb_error *err);

/* needle1: feeds a token. */
bool tb_decoder_token(tb_decoder *decoder, uint32_t id, tb_error *err);

/* needle1: logits (vocab_size) after the last step. TB_E_FORMAT as above. */
bool tb_decoder_logits(tb_decoder *decoder, float *logits, tb_error *err);

#endif
