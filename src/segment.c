/* segment.c - builds what the encoder reads. */
#include "segment.h"

#include <string.h>

#include "text.h"

/* Tokens of each kind of text that are kept; the rest is cut off silently. */
enum {
    NAME_TOKENS = 24,
    DESCRIPTION_TOKENS = 64,
    ARGUMENT_TOKENS = 40,
    VALUE_TOKENS = 12,
    MOST_TOKENS = 64
};

typedef struct {
    const tb_tokenizer *tokenizer;
    tb_arena *scratch;
    tb_error *err;
    uint32_t *rows; /* TB_TOOL_ROWS of them */
    uint32_t count; /* may run beyond TB_TOOL_ROWS: what does is counted, not kept */
} builder;

static void add_row(builder *b, uint32_t row)
{
    if (b->count < TB_TOOL_ROWS)
        b->rows[b->count] = row;
    b->count++;
}

static bool add_text(builder *b, tb_str text, size_t limit)
{
    tb_token tokens[MOST_TOKENS];
    size_t count;
    if (!tb_tokenize(b->tokenizer, text, tokens, limit, &count, b->scratch, b->err))
        return false;
    for (size_t i = 0; i < count && i < limit; i++)
        add_row(b, tokens[i].id | (uint32_t)tokens[i].case_class << 16);
    return true;
}

/* The keys of the path as words, a space between them. */
static bool add_path(builder *b, const tb_argument *a)
{
    size_t room = 0, used = 0;
    char *text;
    for (uint32_t i = 0; i < a->depth; i++)
        room += tb_words_room(a->path[i].len) + 1;
    text = tb_alloc(b->scratch, room, 1, b->err);
    if (text == NULL)
        return false;
    for (uint32_t i = 0; i < a->depth; i++) {
        if (i > 0)
            text[used++] = ' ';
        used += tb_words(a->path[i], text + used);
    }
    return add_text(b, (tb_str){text, used}, NAME_TOKENS);
}

static void append(char *text, size_t *used, tb_str piece)
{
    memcpy(text + *used, piece.ptr, piece.len);
    *used += piece.len;
}

/* Type, "required" and description as one text. */
static bool add_kind(builder *b, const tb_argument *a)
{
    static const char WORDS[5][13] = {"text", "number", "whole number", "yes or no", "choice"};
    enum { WORDS_ROOM = 64 };
    size_t used = 0;
    char *text = tb_alloc(b->scratch, a->description.len + WORDS_ROOM, 1, b->err);
    if (text == NULL)
        return false;
    if (a->array)
        append(text, &used, tb_str_of("list of "));
    append(text, &used, tb_str_of(WORDS[a->type]));
    if (a->required)
        append(text, &used, tb_str_of(" required"));
    if (a->description.len > 0) {
        append(text, &used, tb_str_of(", "));
        append(text, &used, a->description);
    }
    return add_text(b, (tb_str){text, used}, ARGUMENT_TOKENS);
}

static bool add_value(builder *b, const tb_value *value)
{
    char *text;
    if (value->type == TB_VALUE_TRUE || value->type == TB_VALUE_FALSE)
        return add_text(b, tb_str_of(value->type == TB_VALUE_TRUE ? "yes" : "no"), VALUE_TOKENS);
    if (value->type == TB_VALUE_NUMBER)
        return add_text(b, value->text, VALUE_TOKENS);
    text = tb_alloc(b->scratch, tb_words_room(value->text.len), 1, b->err);
    return text != NULL &&
           add_text(b, (tb_str){text, tb_value_words(value->text, text)}, VALUE_TOKENS);
}

static bool add_name(builder *b, tb_str name)
{
    char *text = tb_alloc(b->scratch, tb_words_room(name.len), 1, b->err);
    return text != NULL && add_text(b, (tb_str){text, tb_words(name, text)}, NAME_TOKENS);
}

static uint16_t anchor(builder *b, uint32_t id)
{
    uint16_t row = (uint16_t)b->count;
    add_row(b, id);
    return row;
}

