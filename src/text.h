/* text.h - names as words, and which characters may begin and end a value (models/FORMAT.md 1 and
 * 2, design 2.3). Everything works on code points; only ASCII letters have a case. */
#ifndef THIMBLE_TEXT_H
#define THIMBLE_TEXT_H

#include "base.h"

/* "No character here": before the first and after the last one of a text. */
#define TB_NO_CHAR UINT32_MAX

bool tb_is_digit(uint32_t c);  /* 0-9 */
bool tb_is_alpha(uint32_t c);  /* A-Z, a-z */
uint32_t tb_lower(uint32_t c); /* A-Z become a-z, all else stays */
/* White space as Unicode has it, and the separators 0x1C..0x1F. */
bool tb_is_space(uint32_t c);
bool tb_is_currency(uint32_t c);
/* Letters, digits and everything beyond ASCII that is no known punctuation or symbol. */
bool tb_is_word_char(uint32_t c);

/* The character that begins at byte `at`, or ends before it; `text` is valid UTF-8 and `at` a
 * character boundary. TB_NO_CHAR beyond the ends. */
uint32_t tb_char_at(tb_str text, size_t at);
uint32_t tb_char_before(tb_str text, size_t at);
/* Whether byte `at` <= text.len is where a character begins, or the end. */
bool tb_is_boundary(tb_str text, size_t at);

/* Whether a value may begin with `c` when `next` follows it. */
bool tb_may_start(uint32_t c, uint32_t next);
/* Whether a value may end with `c`. For a closing bracket see tb_opener(): its partner must stand
 * in the value too. */
bool tb_may_end(uint32_t c);
/* The opening bracket of `c`, or 0 if `c` closes nothing. */
uint32_t tb_opener(uint32_t c);

/* Room that tb_words() and tb_value_words() may need for a text of this many bytes. */
size_t tb_words_room(size_t len);
/* A name in any style as lower-case words, "getWeather" -> "get weather"; the name itself if no
 * words are in it. Writes to `out` (tb_words_room(name.len) bytes), returns the length. */
size_t tb_words(tb_str name, char *out);
/* An enum value: as words if its ASCII characters are all in [A-Za-z0-9_. -], else unchanged. */
size_t tb_value_words(tb_str value, char *out);

#endif
