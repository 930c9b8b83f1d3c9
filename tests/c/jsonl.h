/* jsonl.h - goes through a golden file of one JSON object per line. */
#ifndef THIMBLE_TEST_JSONL_H
#define THIMBLE_TEST_JSONL_H

#include "test.h"

#include "../../src/json.h"

/* The JSON of the line at hand; test_line counts from 1. */
typedef void jsonl_check(const tb_json *json, void *with);

static int test_line;

/* Calls check() for every line; each file must have at least `least`. */
static inline void jsonl_each(const char *path, int least, jsonl_check *check, void *with)
{
    enum { ROOM = 16 << 20 };
    size_t size, start = 0;
    char *data = test_read_file(path, &size);
    void *memory = malloc(ROOM);
    if (memory == NULL)
        exit(1);
    test_line = 0;
    for (size_t at = 0; at < size; at++) {
        tb_arena arena;
        tb_json json;
        tb_error err = {TB_OK, {0}};
        if (data[at] != '\n')
            continue;
        test_line++;
        tb_arena_init(&arena, memory, ROOM);
        if (CHECK(tb_json_parse(&arena, &arena, data + start, at - start, &json, &err)))
            check(&json, with);
        else
            printf("    %s:%d: %s\n", path, test_line, err.message);
        start = at + 1;
    }
    CHECK(test_line >= least);
    free(memory);
    free(data);
}

static inline const tb_json_node *jsonl_node(const tb_json *json, uint32_t index)
{
    if (index == TB_JSON_NONE) {
        printf("line %d lacks a member\n0 passed, 1 failed\n", test_line);
        exit(1);
    }
    return &json->nodes[index];
}

static inline uint32_t jsonl_find(const tb_json *json, uint32_t object, const char *key)
{
    return tb_json_get(json, object, tb_str_of(key));
}

static inline tb_str jsonl_text(const tb_json *json, uint32_t object, const char *key)
{
    return jsonl_node(json, jsonl_find(json, object, key))->text;
}

/* Item `n` of an array. */
static inline uint32_t jsonl_item(const tb_json *json, uint32_t array, uint32_t n)
{
    uint32_t i = array + 1;
    if (n >= jsonl_node(json, array)->count)
        return TB_JSON_NONE;
    while (n-- > 0)
        i = json->nodes[i].next;
    return i;
}

static inline int64_t jsonl_int(const tb_json *json, uint32_t index)
{
    return (int64_t)tb_json_double(jsonl_node(json, index)->text);
}

#endif