static bool build(builder *b, const tb_tool *tool, uint16_t *arguments, uint16_t *values)
{
    size_t mark = tb_arena_mark(b->scratch);
    add_row(b, TB_ID_TOOL);
    if (!add_name(b, tool->name))
        return false;
    if (tool->description.len > 0) {
        add_row(b, TB_ID_IS);
        if (!add_text(b, tool->description, DESCRIPTION_TOKENS))
            return false;
    }
    for (uint32_t i = 0; i < tool->argument_count; i++) {
        const tb_argument *a = &tool->arguments[i];
        tb_arena_reset(b->scratch, mark);
        arguments[i] = anchor(b, TB_ID_ARG);
        if (!add_path(b, a))
            return false;
        add_row(b, TB_ID_IS);
        if (!add_kind(b, a))
            return false;
        for (uint32_t v = 0; v < a->value_count; v++) {
            values[a->first_value + v] = anchor(b, TB_ID_VAL);
            if (!add_value(b, &a->values[v]))
                return false;
        }
    }
    tb_arena_reset(b->scratch, mark);
    return true;
}

bool tb_segment_build(const tb_tokenizer *tokenizer, const tb_tool *tool, tb_arena *arena,
                      tb_arena *scratch, tb_segment *out, tb_error *err)
{
    size_t mark = tb_arena_mark(scratch);
    builder b = {tokenizer, scratch, err, NULL, 0};
    uint16_t *arguments = tb_alloc(arena, tool->argument_count, sizeof *arguments, err);
    uint16_t *values = tb_alloc(arena, tool->value_count, sizeof *values, err);
    uint32_t *rows;
    b.rows = tb_alloc(scratch, TB_TOOL_ROWS, sizeof *b.rows, err);
    if (arguments == NULL || values == NULL || b.rows == NULL ||
        !build(&b, tool, arguments, values))
        return false;
    if (b.count > TB_TOOL_ROWS)
        return tb_fail(err, TB_E_TOO_LONG,
                       "tool \"%.*s\" takes %u tokens; at most %d fit: shorten it",
                       (int)tool->name.len, tool->name.ptr, (unsigned)b.count, TB_TOOL_ROWS);
    rows = tb_alloc(arena, b.count, sizeof *rows, err);
    if (rows == NULL)
        return false;
    memcpy(rows, b.rows, b.count * sizeof *rows);
    tb_arena_reset(scratch, mark);
    *out = (tb_segment){tool, rows, b.count, arguments, values};
    return true;
}

bool tb_query_read(const tb_tokenizer *tokenizer, tb_str text, tb_arena *arena, tb_arena *scratch,
                   tb_query *out, tb_error *err)
{
    size_t valid = tb_utf8_check(text.ptr, text.len), count;
    tb_token *tokens;
    if (text.len > TB_QUERY_BYTES)
        return tb_fail(err, TB_E_TOO_LONG, "the request has %zu bytes; at most %d are read",
                       text.len, TB_QUERY_BYTES);
    if (valid != text.len)
        return tb_fail(err, TB_E_QUERY, "the request is not UTF-8 (byte %zu)", valid);
    tokens = tb_alloc(arena, TB_QUERY_ROWS, sizeof *tokens, err);
    if (tokens == NULL ||
        !tb_tokenize(tokenizer, text, tokens + 1, TB_QUERY_ROWS - 1, &count, scratch, err))
        return false;
    if (count == 0)
        return tb_fail(err, TB_E_QUERY, "the request is empty");
    if (count > TB_QUERY_ROWS - 1)
        return tb_fail(err, TB_E_TOO_LONG, "the request takes %zu tokens; at most %d fit",
                       count + 1, TB_QUERY_ROWS);
    tokens[0] = (tb_token){TB_ID_QUERY, 0, 0, 0};
    *out = (tb_query){text, tokens, (uint32_t)count + 1};
    return true;
}
