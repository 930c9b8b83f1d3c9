/* needle_strict.c - tokens over the machine of bytes. */
#include "needle_strict_inside.h"

#include <string.h>

/* ---- tokens ---------------------------------------------------------------------------------- */

/* The bytes that a token adds to the text; 0: none that may stand in an answer. */
static size_t token_bytes(const tb_tokenizer *t, uint32_t id, char out[TB_MAX_PIECE])
{
    tb_str piece = tb_piece(t, id);
    int byte = tb_piece_byte(t, id);
    size_t used = 0;
    if (byte >= 0) {
        out[0] = (char)byte;
        return 1;
    }
    if (id <= TB_ID_TOOLS) /* control pieces and user symbols */
        return 0;
    for (size_t i = 0; i < piece.len;) {
        bool mark = piece.len - i >= 3 && memcmp(piece.ptr + i, "\xe2\x96\x81", 3) == 0;
        out[used++] = mark ? ' ' : piece.ptr[i];
        i += mark ? 3 : 1;
    }
    return used;
}

/* The state behind a token, if it fits and the text can still be finished in `left` tokens more. */
static bool try_token(tb_needle_strict *s, uint32_t id, uint32_t left, tb_strict_state *out)
{
    char bytes[TB_MAX_PIECE];
    size_t count = token_bytes(s->tokenizer, id, bytes);
    *out = s->now;
    for (size_t i = 0; i < count; i++)
        if (!tb_strict_step(s, out, bytes[i]))
            return false;
    return count > 0 && tb_strict_rest(s, out) <= left;
}

/* Tokens whose first byte fits. */
static uint32_t collect(tb_needle_strict *s)
{
    bool fits[256];
    uint32_t count = 0;
    fits[0] = false;
    for (unsigned c = 1; c < 256; c++) {
        tb_strict_state next = s->now;
        fits[c] = tb_strict_step(s, &next, (char)c);
    }
    for (uint32_t id = 0; id < s->tokenizer->size; id++)
        if (fits[s->first[id]])
            s->candidates[count++] = id;
    return count;
}

enum { FEW = 24 /* candidates that are all tried, in the hope that only one is left */ };

tb_strict_outlook tb_needle_strict_look(tb_needle_strict *s, uint32_t left, uint32_t *token)
{
    uint32_t good = 0;
    tb_strict_state next;
    if (!s->begun || s->now.at == AT_COMPLETE) {
        *token = s->begun ? TB_ID_END : TB_ID_TOOL_CALL;
        return TB_STRICT_ONE;
    }
    if (left == 0)
        return TB_STRICT_DEAD_END;
    s->count = collect(s);
    if (s->count > FEW)
        return TB_STRICT_SEVERAL;
    for (uint32_t i = 0; i < s->count; i++)
        if (try_token(s, s->candidates[i], left - 1, &next))
            s->candidates[good++] = s->candidates[i];
    s->count = good;
    *token = good > 0 ? s->candidates[0] : 0;
    return good == 0 ? TB_STRICT_DEAD_END : good == 1 ? TB_STRICT_ONE : TB_STRICT_SEVERAL;
}

bool tb_needle_strict_choose(tb_needle_strict *s, const float *logits, uint32_t left,
                             uint32_t *token)
{
    while (s->count > 0) {
        uint32_t best = 0;
        tb_strict_state next;
        for (uint32_t i = 1; i < s->count; i++) /* in order of ids, so the first of equals stays */
            if (logits[s->candidates[i]] > logits[s->candidates[best]])
                best = i;
        *token = s->candidates[best];
        if (try_token(s, *token, left - 1, &next))
            return true;
        memmove(s->candidates + best, s->candidates + best + 1,
                (--s->count - best) * sizeof *s->candidates);
    }
    return false;
}

bool tb_needle_strict_feed(tb_needle_strict *s, uint32_t token)
{
    tb_strict_state next;
    if (!s->begun) {
        s->begun = token == TB_ID_TOOL_CALL;
        return s->begun;
    }
    if (!try_token(s, token, TB_NO_WAY, &next))
        return false;
    /* trying others wrote over the bytes behind the text: this token's are the last */
    s->now = next;
    return true;
}

bool tb_needle_strict_complete(const tb_needle_strict *s)
{
    return s->now.at == AT_COMPLETE;
}

tb_str tb_needle_strict_text(tb_needle_strict *s)
{
    if (s->now.at == AT_COMPLETE)
        return (tb_str){s->text, s->now.length};
    if (s->now.calls_end == 0)
        return tb_str_of("[]");
    s->text[s->now.calls_end] = ']';
    return (tb_str){s->text, s->now.calls_end + 1};
}

/* ---- the beginning --------------------------------------------------------------------------- */

static bool fill_names(tb_needle_strict *s, tb_arena *arena, const tb_tools *tools, tb_error *err)
{
    s->tool_count = tools->count;
    s->tools = tb_alloc(arena, tools->count, sizeof *s->tools, err);
    s->names = tb_alloc(arena, tools->count, sizeof *s->names, err);
    for (uint32_t i = 0; s->tools != NULL && s->names != NULL && i < tools->count; i++) {
        tb_str name = tools->tools[i].name;
        char *snake = tb_alloc(arena, 2 * name.len, 1, err);
        if (snake == NULL || !tb_strict_fill_table(arena, &tools->tools[i], &s->tools[i], err))
            return false;
        s->names[i] = (tb_json_member){{snake, tb_snake_case(name, snake)}, i};
        if (s->names[i].key.len == 0)
            return tb_fail(err, TB_E_TOOLS,
                           "tool \"%.*s\" has no ASCII letter or digit in its name: the model "
                           "cannot call it",
                           (int)(name.len < 80 ? name.len : 80), name.ptr);
    }
    if (s->tools == NULL || s->names == NULL)
        return false;
    tb_json_sort(s->names, s->tool_count);
    for (uint32_t i = 1; i < s->tool_count; i++)
        if (tb_str_equal(s->names[i - 1].key, s->names[i].key))
            return tb_fail(err, TB_E_TOOLS, "two tools are both \"%.*s\" to the model: rename one",
                           (int)(s->names[i].key.len < 80 ? s->names[i].key.len : 80),
                           s->names[i].key.ptr);
    return true;
}

tb_needle_strict *tb_needle_strict_begin(tb_arena *arena, const tb_tokenizer *tokenizer,
                                         tb_str tools, bool lenient, uint32_t budget, tb_error *err)
{
    tb_needle_strict *s = tb_alloc(arena, 1, sizeof *s, err);
    tb_tools *read = tb_schema_read(arena, arena, tools.ptr, tools.len, lenient, err);
    if (s == NULL || read == NULL || !fill_names(s, arena, read, err))
        return NULL;
    s->arena = arena;
    s->tokenizer = tokenizer;
    s->room = budget * TB_MAX_PIECE + TB_MAX_PIECE;
    s->text = tb_alloc(arena, s->room, 1, err);
    s->first = tb_alloc(arena, tokenizer->size, 1, err);
    s->candidates = tb_alloc(arena, tokenizer->size, sizeof *s->candidates, err);
    if (s->text == NULL || s->first == NULL || s->candidates == NULL)
        return NULL;
    for (uint32_t id = 0; id < tokenizer->size; id++) {
        char bytes[TB_MAX_PIECE];
        s->first[id] = token_bytes(tokenizer, id, bytes) > 0 ? (uint8_t)bytes[0] : 0;
    }
    if (budget < 3) {
        tb_fail(err, TB_E_OPTION, "max_tokens is %u: even an empty list takes 3", budget);
        return NULL;
    }
    return s;
}
