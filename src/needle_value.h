/* needle_value.h - values of arguments while they are being written, byte by byte: what may follow,
 * and how many bytes are still needed at least. Used by the strict grammar (needle_strict.h). */
#ifndef THIMBLE_NEEDLE_VALUE_H
#define THIMBLE_NEEDLE_VALUE_H

#include "schema.h"

enum {
    TB_NO_WAY = 1 << 20,   /* "bytes needed" when nothing leads to an allowed value */
    TB_NUMBER_DIGITS = 15, /* of a number that is written, so that doubles hold it exactly */
    TB_NUMBER_DECIMALS = 6,
    TB_STRING_GUESS = 256 /* bytes after which a string with a pattern or format is given up */
};

/* ---- strings --------------------------------------------------------------------------------- */

/* A JSON string after its opening quote. All zeros at the start. */
typedef struct {
    uint32_t characters; /* whole ones so far */
    uint8_t escape; /* 0: none; 1: behind a backslash; 2..5: that many - 1 hex digits missing */
    bool low_half;  /* the first half of a surrogate pair is written, the second must follow */
    uint8_t behind_high;       /* of that: 1 the backslash, 2 the u is missing next */
    uint16_t unit;             /* hex digits so far */
    uint8_t tail, least, most; /* UTF-8: bytes missing, and the range of the next one */
} tb_string_state;

/* Feeds a byte that is not the closing quote; false if it may not stand here. */
bool tb_string_feed(tb_string_state *s, const tb_argument *a, char c);
/* Whether a closing quote may follow as far as whole characters and the argument's lengths go. */
bool tb_string_whole(const tb_string_state *s, const tb_argument *a);
/* Bytes needed before the closing quote. */
uint32_t tb_string_rest(const tb_string_state *s, const tb_argument *a);

/* ---- numbers --------------------------------------------------------------------------------- */

/* Least number of bytes that, behind `text`, complete a number which the argument allows; 0 if it
 * is one already, TB_NO_WAY if there is none. Written are: no exponent, no "-0", at most
 * TB_NUMBER_DIGITS digits before and TB_NUMBER_DECIMALS behind the point. */
uint32_t tb_number_rest(tb_str text, const tb_argument *a);

#endif
