/* needle_guide.h - Needle 1's own constraint: tool names and argument keys come from the tool list
 * (spec of Needle 1, 4). Everything here, oddities too, is what the original program does: nothing
 * else of the JSON is checked, and where nothing fits nothing is forbidden.
 *
 *     tb_needle_texts texts;    tb_needle_texts_open(&tokenizer, arena, &texts, err);    // once
 *     tb_needle_guide guide;    tb_needle_guide_begin(arena, &texts, &tools, &guide, err);
 *     if (tb_needle_guide_mask(&guide, allowed)) ...            // before each token
 *     tb_needle_guide_feed(&guide, token);                      // after it was chosen
 */
#ifndef THIMBLE_NEEDLE_GUIDE_H
#define THIMBLE_NEEDLE_GUIDE_H

#include "json.h"
#include "needle_prompt.h"
#include "tokenizer.h"

/* What each id adds to the text that the constraint sees: control ids nothing, byte pieces the one
 * character of that number (U+0000..U+00FF, as UTF-8), others their piece with spaces for
 * U+2581. */
typedef struct {
    const char *bytes;
    const uint32_t *starts; /* (size + 1) */
    uint32_t size;
} tb_needle_texts;

bool tb_needle_texts_open(const tb_tokenizer *tokenizer, tb_arena *arena, tb_needle_texts *out,
                          tb_error *err);
tb_str tb_needle_text(const tb_needle_texts *texts, uint32_t id);

/* Words in byte order, and those of them that begin with the `depth` bytes walked so far: [low,
 * high). low == high: off the words. */
typedef struct {
    const tb_json_member *words; /* key: the word; value: the index of its tool (names only) */
    uint32_t low, high;
    size_t depth;
} tb_needle_walk;

/* One byte further. */
void tb_needle_walk_on(tb_needle_walk *walk, char c);

typedef enum { TB_GUIDE_FREE, TB_GUIDE_NAME, TB_GUIDE_KEY } tb_guide_state;

typedef struct {
    const tb_needle_texts *texts;
    const tb_needle_tools *tools;
    tb_json_member *names; /* (tool_count), sorted */
    tb_json_member *keys;  /* (most keys of a tool): those of the current one, sorted */
    uint32_t key_count;
    bool known; /* the current tool has such keys at all */
    tb_guide_state state;
    tb_needle_walk span; /* the name or key begun */
    bool in_arguments, in_string, escaped;
    uint32_t depth, arguments_depth;
    char tail[16]; /* the last characters, ASCII; anything else as 0x7f */
    char solid;    /* the last one that was no white space */
} tb_needle_guide;

/* `tools` and `texts` must outlive the guide. */
bool tb_needle_guide_begin(tb_arena *arena, const tb_needle_texts *texts,
                           const tb_needle_tools *tools, tb_needle_guide *out, tb_error *err);
/* Whether the next token is constrained; if so allowed[id] (texts->size of them) says what it may
 * be, and at least one is true. */
bool tb_needle_guide_mask(const tb_needle_guide *guide, bool *allowed);
void tb_needle_guide_feed(tb_needle_guide *guide, uint32_t id);

#endif
