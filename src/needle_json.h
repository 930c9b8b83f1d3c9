/* needle_json.h - JSON as Python's json module reads and writes it, because Needle 1 was trained on
 * text that it wrote: the last of equal keys wins, NaN and Infinity are numbers, an escape may
 * stand for half a surrogate pair, key order is kept, output is compact ASCII.
 *
 *     tb_py_json tools;
 *     bool valid;
 *     if (!tb_py_parse(arena, text, &tools, &valid, err)) return false;      // out of memory
 *     if (valid) tb_py_dump(arena, &tools, 0, &out, err);
 */
#ifndef THIMBLE_NEEDLE_JSON_H
#define THIMBLE_NEEDLE_JSON_H

#include "base.h"

enum { TB_PY_DEPTH = 512 }; /* deeper nesting counts as invalid; Python stops at about 1000 */

typedef enum {
    TB_PY_NULL,
    TB_PY_FALSE,
    TB_PY_TRUE,
    TB_PY_INTEGER,
    TB_PY_FLOAT,
    TB_PY_STRING,
    TB_PY_ARRAY,
    TB_PY_OBJECT
} tb_py_type;

/* Nodes stand in document order, a container before its content. Children of an array begin at the
 * node behind it; the one after child c is nodes[c].next; the last one's `next` is the array's. In
 * an object the children are keys (string nodes): the value is nodes[key].value, and
 * nodes[key].next is the next key. A key with `repeated` set has lost its value to an earlier equal
 * one: skip it. */
typedef struct {
    tb_py_type type;
    bool repeated;
    uint32_t next;
    uint32_t value;
    tb_str
        text; /* string: its content (half a surrogate pair as three bytes); number: as spelled */
} tb_py_node;

typedef struct {
    tb_py_node *nodes; /* nodes[0] is the document */
    uint32_t count;
} tb_py_json;

/* *valid: whether `text` (UTF-8) is JSON to Python. False and TB_E_NOMEM or TB_E_TOO_LONG (above 1
 * GiB) otherwise. Strings without escapes lie in `text`. */
bool tb_py_parse(tb_arena *arena, tb_str text, tb_py_json *out, bool *valid, tb_error *err);

/* The value of a key of object `node`, or 0 (never a value) if it has none or is no object. */
uint32_t tb_py_get(const tb_py_json *json, uint32_t node, const char *key);

/* Writes into a buffer, or only counts if `out` is NULL: run the same code twice to get the
 * room. */
typedef struct {
    char *out;
    size_t used;
} tb_py_writer;

void tb_py_put(tb_py_writer *w, const char *bytes, size_t len);
void tb_py_put_string(tb_py_writer *w, tb_str content); /* quoted and escaped */
/* Node `at` and all in it. */
void tb_py_put_node(tb_py_writer *w, const tb_py_json *json, uint32_t at);

/* json.dumps(value, separators=(",", ":")) of node `at`. */
bool tb_py_dump(tb_arena *arena, const tb_py_json *json, uint32_t at, tb_str *out, tb_error *err);

#endif
