/* schema.h - tool definitions in any dialect -> the internal form that model and grammar work on.
 *
 * Accepted per tool: {"name","description","parameters"} with JSON Schema or with the flat form
 * {argument: {"type","description","required"}} or {argument: "type"}; OpenAI's wrapper
 * {"type":"function","function":{...}} and its flat successor; "inputSchema" and "input_schema" for
 * "parameters". Objects are flattened to paths; arrays hold scalars only.
 * Enforced: type, enum, const, minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf,
 * minLength, maxLength, pattern (pattern.h), format (formats.h), items, minItems, maxItems,
 * uniqueItems, properties, required, local $ref, anyOf and oneOf that leave one branch besides
 * null. Annotations and "x-..." are passed over. Any other keyword is TB_E_SCHEMA, or, if lenient,
 * ignored and reported. */
#ifndef THIMBLE_SCHEMA_H
#define THIMBLE_SCHEMA_H

#include "base.h"
#include "formats.h"
#include "number.h"
#include "pattern.h"

enum {
    TB_MAX_TOOLS = 256,
    TB_MAX_ARGUMENTS = 64,  /* per tool */
    TB_MAX_VALUES = 64,     /* per enum */
    TB_MAX_OBJECTS = 64,    /* per tool, the outermost among them */
    TB_MAX_DEPTH = 4,       /* of objects: keys in a path */
    TB_MAX_TOOL_NAME = 128, /* bytes */
    TB_MAX_IGNORED = 64     /* reports kept */
};

#define TB_NO_LIMIT UINT32_MAX

typedef enum { TB_STRING, TB_NUMBER, TB_INTEGER, TB_BOOLEAN, TB_ENUM } tb_argument_type;

typedef enum { TB_VALUE_FALSE, TB_VALUE_TRUE, TB_VALUE_NUMBER, TB_VALUE_STRING } tb_value_type;

/* One value of an enum or boolean. text: a string's content, a number as the caller spelled it. */
typedef struct {
    tb_value_type type;
    tb_str text;
} tb_value;

/* An object in the output. objects[0] is the outermost one: its own parent, always there. */
typedef struct {
    tb_str key;      /* in its parent */
    uint32_t parent; /* < its own index */
    uint32_t first;  /* arguments that stand before it in canonical order */
    bool required;   /* by its parent */
} tb_object;

typedef struct {
    tb_str path[TB_MAX_DEPTH]; /* keys from the outermost object to the argument's own */
    uint32_t depth;            /* of them in use, 1.. */
    tb_argument_type type;     /* of the items if `array` */
    bool array, unique_items;
    bool required;          /* by its object */
    uint32_t object;        /* index of it */
    tb_str description;     /* may be empty */
    const tb_value *values; /* TB_ENUM and TB_BOOLEAN (true, false); no two are equal */
    uint32_t value_count;
    uint32_t first_value; /* values of the tool's arguments before this one */
    double minimum, maximum, exclusive_minimum, exclusive_maximum; /* +-infinity: none */
    double multiple_of;                                            /* 0: none */
    uint32_t min_length, max_length;                               /* characters; TB_NO_LIMIT */
    uint32_t min_items, max_items;
    tb_string_format format;
    const tb_pattern *pattern; /* or NULL */
} tb_argument;

typedef struct {
    tb_str name, description;     /* the caller's bytes; the description may be empty */
    const tb_argument *arguments; /* canonical order (models/FORMAT.md 2) */
    uint32_t argument_count;
    uint32_t value_count; /* of all arguments together */
    const tb_object *objects;
    uint32_t object_count;
} tb_tool;

typedef struct {
    tb_tool *tools; /* by the bytes of their names */
    uint32_t count;
    tb_str
        ignored[TB_MAX_IGNORED]; /* what lenient passed over: 'tool "x": keyword "y" at /place' */
    uint32_t ignored_count;      /* may be larger than TB_MAX_IGNORED: the rest is only counted */
} tb_tools;

/* Reads a tool list (a JSON array). The result and its texts live in `arena`; `scratch` (it may be
 * the same) holds what only the reading needs, and is left where it is when this returns. Errors:
 * TB_E_JSON, TB_E_TOOLS (the list, a name), TB_E_SCHEMA (with tool, keyword and place). */
tb_tools *tb_schema_read(tb_arena *arena, tb_arena *scratch, const char *text, size_t len,
                         bool lenient, tb_error *err);

/* Whether a string of `characters` code points is as long as the argument allows. */
bool tb_length_fits(const tb_argument *argument, size_t characters);
/* Whether a number satisfies type, range and multipleOf. */
bool tb_number_fits(const tb_argument *argument, tb_number number);

#endif
