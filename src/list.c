/* list.c - tool lists: preparing, saving, loading. */
#include "router_inside.h"

#include <string.h>

enum {
    MAX_TOOLS_TEXT = 4 << 20,
    MAX_ROWS = TB_MAX_KEYS - TB_QUERY_ROWS, /* of all tools together */
    BYTES_PER_BYTE = 192,                   /* JSON nodes, schemas and segments, per byte of text */
    READING = 2 << 20                       /* what reading takes however short the text is */
};

/* ---- laying out: all of a list but the encoder's work -------------------------------------------
 */

size_t tb_list_scratch(const tb_router *router, size_t len)
{
    size_t sum, encode = tb_encode_bytes(router->model, TB_TOOL_ROWS, 0);
    if (len > MAX_TOOLS_TEXT)
        len = MAX_TOOLS_TEXT; /* longer ones are refused early */
    if (!tb_mul(len, BYTES_PER_BYTE, &sum) || !tb_add(sum, READING, &sum) ||
        !tb_add(sum, encode, &sum))
        return 0;
    return sum;
}

/* The rows of <tool>, <arg> and <val>, ascending. */
static uint32_t *anchor_rows(const tb_segment *segment, tb_arena *arena, uint32_t *count,
                             tb_error *err)
{
    const tb_tool *tool = segment->tool;
    uint32_t *rows =
        tb_alloc(arena, 1 + tool->argument_count + tool->value_count, sizeof *rows, err);
    uint32_t n = 0, value = 0;
    if (!rows)
        return NULL;
    rows[n++] = 0;
    for (uint32_t i = 0; i < tool->argument_count; i++) {
        rows[n++] = segment->arguments[i];
        for (uint32_t k = 0; k < tool->arguments[i].value_count; k++)
            rows[n++] = segment->values[value++];
    }
    *count = n;
    return rows;
}

static bool lay_out_tool(const tb_router *router, tb_list *list, uint32_t i, tb_arena *arena,
                         tb_arena *scratch, tb_error *err)
{
    tb_segment *segment = &list->segments[i];
    size_t mark = tb_arena_mark(scratch);
    bool ok =
        tb_segment_build(&router->tokenizer, &list->tools->tools[i], arena, scratch, segment, err);
    tb_arena_reset(scratch, mark);
    if (!ok)
        return false;
    list->kept[i] = anchor_rows(segment, arena, &list->encoded[i].kept, err);
    list->encoded[i].rows = segment->count;
    list->rows += segment->count;
    if (list->rows > MAX_ROWS)
        return tb_fail(err, TB_E_TOO_LONG,
                       "the tools take more than %d tokens together; shorten or split the list",
                       (int)MAX_ROWS);
    list->block_floats[i] =
        tb_encoded_floats(router->model, segment->count, list->encoded[i].kept, true);
    return list->kept[i] != NULL;
}

/* Reads the tools and cuts them into segments; `encoded` has its counts but no memory yet. */
static tb_list *lay_out(const tb_router *router, tb_arena *arena, tb_arena *scratch, tb_str text,
                        bool lenient, tb_error *err)
{
    if (text.len > MAX_TOOLS_TEXT) {
        tb_fail(err, TB_E_TOO_LONG, "the tools take %zu bytes; at most %d are read", text.len,
                (int)MAX_TOOLS_TEXT);
        return NULL;
    }
    if (tb_model_config(router->model)->format != TB_THIMBLE1) {
        tb_fail(err, TB_E_OPTION,
                "this model is Needle 1, which has no prepared tools; use tb_needle");
        return NULL;
    }
    tb_list *list = tb_alloc(arena, 1, sizeof *list, err);
    char *copy = tb_alloc(arena, text.len, 1, err);
    if (!list || !copy)
        return NULL;
    memcpy(copy, text.ptr, text.len);
    *list =
        (tb_list){.text = {copy, text.len}, .lenient = lenient, .fingerprint = router->fingerprint};
    list->tools = tb_schema_read(arena, scratch, copy, text.len, lenient, err);
    if (!list->tools)
        return NULL;
    list->count = list->tools->count;
    list->segments = tb_alloc(arena, list->count, sizeof *list->segments, err);
    list->encoded = tb_alloc(arena, list->count, sizeof *list->encoded, err);
    list->kept = tb_alloc(arena, list->count, sizeof *list->kept, err);
    list->block_floats = tb_alloc(arena, list->count, sizeof *list->block_floats, err);
    if (!list->segments || !list->encoded || !list->kept || !list->block_floats)
        return NULL;
    for (uint32_t i = 0; i < list->count; i++)
        if (!lay_out_tool(router, list, i, arena, scratch, err))
            return NULL;
    return list;
}

