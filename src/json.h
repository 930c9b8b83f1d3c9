/* json.h - a strict, bounded JSON reader (RFC 8259, UTF-8) and a writer into a fixed buffer. */
#ifndef THIMBLE_JSON_H
#define THIMBLE_JSON_H

#include "base.h"

/* No such node: what tb_json_get() gives for a missing member. */
#define TB_JSON_NONE UINT32_MAX

enum { TB_JSON_DEPTH = 64 };

typedef enum {
    TB_JSON_NULL,
    TB_JSON_FALSE,
    TB_JSON_TRUE,
    TB_JSON_NUMBER,
    TB_JSON_STRING,
    TB_JSON_ARRAY,
    TB_JSON_OBJECT
} tb_json_type;

/* Nodes stand in document order, a container before its content; a member's key is a string node
 * with its value right behind. Children of node i: the first is i + 1, the one after child c is
 * nodes[c].next (for an object, c is a key: its value is c + 1 and nodes[c].next the next key). */
typedef struct {
    tb_json_type type;
    uint32_t next;  /* the first node behind this one and all that is in it */
    uint32_t count; /* items of an array, members of an object */
    uint32_t first; /* object: its first entry in `members` */
    uint32_t at;    /* byte in the text where it begins */
    tb_str text;    /* string: its content, decoded; number and literals: as spelled */
} tb_json_node;

typedef struct {
    tb_str key;
    uint32_t value; /* node */
} tb_json_member;

typedef struct {
    tb_json_node *nodes; /* nodes[0] is the document */
    uint32_t count;
    tb_json_member
        *members; /* per object `count` entries from `first`, sorted by the key's bytes */
} tb_json;

/* Reads `text`, whose outermost value must be an object or an array. Nodes are allocated from
 * `nodes`, decoded strings that hold escapes from `strings` (it may be the same arena); other
 * strings lie in `text`, which must therefore outlive the result. TB_E_JSON, with line and column
 * (in bytes, from 1): bad syntax, bytes that are not UTF-8, unpaired surrogates, nesting deeper
 * than TB_JSON_DEPTH, two members of an object with the same key. */
bool tb_json_parse(tb_arena *nodes, tb_arena *strings, const char *text, size_t len, tb_json *out,
                   tb_error *err);

/* The value of a member of object `node`, or TB_JSON_NONE (also if `node` is no object). */
uint32_t tb_json_get(const tb_json *json, uint32_t node, tb_str key);
/* The member among `count` sorted ones, or NULL. */
const tb_json_member *tb_json_find(const tb_json_member *members, uint32_t count, tb_str key);
/* Sorts by key bytes; keys must differ for the order to be certain. */
void tb_json_sort(tb_json_member *members, uint32_t count);

/* The value of a number's spelling (valid JSON). Exact if it has at most 15 significant digits and
 * a decimal exponent within +-22, else within a few units in the last place; beyond the range of
 * double it is infinite or 0. */
double tb_json_double(tb_str spelling);

/* ---- writing ---- */

/* What does not fit is dropped and remembered: check once, at the end. Commas are the caller's. */
typedef struct {
    char *text;
    size_t used, room;
    bool full;
} tb_json_writer;

bool tb_json_writer_begin(tb_json_writer *w, tb_arena *arena, size_t room, tb_error *err);
void tb_json_raw(tb_json_writer *w, const char *literal);
void tb_json_bytes(tb_json_writer *w, tb_str bytes);
/* With quotes and escapes; valid UTF-8 goes out as it is. */
void tb_json_string(tb_json_writer *w, tb_str text);
void tb_json_int(tb_json_writer *w, int64_t value);
/* `digits` (0..9) decimals, rounded half up; |value| < 10^9. */
void tb_json_fixed(tb_json_writer *w, double value, unsigned digits);
/* The text so far; false and TB_E_NOMEM if something did not fit. */
bool tb_json_writer_end(const tb_json_writer *w, tb_str *out, tb_error *err);

#endif
