/* fuzz_json.c - any bytes as JSON: an error, or a tree that is sound and can be written again. */
#include <stdlib.h>
#include <string.h>

#include "../../src/json.h"

enum { ROOM = 4 << 20 };

static void must(bool ok)
{
    if (!ok)
        abort();
}

static void write(const tb_json *json, uint32_t at, tb_json_writer *w)
{
    const tb_json_node *n = &json->nodes[at];
    bool object = n->type == TB_JSON_OBJECT;
    uint32_t seen = 0;
    if (n->type == TB_JSON_STRING) {
        tb_json_string(w, n->text);
        return;
    }
    if (!object && n->type != TB_JSON_ARRAY) {
        (void)tb_json_double(n->text);
        tb_json_bytes(w, n->text);
        return;
    }
    tb_json_raw(w, object ? "{" : "[");
    for (uint32_t i = at + 1; i < n->next; i = json->nodes[i].next, seen++) {
        if (seen > 0)
            tb_json_raw(w, ",");
        write(json, i, w);
        if (object) {
            tb_json_raw(w, ":");
            must(tb_json_get(json, at, json->nodes[i].text) == i + 1);
            write(json, i + 1, w);
        }
    }
    must(seen == n->count);
    tb_json_raw(w, object ? "}" : "]");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t memory[ROOM];
    tb_arena arena;
    tb_json first, second;
    tb_error err = {TB_OK, {0}};
    tb_json_writer w;
    tb_str text;
    char *copy =
        malloc(size > 0 ? size : 1); /* of the exact size, so that reading beyond it shows */
    if (copy == NULL)
        return 0;
    if (size > 0)
        memcpy(copy, data, size);
    tb_arena_init(&arena, memory, ROOM);
    if (tb_json_parse(&arena, &arena, copy, size, &first, &err)) {
        must(err.status == TB_OK && first.nodes[0].next == first.count);
        must(tb_json_writer_begin(&w, &arena, 6 * size + 16, &err));
        write(&first, 0, &w);
        must(tb_json_writer_end(&w, &text, &err));
        must(tb_json_parse(&arena, &arena, text.ptr, text.len, &second, &err));
        must(second.count == first.count);
    } else {
        must(err.status == TB_E_JSON || err.status == TB_E_NOMEM);
    }
    free(copy);
    return 0;
}

/* Read by driver.c when there is no libFuzzer. */
extern const char *const fuzz_seeds[];
const char *const fuzz_seeds[] = {
    "[]",
    "{\"a\":[1,-2.5e+3,true,false,null,\"x\\u00e9\\ud83d\\ude00\\n\"],\"b\":{\"\":{}}}",
    "[[[[[[[[[[[[1]]]]]]]]]]]]",
    "{\"a\":1,\"b\":2,\"c\":3,\"aa\":4,\"\":5}",
    "[0.1,1e400,-0,123456789012345678901234567890]",
    "[{\"name\":\"x\",\"parameters\":{\"type\":\"object\",\"properties\":{\"y\":{\"type\":"
    "\"string\"}}}}]",
    NULL,
};
