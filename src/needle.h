/* needle.h - Needle 1's own weights: a request and a tool list in, the model's text out.
 *
 *     size_t size = tb_needle_size(&scratch, weights, n, m, &err);
 *     tb_needle *needle = tb_needle_open(&arena, weights, n, vocabulary, m, TB_EXACT, NULL, &err);
 *     size_t room = tb_needle_scratch_size(needle, query.len, tools.len);
 *     // encodes:
 *     tb_needle_run *run = tb_needle_begin(needle, &scratch, query, tools, &options, &err);
 *     // as it is written, if wanted:
 *     while (tb_needle_next(run, &piece, &err) && !piece.last) ...
 *     // decodes what is left:
 *     ok = tb_needle_finish(run, &answer, &err);
 *
 * Memory as in router.h: the caller's arenas. The needle's arena holds all it needs: the weight
 * file and the vocabulary may be freed after opening (that keeps the peak low). The scratch arena
 * serves one run at a time; an answer lies in it until the caller resets it. A needle never changes
 * and may serve several threads, each with its own scratch.
 *
 * With TB_NEEDLE_NEEDLE1, keep_tools and TB_EXACT every token is that of the original program run
 * in float32, near-ties of its logits apart. Any bytes as weights, vocabulary, tools or query give
 * a result or an error. */
#ifndef THIMBLE_NEEDLE_H
#define THIMBLE_NEEDLE_H

#include "model.h"
#include "tokenizer.h"

typedef struct tb_needle tb_needle;
typedef struct tb_needle_run tb_needle_run;

typedef enum {
    TB_NEEDLE_STRICT, /* JSON that validates against the tools' schemas, closed within the budget */
    TB_NEEDLE_NEEDLE1, /* the original constraint: names and keys (needle_guide.h) */
    TB_NEEDLE_FREE     /* none */
} tb_needle_grammar;

typedef struct {
    tb_needle_grammar grammar;
    bool keep_tools;     /* JSON-Schema tools are read as they are; else they are made flat first */
    bool lenient;        /* strict: schema keywords that are not enforced are passed over */
    uint32_t max_tokens; /* 1..max_decoder - 1 of the file (511); 0: that many */
    /* For tests: token i is forced[i] unless that is negative. May be NULL. */
    const int32_t *forced;
    size_t forced_count;
} tb_needle_options;

/* ---- loading --------------------------------------------------------------------------------- */

/* Bytes that tb_needle_open takes from its arena, 0 and an error if the file is no Needle 1 model.
 * `scratch`: at least 300 KB, given back. */
size_t tb_needle_size(tb_arena *scratch, const uint8_t *weights, size_t weights_len,
                      size_t vocabulary_len, tb_error *err);

/* `kernels`: NULL for the best, or a name of kernels.h. */
tb_needle *tb_needle_open(tb_arena *arena, const uint8_t *weights, size_t weights_len,
                          const char *vocabulary, size_t vocabulary_len, tb_numeric numeric,
                          const char *kernels, tb_error *err);

const tb_model *tb_needle_model(const tb_needle *needle);
const tb_tokenizer *tb_needle_tokenizer(const tb_needle *needle);

/* ---- a request ------------------------------------------------------------------------------- */

/* Scratch bytes that suffice for any request and tool list of these lengths (SIZE_MAX: too
 * long). */
size_t tb_needle_scratch_size(const tb_needle *needle, size_t query_len, size_t tools_len);

/* Where memory is dear: the bytes that tb_needle_begin and what follows need for just this request,
 * often half of the above; 0 and its error if it would be refused. The tools are read and
 * everything is tokenized for it, in a scratch of tb_needle_reading_size bytes, which is given
 * back. */
size_t tb_needle_reading_size(const tb_needle *needle, size_t query_len, size_t tools_len);
size_t tb_needle_exact_size(const tb_needle *needle, tb_arena *scratch, tb_str query, tb_str tools,
                            const tb_needle_options *options, tb_error *err);

/* Reads tools and query and encodes them: query, <tools>, tools, at most max_encoder tokens, cut as
 * the original does. NULL and an error: tools or query that are not UTF-8, tools that are no list
 * (needle_prompt.h) or, with `strict`, that have a schema it cannot enforce; options out of
 * range. */
tb_needle_run *tb_needle_begin(const tb_needle *needle, tb_arena *scratch, tb_str query,
                               tb_str tools, const tb_needle_options *options, tb_error *err);

typedef struct {
    uint32_t token;
    tb_str text; /* what it adds to the text, characters whole; valid until the next call */
    float lead;  /* its logit minus that of the second best allowed one; infinite if there is none,
                  * and with `strict`, which does not look for a second one */
    bool last;   /* nothing follows: `token` is the end token, or the limit is reached */
} tb_needle_piece;

/* One step of the decoder. After the last piece it is TB_E_INTERNAL to go on. */
bool tb_needle_next(tb_needle_run *run, tb_needle_piece *piece, tb_error *err);

typedef struct {
    tb_str text;  /* the answer as the original gives it, with the caller's names */
    tb_str calls; /* JSON: [{"name":..,"arguments":{..}},..], those elements of the text that are
                   * calls of a listed tool; "[]" if it is no JSON */
    bool valid;   /* the text is a JSON list of such calls and nothing else; strict: and it was
                   * not cut before a call that could not be finished */
    bool ended;   /* by the end token or, with strict, the end of the list */
    const uint32_t *tokens; /* without the end token */
    size_t token_count;
    const uint32_t *input; /* encoder tokens */
    size_t input_count;
} tb_needle_answer;

bool tb_needle_finish(tb_needle_run *run, tb_needle_answer *answer, tb_error *err);

/* ---- retrieval ------------------------------------------------------------------------------- */

/* Numbers in an embedding; 0: the file has no retrieval head (the published one has none). */
uint32_t tb_needle_embedding_size(const tb_needle *needle);

/* The unit vector of a text (its first 256 tokens) into out[tb_needle_embedding_size]. TB_E_OPTION
 * without a head, TB_E_QUERY for a text without tokens. */
bool tb_needle_embed(const tb_needle *needle, tb_arena *scratch, tb_str text, float *out,
                     tb_error *err);

typedef struct {
    uint32_t tool; /* its place in the list */
    float score;   /* cosine similarity */
} tb_needle_match;

/* The `room` tools of the list that fit the query best, best first (equal ones in list order); a
 * tool is read as its compact JSON, `flat` as in tb_needle_options.keep_tools turned round. */
bool tb_needle_retrieve(const tb_needle *needle, tb_arena *scratch, tb_str query, tb_str tools,
                        bool flat, tb_needle_match *out, size_t room, size_t *count, tb_error *err);

#endif
