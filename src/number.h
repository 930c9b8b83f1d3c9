/* number.h - numbers in requests: which pieces of a text read as a number, and which number.
 * "21", "1,250.50", "-2", "5k", "3rd", "2 million", "twenty-one", "two and a half", "a dozen". */
#ifndef THIMBLE_NUMBER_H
#define THIMBLE_NUMBER_H

#include "base.h"

/* mantissa / 10^scale with |mantissa| < 10^15 and the smallest scale 0..9 that does it, so that the
 * spelling is exact and independent of floating point. */
typedef struct {
    int64_t mantissa;
    uint32_t scale;
} tb_number;

/* The number that all of `text` spells. `text` must be ASCII-lower-cased. */
bool tb_number_parse(tb_str text, tb_number *out);

/* Whether a number may begin at byte `at` < text.len / end before byte `end` > 0 (both character
 * boundaries) of a whole, lower-cased request: it does not cut a word, a longer numeral or a sign.
 * Digits may touch a unit ("30min"). */
bool tb_number_may_begin(tb_str text, size_t at);
bool tb_number_may_end(tb_str text, size_t end);

/* Correctly rounded: both parts are exact doubles. */
double tb_number_double(tb_number number);

enum { TB_NUMBER_ROOM = 24 };
/* Canonical JSON spelling into out[TB_NUMBER_ROOM]; returns its length. */
size_t tb_number_spell(tb_number number, char *out);

#endif