static bool bind_blocks(const tb_router *router, tb_list *list, tb_arena *arena, tb_error *err)
{
    for (uint32_t i = 0; i < list->count; i++) {
        size_t floats = list->block_floats[i];
        float *block = tb_alloc(arena, floats, sizeof *block, err);
        if (!block || !tb_encoded_bind(router->model, block, floats, list->encoded[i].rows,
                                       list->encoded[i].kept, true, &list->encoded[i], err))
            return false;
    }
    return true;
}

/* Bytes that a list laid out in `used` bytes takes with its blocks. */
static size_t whole_size(const tb_list *list, size_t used, tb_error *err)
{
    size_t sum = used + 64;
    for (uint32_t i = 0; i < list->count; i++) {
        size_t bytes;
        if (!tb_mul(list->block_floats[i], sizeof(float), &bytes) ||
            !tb_add(sum, bytes + 64, &sum)) {
            tb_fail(err, TB_E_NOMEM, "the tool list does not fit the address space");
            return 0;
        }
    }
    return sum;
}

/* A list laid out at the start of the scratch arena, as it will lie in its own; `used` its bytes
 * there. The rest of the scratch serves as scratch. Give the scratch back with tb_arena_reset()
 * when done. */
static tb_list *try_out(const tb_router *router, tb_arena *scratch, tb_str text, bool lenient,
                        size_t *used, tb_error *err)
{
    size_t half = (scratch->size - scratch->used) / 2;
    void *memory = tb_alloc(scratch, half, 1, err);
    tb_arena own;
    if (!memory)
        return NULL;
    tb_arena_init(&own, memory, half);
    tb_list *list = lay_out(router, &own, scratch, text, lenient, err);
    *used = own.used;
    return list;
}

size_t tb_list_size(const tb_router *router, tb_arena *scratch, const char *tools, size_t tools_len,
                    bool lenient, tb_error *err)
{
    size_t mark = tb_arena_mark(scratch), used;
    tb_list *list = try_out(router, scratch, (tb_str){tools, tools_len}, lenient, &used, err);
    size_t size = list ? whole_size(list, used, err) : 0;
    tb_arena_reset(scratch, mark);
    return size;
}

/* ---- preparing --------------------------------------------------------------------------------
 */

static bool encode_tool(const tb_router *router, tb_list *list, uint32_t i, tb_arena *scratch,
                        tb_error *err)
{
    const tb_segment *segment = &list->segments[i];
    size_t mark = tb_arena_mark(scratch);
    uint32_t *ids = tb_alloc(scratch, segment->count, sizeof *ids, err);
    uint8_t *classes = tb_alloc(scratch, segment->count, 1, err);
    if (!ids || !classes)
        return false;
    for (uint32_t k = 0; k < segment->count; k++) {
        ids[k] = segment->rows[k] & 0xffff;
        classes[k] = (uint8_t)(segment->rows[k] >> 16);
    }
    bool ok = tb_encode(router->model, ids, classes, segment->count, list->kept[i], NULL, 0,
                        &list->encoded[i], scratch, err);
    tb_arena_reset(scratch, mark);
    return ok;
}

tb_list *tb_list_prepare(const tb_router *router, tb_arena *arena, tb_arena *scratch,
                         const char *tools, size_t tools_len, bool lenient, tb_error *err)
{
    size_t mark = tb_arena_mark(scratch);
    tb_list *list = lay_out(router, arena, scratch, (tb_str){tools, tools_len}, lenient, err);
    bool ok = list && bind_blocks(router, list, arena, err);
    tb_arena_reset(scratch, mark);
    for (uint32_t i = 0; ok && i < list->count; i++)
        ok = encode_tool(router, list, i, scratch, err);
    return ok ? list : NULL;
}

size_t tb_list_count(const tb_list *list)
{
    return list->count;
}

/* ---- as bytes: header, text, padding to 4, blocks
 * ------------------------------------------------- */

typedef struct {
    char magic[8];
    uint32_t version, lenient;
    uint64_t fingerprint; /* of the weights */
    uint64_t text_len, floats;
    uint64_t checksum; /* of all that follows the header */
} saved_header;

static const char MAGIC[8] = {'T', 'H', 'I', 'M', 'T', 'O', 'O', 'L'};
enum { SAVED_VERSION = 1 };

static size_t padded(size_t len)
{
    return (len + 3) / 4 * 4;
}

/* Of all blocks. Each lies in one piece and begins with its keys. */
static size_t list_floats(const tb_list *list)
{
    size_t sum = 0;
    for (uint32_t i = 0; i < list->count; i++)
        sum += list->block_floats[i];
    return sum;
}

