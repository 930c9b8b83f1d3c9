/* pattern.h - the regular expressions of JSON Schema, in linear time.
 *
 * The part of ECMA-262 that needs no backtracking: literals, '.', classes, \d \w \s \b and their
 * negations, ^ and $ (of the text, never of lines), groups, alternation, * + ? {m} {m,} {m,n} and
 * their lazy forms. Everything is about code points; \d, \w, \b are ASCII, \s is ECMA's.
 * Refused: back-references, look-around, \p, and what exceeds the limits below. */
#ifndef THIMBLE_PATTERN_H
#define THIMBLE_PATTERN_H

#include "base.h"

enum { TB_PATTERN_BYTES = 1024, TB_PATTERN_PROGRAM = 1000, TB_PATTERN_NESTING = 32 };

typedef struct tb_pattern tb_pattern;

/* Compiles `source` (valid UTF-8) into the arena. If the pattern is refused: NULL, *err untouched,
 * and *why gets the rest of the sentence '"pattern" ...' (in `room`, TB_PATTERN_WHY bytes). NULL
 * and *err set: out of memory. */
enum { TB_PATTERN_WHY = 80 };
const tb_pattern *tb_pattern_compile(tb_arena *arena, tb_str source, char room[TB_PATTERN_WHY],
                                     tb_error *err);

/* For each of the `count` ascending byte offsets: fits[i] = whether the pattern is found anywhere
 * in text[0..ends[i]), ^ and $ meaning the two ends of just that piece. `text` is valid UTF-8,
 * offsets are character boundaries. Time: text length * program length. Needs no memory but the
 * stack's. */
void tb_pattern_scan(const tb_pattern *pattern, const char *text, const size_t *ends, size_t count,
                     bool *fits);
/* The same for one whole text. */
bool tb_pattern_found(const tb_pattern *pattern, tb_str text);

#endif
