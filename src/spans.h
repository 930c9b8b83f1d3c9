/* spans.h - which pieces of a request may be the value of an argument: word boundaries,
 * punctuation, numbers, schema limits. Pieces are named by their first and last token (index into
 * the query's). */
#ifndef THIMBLE_SPANS_H
#define THIMBLE_SPANS_H

#include "base.h"
#include "number.h"
#include "schema.h"
#include "segment.h"

enum { TB_SPAN_TOKENS = 64, TB_NUMBER_TOKENS = 16 }; /* longest piece for a string, for a number */

typedef struct {
    uint16_t start, end; /* tokens */
    tb_number value;
} tb_number_span;

/* What is known of a request before any argument is looked at. */
typedef struct {
    tb_query query;
    uint32_t *chars_before; /* (count): characters before each token's first byte */
    uint32_t *chars_to;     /* (count): characters up to its last byte */
    uint32_t *opener;       /* (count): 1 + byte of the bracket that its last character closes,
                               UINT32_MAX if there is none, 0 if it closes nothing */
    uint16_t *starts,
        *ends; /* tokens with which text may begin, end (before brackets are seen to) */
    uint32_t start_count, end_count;
    tb_number_span *numbers; /* by start, then end */
    uint32_t number_count;
} tb_spans;

/* Everything lives in `arena`. TB_E_INTERNAL if the tokens do not lie in the text one after
 * another. */
bool tb_spans_read(tb_spans *spans, const tb_query *query, tb_arena *arena, tb_error *err);

/* Tokens beyond `after` (-1: all) with which an allowed value of a string, number or integer
 * argument begins: the first `most` of them, ascending. `out` has room for query.count. Returns how
 * many. */
uint32_t tb_spans_starts(const tb_spans *spans, const tb_argument *argument, int32_t after,
                         uint32_t most, int32_t *out);
/* Tokens with which an allowed value that begins at token `start` ends. */
uint32_t tb_spans_ends(const tb_spans *spans, const tb_argument *argument, uint32_t start,
                       int32_t *out);

/* The bytes of a piece. */
tb_str tb_spans_text(const tb_spans *spans, uint32_t start, uint32_t end);
/* The number that a piece reads as; NULL if it reads as none. */
const tb_number_span *tb_spans_number(const tb_spans *spans, uint32_t start, uint32_t end);

#endif