bool tb_list_is_saved(const uint8_t *bytes, size_t len)
{
    return len >= sizeof MAGIC && !memcmp(bytes, MAGIC, sizeof MAGIC);
}

size_t tb_list_saved_size(const tb_list *list)
{
    return sizeof(saved_header) + padded(list->text.len) + list_floats(list) * sizeof(float);
}

void tb_list_save(const tb_list *list, uint8_t *out)
{
    uint8_t *at = out + sizeof(saved_header);
    memset(at, 0, padded(list->text.len));
    memcpy(at, list->text.ptr, list->text.len);
    at += padded(list->text.len);
    for (uint32_t i = 0; i < list->count; i++) {
        memcpy(at, list->encoded[i].keys, list->block_floats[i] * sizeof(float));
        at += list->block_floats[i] * sizeof(float);
    }
    saved_header header = {.version = SAVED_VERSION,
                           .lenient = list->lenient,
                           .fingerprint = list->fingerprint,
                           .text_len = list->text.len,
                           .floats = list_floats(list)};
    memcpy(header.magic, MAGIC, sizeof MAGIC);
    header.checksum = tb_fingerprint(out + sizeof header, (size_t)(at - out) - sizeof header);
    memcpy(out, &header, sizeof header);
}

static bool read_header(const tb_router *router, const uint8_t *saved, size_t len,
                        saved_header *header, tb_error *err)
{
    if (!tb_list_is_saved(saved, len) || len < sizeof *header)
        return tb_fail(err, TB_E_FORMAT,
                       "these are no prepared tools (%zu bytes); make them with prepare", len);
    memcpy(header, saved, sizeof *header);
    uint64_t rest = len - sizeof *header;
    if (header->version != SAVED_VERSION)
        return tb_fail(err, TB_E_FORMAT,
                       "prepared tools of version %u; this engine reads %d: prepare them again",
                       header->version, SAVED_VERSION);
    if (header->text_len > MAX_TOOLS_TEXT || header->floats > rest / sizeof(float) ||
        padded((size_t)header->text_len) + header->floats * sizeof(float) != rest)
        return tb_fail(err, TB_E_FORMAT,
                       "prepared tools are cut off or altered: %zu bytes do not fit their header",
                       len);
    if (header->checksum != tb_fingerprint(saved + sizeof *header, (size_t)rest))
        return tb_fail(err, TB_E_FORMAT,
                       "prepared tools are altered: the checksum differs; prepare them again");
    if (header->fingerprint != router->fingerprint)
        return tb_fail(err, TB_E_FORMAT,
                       "these tools were prepared with another model; prepare them again");
    return true;
}

size_t tb_list_load_scratch(const tb_router *router, const uint8_t *saved, size_t len)
{
    saved_header header = {0}; /* checked when it is read in earnest */
    if (len >= sizeof header)
        memcpy(&header, saved, sizeof header);
    return tb_list_scratch(router, header.text_len < len ? (size_t)header.text_len : len);
}

size_t tb_list_load_size(const tb_router *router, tb_arena *scratch, const uint8_t *saved,
                         size_t len, tb_error *err)
{
    saved_header header;
    if (!read_header(router, saved, len, &header, err))
        return 0;
    return tb_list_size(router, scratch, (const char *)saved + sizeof header,
                        (size_t)header.text_len, header.lenient != 0, err);
}

tb_list *tb_list_load(const tb_router *router, tb_arena *arena, tb_arena *scratch,
                      const uint8_t *saved, size_t len, tb_error *err)
{
    saved_header header;
    size_t mark = tb_arena_mark(scratch);
    if (!read_header(router, saved, len, &header, err))
        return NULL;
    tb_str text = {(const char *)saved + sizeof header, (size_t)header.text_len};
    tb_list *list = lay_out(router, arena, scratch, text, header.lenient != 0, err);
    bool ok = list && bind_blocks(router, list, arena, err);
    tb_arena_reset(scratch, mark);
    if (!ok)
        return NULL;
    if (list_floats(list) != header.floats) {
        tb_fail(err, TB_E_FORMAT, "prepared tools hold %zu numbers, their schemas call for %zu",
                (size_t)header.floats, list_floats(list));
        return NULL;
    }
    const uint8_t *at = saved + sizeof header + padded(text.len);
    for (uint32_t i = 0; i < list->count; i++) {
        memcpy(list->encoded[i].keys, at, list->block_floats[i] * sizeof(float));
        at += list->block_floats[i] * sizeof(float);
    }
    return list;
}
