/* needle_strict.h - the strict grammar of Needle 1's output: compact JSON in which everything is as
 * the tools' schemas say. Byte by byte: [{"name":NAME,"arguments":{KEY:VALUE,..}},..], where names
 * are those of the list, keys those of the tool, each once and in any order, required ones all
 * there, values of their type, one of the enum's, within lengths and ranges. What cannot be told
 * before a value is complete (pattern, format, multipleOf of fractions, uniqueItems) is checked
 * when it is to be closed. Nothing is begun that could not be closed within the tokens left: every
 * byte is a token at the worst.
 *
 *     tb_needle_strict *strict =
 *         tb_needle_strict_begin(arena, &tokenizer, tools, lenient, budget, err);
 *     switch (tb_needle_strict_look(strict, left, &token)) ...             // before each token
 *     tb_needle_strict_choose(strict, logits, left, &token);
 *     tb_needle_strict_feed(strict, token);
 *
 * A dead end is possible only in a value with pattern, format, multipleOf or uniqueItems. The
 * answer then ends before that call (tb_needle_strict_text). */
#ifndef THIMBLE_NEEDLE_STRICT_H
#define THIMBLE_NEEDLE_STRICT_H

#include "schema.h"
#include "tokenizer.h"

typedef struct tb_needle_strict tb_needle_strict;

/* `tools` as the caller wrote them, any dialect of schema.h. TB_E_TOOLS for names that snake case
 * makes empty or equal, TB_E_OPTION if `budget` tokens cannot hold even an empty list. */
tb_needle_strict *tb_needle_strict_begin(tb_arena *arena, const tb_tokenizer *tokenizer,
                                         tb_str tools, bool lenient, uint32_t budget,
                                         tb_error *err);

/* Looks at what may come next when `left` more tokens may be written, this one included. */
typedef enum {
    TB_STRICT_DEAD_END,
    TB_STRICT_ONE, /* *token is the only possibility, TB_ID_END when the list is closed: no logits
                      needed */
    TB_STRICT_SEVERAL
} tb_strict_outlook;
tb_strict_outlook tb_needle_strict_look(tb_needle_strict *strict, uint32_t left, uint32_t *token);

/* After TB_STRICT_SEVERAL: the allowed token with the largest logit, the lowest id on ties. False:
 * a dead end all the same. */
bool tb_needle_strict_choose(tb_needle_strict *strict, const float *logits, uint32_t left,
                             uint32_t *token);
/* Takes a token; false (and nothing taken) if the grammar does not allow it. */
bool tb_needle_strict_feed(tb_needle_strict *strict, uint32_t token);

/* The JSON written so far; after a dead end, or if it is not complete, the whole calls of it. */
tb_str tb_needle_strict_text(tb_needle_strict *strict);
bool tb_needle_strict_complete(const tb_needle_strict *strict);

#endif
