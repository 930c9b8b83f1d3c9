/* needle_guide.c - follows the text character by character; masks by walking sorted words. */
#include "needle_guide.h"

#include <string.h>

/* ---- token texts ----------------------------------------------------------------------------- */

/* Writes the text of `id` to `out`, or only counts if that is NULL. */
static size_t write_text(const tb_tokenizer *t, uint32_t id, char *out)
{
    tb_str piece = tb_piece(t, id);
    int byte = tb_piece_byte(t, id);
    size_t used = 0;
    if (id <= TB_ID_UNKNOWN)
        return 0;
    if (byte >= 0) {
        char text[2] = {(char)(0xc0 | byte >> 6), (char)(0x80 | (byte & 0x3f))};
        if (byte < 0x80)
            text[0] = (char)byte;
        used = byte < 0x80 ? 1 : 2;
        if (out != NULL)
            memcpy(out, text, used);
        return used;
    }
    for (size_t i = 0; i < piece.len;) {
        bool mark = piece.len - i >= 3 && memcmp(piece.ptr + i, "\xe2\x96\x81", 3) == 0;
        if (out != NULL)
            out[used] = mark ? ' ' : piece.ptr[i];
        used++;
        i += mark ? 3 : 1;
    }
    return used;
}

bool tb_needle_texts_open(const tb_tokenizer *tokenizer, tb_arena *arena, tb_needle_texts *out,
                          tb_error *err)
{
    uint32_t total = 0; /* at most 65536 pieces of TB_MAX_PIECE bytes */
    uint32_t *starts = tb_alloc(arena, (size_t)tokenizer->size + 1, sizeof *starts, err);
    char *bytes;
    if (starts == NULL)
        return false;
    for (uint32_t id = 0; id < tokenizer->size; id++) {
        starts[id] = total;
        total += (uint32_t)write_text(tokenizer, id, NULL);
    }
    starts[tokenizer->size] = total;
    bytes = tb_alloc(arena, total, 1, err);
    if (bytes == NULL)
        return false;
    for (uint32_t id = 0; id < tokenizer->size; id++)
        write_text(tokenizer, id, bytes + starts[id]);
    *out = (tb_needle_texts){bytes, starts, tokenizer->size};
    return true;
}

tb_str tb_needle_text(const tb_needle_texts *texts, uint32_t id)
{
    return (tb_str){texts->bytes + texts->starts[id], texts->starts[id + 1] - texts->starts[id]};
}

/* ---- words ----------------------------------------------------------------------------------- */

/* The first word of [low, high) whose byte at `depth` is not below `c`; words shorter than that
 * come first. */
static uint32_t bound(const tb_needle_walk *w, unsigned c)
{
    uint32_t low = w->low, high = w->high;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        tb_str word = w->words[middle].key;
        if (word.len <= w->depth || (uint8_t)word.ptr[w->depth] < c)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void tb_needle_walk_on(tb_needle_walk *w, char c)
{
    uint32_t low = bound(w, (uint8_t)c);
    w->high = bound(w, (unsigned)(uint8_t)c + 1);
    w->low = low;
    w->depth++;
}

/* Whether what was walked is a whole word: it sorts before those that go on. */
static bool at_word(const tb_needle_walk *w)
{
    return w->low < w->high && w->words[w->low].key.len == w->depth;
}

/* Whether a token of this text may follow: it stays among the words, or closes one with a quote
 * behind which nothing is checked. */
static bool may_follow(tb_needle_walk w, tb_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '"')
            return at_word(&w);
        tb_needle_walk_on(&w, text.ptr[i]);
        if (w.low == w.high)
            return false;
    }
    return text.len > 0;
}

/* ---- the guide ------------------------------------------------------------------------------- */

bool tb_needle_guide_begin(tb_arena *arena, const tb_needle_texts *texts,
                           const tb_needle_tools *tools, tb_needle_guide *out, tb_error *err)
{
    uint32_t most = 0;
    memset(out, 0, sizeof *out);
    out->texts = texts;
    out->tools = tools;
    for (uint32_t i = 0; i < tools->tool_count; i++)
        most = tools->tools[i].key_count > most ? tools->tools[i].key_count : most;
    out->names = tb_alloc(arena, tools->tool_count, sizeof *out->names, err);
    out->keys = tb_alloc(arena, most, sizeof *out->keys, err);
    if (out->names == NULL || out->keys == NULL)
        return false;
    for (uint32_t i = 0; i < tools->tool_count; i++)
        out->names[i] = (tb_json_member){tools->tools[i].name, i};
    tb_json_sort(out->names, tools->tool_count);
    return true;
}

