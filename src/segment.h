/* segment.h - tools and requests as rows of tokens (models/FORMAT.md 1 and 2). */
#ifndef THIMBLE_SEGMENT_H
#define THIMBLE_SEGMENT_H

#include "base.h"
#include "schema.h"
#include "tokenizer.h"

enum { TB_TOOL_ROWS = 640, TB_QUERY_ROWS = 320, TB_QUERY_BYTES = 16384 };

/* What the encoder reads of one tool, and where its anchors are. */
typedef struct {
    const tb_tool *tool;
    const uint32_t *rows;      /* (count): token id | case class << 16 */
    uint32_t count;            /* 1..TB_TOOL_ROWS */
    const uint16_t *arguments; /* (tool->argument_count): the row of each <arg> */
    const uint16_t
        *values; /* (tool->value_count): the row of each <val>, argument after argument */
} tb_segment;

/* A request. tokens[0] is <query> with the empty range [0,0). */
typedef struct {
    tb_str text; /* valid UTF-8, the caller's */
    const tb_token *tokens;
    uint32_t count; /* 2..TB_QUERY_ROWS */
} tb_query;

/* The rows live in `arena`; what is in `scratch` (another arena) is given back. TB_E_TOO_LONG. */
bool tb_segment_build(const tb_tokenizer *tokenizer, const tb_tool *tool, tb_arena *arena,
                      tb_arena *scratch, tb_segment *out, tb_error *err);

/* `text` must outlive the query. TB_E_QUERY: empty (or spaces only), not UTF-8. TB_E_TOO_LONG. */
bool tb_query_read(const tb_tokenizer *tokenizer, tb_str text, tb_arena *arena, tb_arena *scratch,
                   tb_query *out, tb_error *err);

#endif
