/* schema_inside.h - what the files of the schema reader share: schema.c (tools, objects,
 * arguments), schema_keywords.c (looking at one schema, references, messages), schema_values.c
 * (scalars). */
#ifndef THIMBLE_SCHEMA_INSIDE_H
#define THIMBLE_SCHEMA_INSIDE_H

#include "json.h"
#include "schema.h"

/* A schema at hand: its members by key. It may be put together from several JSON objects ($ref and
 * what stands beside it), so it is not always one node. */
typedef struct {
    const tb_json_member *members;
    uint32_t count;
    bool is_object; /* false: the JSON value is no object, hence no schema */
} tb_schema;

/* A place in the tool's schema, for messages. */
typedef struct tb_place {
    const struct tb_place *up; /* NULL: the tool's parameters */
    tb_str key;                /* of the property */
    bool items;                /* the items of an array instead */
} tb_place;

typedef enum {
    TB_KIND_STRING,
    TB_KIND_NUMBER,
    TB_KIND_INTEGER,
    TB_KIND_BOOLEAN,
    TB_KIND_ARRAY,
    TB_KIND_OBJECT,
    TB_KINDS
} tb_kind;

typedef struct {
    tb_arena *arena, *scratch;
    const tb_json *json;
    bool lenient;
    tb_tools *out;
    tb_error *err;
    /* of the tool at hand: */
    tb_str tool;
    tb_schema root;         /* what local references point into */
    tb_argument *arguments; /* TB_MAX_ARGUMENTS of them */
    tb_object *objects;     /* TB_MAX_OBJECTS */
    uint32_t argument_count, object_count, value_count;
    tb_error what; /* the message under way, without tool and place */
} tb_schema_reader;

/* "string" etc. */
const char *tb_kind_name(tb_kind kind);

/* FAIL(r, at, format, ...): the error 'tool "x": ... at /place'; false. */
#define FAIL(r, at, ...) (tb_fail(&(r)->what, TB_E_SCHEMA, __VA_ARGS__), tb_schema_fail(r, at))
/* The same text as a report of something passed over; false only when out of memory. */
#define IGNORE(r, at, ...) (tb_fail(&(r)->what, TB_E_SCHEMA, __VA_ARGS__), tb_schema_ignore(r, at))
bool tb_schema_fail(tb_schema_reader *r, const tb_place *at);
bool tb_schema_ignore(tb_schema_reader *r, const tb_place *at);

/* JSON values; `index` may be TB_JSON_NONE except for node(), same() and schema_of(). */
const tb_json_node *tb_schema_node(const tb_schema_reader *r, uint32_t index);
bool tb_schema_is(const tb_schema_reader *r, uint32_t index, tb_json_type type);
bool tb_schema_is_text(const tb_schema_reader *r, uint32_t index, const char *text);
/* Equal JSON scalars (1 and 1.0 are, 1 and true are not); containers are never taken to be equal.
 */
bool tb_schema_same(const tb_schema_reader *r, uint32_t a, uint32_t b);
tb_schema tb_schema_of(const tb_schema_reader *r, uint32_t index);
/* The value of a member, or TB_JSON_NONE. */
uint32_t tb_schema_get(tb_schema s, const char *key);
/* The text of a member, empty if it is missing or no string. */
tb_str tb_schema_text(const tb_schema_reader *r, tb_schema s, const char *key);

/* Follows $ref, anyOf and oneOf until none is left in *s. */
bool tb_schema_resolve(tb_schema_reader *r, tb_schema *s, const tb_place *at);
bool tb_schema_kind(tb_schema_reader *r, tb_schema s, const tb_place *at, tb_kind *out);
/* Refuses, or reports if lenient, the keywords that are not enforced for this kind. */
bool tb_schema_keywords(tb_schema_reader *r, tb_schema s, tb_kind kind, const tb_place *at);
/* The value of a number keyword; `none` if it is missing or null. */
bool tb_schema_number(tb_schema_reader *r, tb_schema s, const char *key, double none,
                      const tb_place *at, double *out);
/* The same for a whole number from 0. */
bool tb_schema_count(tb_schema_reader *r, tb_schema s, const char *key, uint32_t none,
                     const tb_place *at, uint32_t *out);

/* Type, limits and values of an argument (of its items, if it is a list). */
bool tb_schema_scalar(tb_schema_reader *r, tb_argument *a, tb_kind kind, tb_schema s,
                      const tb_place *at);

#endif