/* The name is closed: the keys of the last tool of that name that has any. */
static void choose_tool(tb_needle_guide *g)
{
    const tb_needle_tool *tool = NULL;
    g->known = false;
    g->key_count = 0;
    if (!at_word(&g->span))
        return;
    for (uint32_t i = g->span.low; i < g->span.high && g->names[i].key.len == g->span.depth; i++) {
        const tb_needle_tool *t = &g->tools->tools[g->names[i].value];
        if (t->keyed && (tool == NULL || t > tool))
            tool = t;
    }
    if (tool == NULL)
        return;
    g->known = true;
    for (; g->key_count < tool->key_count; g->key_count++)
        g->keys[g->key_count] = (tb_json_member){tool->keys[g->key_count], 0};
    tb_json_sort(g->keys, g->key_count);
}

static void open_span(tb_needle_guide *g, tb_guide_state state)
{
    g->state = state;
    if (state == TB_GUIDE_NAME)
        g->span = (tb_needle_walk){g->names, 0, g->tools->tool_count, 0};
    else
        g->span = (tb_needle_walk){g->keys, 0, g->known ? g->key_count : 0, 0};
}

static bool ends_with(const tb_needle_guide *g, const char *literal)
{
    size_t len = tb_str_of(literal).len;
    return memcmp(g->tail + sizeof g->tail - len, literal, len) == 0;
}

/* A character outside names, keys and strings. `before` is the last one that was no white space. */
static void feed_free(tb_needle_guide *g, char c, char before)
{
    if (c == '}' || c == ']') {
        g->depth -= g->depth > 0;
        if (c == '}' && g->depth < g->arguments_depth)
            g->in_arguments = false;
        return;
    }
    g->depth += c == '{' || c == '[';
    if (!g->in_arguments && ends_with(g, "\"name\":\"")) {
        open_span(g, TB_GUIDE_NAME);
    } else if (ends_with(g, "\"arguments\":{")) {
        g->in_arguments = true;
        g->arguments_depth = g->depth;
    } else if (g->in_arguments && g->depth == g->arguments_depth &&
               (ends_with(g, "{\"") || ends_with(g, ",\""))) {
        open_span(g, TB_GUIDE_KEY);
    } else if (c == '"' && before == ':') {
        g->in_string = true; /* so strings inside arrays are not followed */
    }
}

/* One ASCII character, or any byte of another one. */
static void feed_byte(tb_needle_guide *g, char c)
{
    char before = g->solid;
    memmove(g->tail, g->tail + 1, sizeof g->tail - 1);
    g->tail[sizeof g->tail - 1] = (uint8_t)c < 0x80 ? c : '\x7f';
    if (c != ' ' && c != '\t' && c != '\n' && c != '\r')
        g->solid = c;
    if (g->state != TB_GUIDE_FREE) {
        if (c != '"') {
            tb_needle_walk_on(&g->span, c);
            return;
        }
        if (g->state == TB_GUIDE_NAME)
            choose_tool(g);
        g->state = TB_GUIDE_FREE;
    } else if (g->in_string) {
        if (g->escaped)
            g->escaped = false;
        else if (c == '\\')
            g->escaped = true;
        else if (c == '"')
            g->in_string = false;
    } else {
        feed_free(g, c, before);
    }
}

void tb_needle_guide_feed(tb_needle_guide *guide, uint32_t id)
{
    tb_str text = tb_needle_text(guide->texts, id);
    for (size_t i = 0; i < text.len; i++)
        feed_byte(guide, text.ptr[i]);
}

bool tb_needle_guide_mask(const tb_needle_guide *guide, bool *allowed)
{
    bool any = false;
    if (guide->state == TB_GUIDE_FREE || guide->span.low == guide->span.high)
        return false;
    for (uint32_t id = 0; id < guide->texts->size; id++) {
        allowed[id] = may_follow(guide->span, tb_needle_text(guide->texts, id));
        any |= allowed[id];
    }
    return any;
}
