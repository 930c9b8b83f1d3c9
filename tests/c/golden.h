/* golden.h - reads the golden files of Needle 1 (models/needle1/golden.py). */
#ifndef THIMBLE_TEST_GOLDEN_H
#define THIMBLE_TEST_GOLDEN_H

#include "json.h"
#include "test.h"

/* Memory for the rest of the program, which is short; chained so that the leak checker finds it. */
static void *golden_blocks;

static inline void *golden_alloc(size_t bytes)
{
    void **block = malloc(bytes + 64);
    if (block == NULL) {
        printf("no memory for %zu bytes\n", bytes);
        exit(1);
    }
    *block = golden_blocks;
    golden_blocks = block;
    return (char *)block + 64;
}

static inline tb_arena arena_of(size_t bytes)
{
    tb_arena arena;
    tb_arena_init(&arena, golden_alloc(bytes), bytes);
    return arena;
}

/* The bytes of folder/name; ends the program if there is no such file. */
static inline tb_str file_text(const char *folder, const char *name)
{
    char path[1200];
    tb_str out = {NULL, 0};
    FILE *file;
    long size;
    char *bytes;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    file = fopen(path, "rb");
    if (file == NULL || fseek(file, 0, SEEK_END) != 0 || (size = ftell(file)) < 0) {
        printf("%s cannot be read: run `make golden`, or start from the repository's root\n", path);
        exit(1);
    }
    rewind(file);
    bytes = golden_alloc((size_t)size + 1);
    if (fread(bytes, 1, (size_t)size, file) == (size_t)size)
        out = (tb_str){bytes, (size_t)size};
    fclose(file);
    if (out.ptr == NULL) {
        printf("%s: reading failed\n", path);
        exit(1);
    }
    return out;
}

static inline bool file_exists(const char *folder, const char *name)
{
    char path[1200];
    FILE *file;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    file = fopen(path, "rb");
    if (file != NULL)
        fclose(file);
    return file != NULL;
}

static inline tb_json file_json(const char *folder, const char *name)
{
    tb_str text = file_text(folder, name);
    tb_arena arena = arena_of(text.len * 64 + (1 << 20));
    tb_error err = {TB_OK, ""};
    tb_json json;
    if (!tb_json_parse(&arena, &arena, text.ptr, text.len, &json, &err)) {
        printf("%s/%s: %s\n", folder, name, err.message);
        exit(1);
    }
    return json;
}

/* The value of a key; ends the program if it is missing, so that no test passes for lack of
 * data. */
static inline uint32_t member(const tb_json *j, uint32_t node, const char *key)
{
    uint32_t value = tb_json_get(j, node, tb_str_of(key));
    if (value == TB_JSON_NONE) {
        printf("golden file: no \"%s\"\n", key);
        exit(1);
    }
    return value;
}

/* Child i of an array. */
static inline uint32_t item(const tb_json *j, uint32_t node, uint32_t i)
{
    uint32_t child = node + 1;
    while (i-- > 0)
        child = j->nodes[child].next;
    return child;
}

static inline double number_at(const tb_json *j, uint32_t node)
{
    return tb_json_double(j->nodes[node].text);
}

static inline uint32_t uint_at(const tb_json *j, uint32_t node)
{
    return (uint32_t)number_at(j, node);
}

/* An array of ids, and how many. */
static inline uint32_t *ids_at(const tb_json *j, uint32_t node, size_t *count)
{
    uint32_t *ids = golden_alloc((j->nodes[node].count + 1) * sizeof *ids);
    *count = 0;
    for (uint32_t i = node + 1; i < j->nodes[node].next; i = j->nodes[i].next)
        ids[(*count)++] = uint_at(j, i);
    return ids;
}

static inline float *floats_at(const tb_json *j, uint32_t node, size_t *count)
{
    float *out = golden_alloc((j->nodes[node].count + 1) * sizeof *out);
    *count = 0;
    for (uint32_t i = node + 1; i < j->nodes[node].next; i = j->nodes[i].next)
        out[(*count)++] = (float)number_at(j, i);
    return out;
}

/* The sum of (i + 1) * id modulo 2^32. */
static inline uint32_t check_of(const uint32_t *ids, size_t count)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += (uint32_t)(i + 1) * ids[i];
    return sum;
}

static inline bool check_text(tb_str got, tb_str want, const char *what)
{
    bool same = tb_str_equal(got, want);
    test_check(same, what, 0, "equal texts");
    if (!same && test_failed <= 50)
        printf("    got  \"%.*s\"\n    want \"%.*s\"\n", (int)got.len, got.ptr, (int)want.len,
               want.ptr);
    return same;
}

#endif
