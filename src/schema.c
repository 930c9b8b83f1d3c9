/* schema.c - the reader of tool definitions: dialects, objects, arguments. Order of checks and
 * wording of errors are those of models/thimble/schema.py, which tests compare it with. */
#include "schema.h"

#include <string.h>

#include "schema_inside.h"

#define INFINITE __builtin_inf()

/* ---- objects -------------------------------------------------------------------------------- */

static bool read_object(tb_schema_reader *r, tb_schema s, tb_str *path, uint32_t object,
                        const tb_place *at, uint32_t depth);

static bool array_limits(tb_schema_reader *r, tb_argument *a, tb_schema s, const tb_place *at)
{
    a->array = true;
    a->unique_items = tb_schema_is(r, tb_schema_get(s, "uniqueItems"), TB_JSON_TRUE);
    return tb_schema_keywords(r, s, TB_KIND_ARRAY, at) &&
           tb_schema_count(r, s, "minItems", 0, at, &a->min_items) &&
           tb_schema_count(r, s, "maxItems", TB_NO_LIMIT, at, &a->max_items);
}

static bool read_argument(tb_schema_reader *r, tb_schema s, tb_kind of, const tb_str *path,
                          uint32_t depth, uint32_t object, bool required, const tb_place *at)
{
    tb_place items = {at, {"", 0}, true};
    tb_argument a;
    memset(&a, 0, sizeof a);
    memcpy(a.path, path, depth * sizeof *path);
    a.depth = depth;
    a.object = object;
    a.required = required;
    a.minimum = a.exclusive_minimum = -INFINITE;
    a.maximum = a.exclusive_maximum = INFINITE;
    a.max_length = a.max_items = TB_NO_LIMIT;
    a.description = tb_schema_text(r, s, "description");
    if (of == TB_KIND_ARRAY) {
        uint32_t inner = tb_schema_get(s, "items");
        if (!array_limits(r, &a, s, at))
            return false;
        s = inner != TB_JSON_NONE ? tb_schema_of(r, inner) : (tb_schema){NULL, 0, true};
        at = &items;
        if (!tb_schema_resolve(r, &s, at) || !tb_schema_kind(r, s, at, &of))
            return false;
        if (of == TB_KIND_ARRAY || of == TB_KIND_OBJECT)
            return FAIL(r, at, "arrays of %ss are not supported", tb_kind_name(of));
        if (a.description.len == 0)
            a.description = tb_schema_text(r, s, "description");
    }
    if (!tb_schema_scalar(r, &a, of, s, at))
        return false;
    if (r->argument_count == TB_MAX_ARGUMENTS)
        return FAIL(r, at, "more than %d arguments", TB_MAX_ARGUMENTS);
    a.first_value = r->value_count;
    r->value_count += a.value_count;
    r->arguments[r->argument_count++] = a;
    return true;
}

/* Missing, null, false, 0, or empty. */
static bool is_nothing(const tb_schema_reader *r, uint32_t index)
{
    if (index == TB_JSON_NONE)
        return true;
    switch (tb_schema_node(r, index)->type) {
    case TB_JSON_NULL:
    case TB_JSON_FALSE: return true;
    case TB_JSON_TRUE: return false;
    case TB_JSON_NUMBER: return tb_json_double(tb_schema_node(r, index)->text) == 0;
    case TB_JSON_STRING: return tb_schema_node(r, index)->text.len == 0;
    default: return tb_schema_node(r, index)->count == 0;
    }
}

/* One property; path[depth - 1] is its key. */
static bool property(tb_schema_reader *r, tb_schema s, tb_str *path, uint32_t parent, bool required,
                     const tb_place *at, uint32_t depth)
{
    tb_kind of;
    if (!tb_schema_resolve(r, &s, at) || !tb_schema_kind(r, s, at, &of))
        return false;
    if (of != TB_KIND_OBJECT)
        return read_argument(r, s, of, path, depth, parent, required, at);
    if (is_nothing(r, tb_schema_get(s, "properties"))) {
        if (r->lenient && !required)
            return IGNORE(r, at, "an object without properties");
        return FAIL(r, at, "an object without properties cannot be filled; list its properties");
    }
    if (r->object_count == TB_MAX_OBJECTS)
        return FAIL(r, at, "more than %d objects", TB_MAX_OBJECTS);
    r->objects[r->object_count] = (tb_object){path[depth - 1], parent, r->argument_count, required};
    return read_object(r, s, path, r->object_count++, at, depth);
}

/* {"type": ...} and no boolean "required": the schema of an argument in the flat form. */
static bool flat_schema(tb_schema_reader *r, uint32_t index, tb_schema *out)
{
    tb_schema s = tb_schema_of(r, index);
    tb_json_member *members;
    uint32_t used = 0;
    *out = s;
    if (!s.is_object && !tb_schema_is(r, index, TB_JSON_STRING))
        return true;
    members = tb_alloc(r->scratch, s.is_object ? s.count : 1, sizeof *members, r->err);
    if (members == NULL)
        return false;
    if (!s.is_object)
        members[used++] = (tb_json_member){tb_str_of("type"), index};
    for (uint32_t i = 0; s.is_object && i < s.count; i++)
        if (!tb_str_equal(s.members[i].key, tb_str_of("required")) ||
            !(tb_schema_is(r, s.members[i].value, TB_JSON_TRUE) ||
              tb_schema_is(r, s.members[i].value, TB_JSON_FALSE)))
            members[used++] = s.members[i];
    *out = (tb_schema){members, used, true};
    return true;
}

/* The properties of one object: required ones first, then by key. flat: the flat form. */
static bool properties(tb_schema_reader *r, tb_schema list, const bool *required, bool flat,
                       tb_str *path, uint32_t object, const tb_place *at, uint32_t depth)
{
    for (int round = 0; round < 2; round++) {
        for (uint32_t i = 0; i < list.count; i++) {
            tb_json_member m = list.members[i];
            tb_place here = {at, m.key, false};
            tb_schema s = tb_schema_of(r, m.value);
            if (required[i] != (round == 0))
                continue;
            path[depth] = m.key;
            if ((flat && !flat_schema(r, m.value, &s)) ||
                !property(r, s, path, object, required[i], &here, depth + 1))
                return false;
        }
    }
    return true;
}

static bool read_object(tb_schema_reader *r, tb_schema s, tb_str *path, uint32_t object,
                        const tb_place *at, uint32_t depth)
{
    uint32_t members = tb_schema_get(s, "properties"), names = tb_schema_get(s, "required");
    tb_schema list = {NULL, 0, true};
    bool *required;
    if (!tb_schema_keywords(r, s, TB_KIND_OBJECT, at))
        return false;
    if (depth >= TB_MAX_DEPTH)
        return FAIL(r, at, "objects nested deeper than %d", TB_MAX_DEPTH);
    if (members != TB_JSON_NONE)
        list = tb_schema_of(r, members);
    if (!list.is_object || (names != TB_JSON_NONE && !tb_schema_is(r, names, TB_JSON_ARRAY)))
        return FAIL(r, at, "\"properties\" must be an object and \"required\" an array");
    required = tb_alloc(r->scratch, list.count, sizeof *required, r->err);
    if (required == NULL)
        return false;
    for (uint32_t i = names + 1; names != TB_JSON_NONE && i < tb_schema_node(r, names)->next;
         i = tb_schema_node(r, i)->next) {
        tb_str key = tb_schema_node(r, i)->text;
        const tb_json_member *m;
        if (!tb_schema_is(r, i, TB_JSON_STRING))
            return FAIL(r, at, "\"required\" must hold strings");
        m = tb_json_find(list.members, list.count, key);
        if (m == NULL)
            return FAIL(r, at, "required argument \"%.*s\" has no schema", (int)key.len, key.ptr);
        required[m - list.members] = true;
    }
    return properties(r, list, required, false, path, object, at, depth);
}

/* ---- tools ---------------------------------------------------------------------------------- */

/* JSON Schema, as opposed to the flat form {argument: schema}. */
static bool is_schema(const tb_schema_reader *r, tb_schema s)
{
    uint32_t inner = tb_schema_get(s, "properties");
    return tb_schema_is_text(r, tb_schema_get(s, "type"), "object") ||
           tb_schema_is(r, inner, TB_JSON_OBJECT) ||
           tb_schema_is(r, tb_schema_get(s, "$ref"), TB_JSON_STRING) ||
           tb_schema_is(r, tb_schema_get(s, "anyOf"), TB_JSON_ARRAY) ||
           tb_schema_is(r, tb_schema_get(s, "oneOf"), TB_JSON_ARRAY);
}

static bool read_parameters(tb_schema_reader *r, tb_schema s)
{
    tb_place top = {NULL, {"", 0}, false};
    tb_str path[TB_MAX_DEPTH];
    bool *required;
    tb_kind of;
    r->root = s;
    r->argument_count = r->value_count = 0;
    r->objects[0] = (tb_object){{"", 0}, 0, 0, true};
    r->object_count = 1;
    if (is_schema(r, s)) {
        if (!tb_schema_resolve(r, &s, &top) || !tb_schema_kind(r, s, &top, &of))
            return false;
        if (of != TB_KIND_OBJECT)
            return FAIL(r, &top, "parameters must be of type \"object\"");
        return read_object(r, s, path, 0, &top, 0);
    }
    required = tb_alloc(r->scratch, s.count, sizeof *required, r->err);
    if (required == NULL)
        return false;
    for (uint32_t i = 0; i < s.count; i++)
        required[i] = tb_schema_is(
            r, tb_json_get(r->json, s.members[i].value, tb_str_of("required")), TB_JSON_TRUE);
    return properties(r, s, required, true, path, 0, &top, 0);
}

static void *keep(tb_schema_reader *r, const void *from, uint32_t count, size_t size)
{
    void *block = tb_alloc(r->arena, count, size, r->err);
    if (block != NULL)
        memcpy(block, from, count * size);
    return block;
}

static bool read_tool(tb_schema_reader *r, uint32_t index, unsigned number, tb_tool *out)
{
    static const char PARAMETERS[3][13] = {"parameters", "inputSchema", "input_schema"};
    tb_schema parameters = {NULL, 0, true};
    uint32_t wrapped = tb_json_get(r->json, index, tb_str_of("function")), name;
    if (tb_schema_is(r, wrapped, TB_JSON_OBJECT))
        index = wrapped;
    name = tb_json_get(r->json, index, tb_str_of("name"));
    if (!tb_schema_is(r, name, TB_JSON_STRING) || tb_schema_node(r, name)->text.len == 0 ||
        tb_schema_node(r, name)->text.len > TB_MAX_TOOL_NAME)
        return tb_fail(r->err, TB_E_TOOLS, "tool %u has no usable name (1 to %d bytes)", number,
                       TB_MAX_TOOL_NAME);
    r->tool = out->name = tb_schema_node(r, name)->text;
    out->description = tb_schema_text(r, tb_schema_of(r, index), "description");
    for (size_t i = 0; i < 3; i++) {
        uint32_t value = tb_json_get(r->json, index, tb_str_of(PARAMETERS[i]));
        if (value == TB_JSON_NONE || tb_schema_is(r, value, TB_JSON_NULL))
            continue;
        parameters = tb_schema_of(r, value);
        break;
    }
    if (!parameters.is_object)
        return tb_fail(r->err, TB_E_SCHEMA, "tool \"%.*s\": parameters must be an object",
                       (int)r->tool.len, r->tool.ptr);
    if (!read_parameters(r, parameters))
        return false;
    out->argument_count = r->argument_count;
    out->object_count = r->object_count;
    out->value_count = r->value_count;
    out->arguments = keep(r, r->arguments, r->argument_count, sizeof *r->arguments);
    out->objects = keep(r, r->objects, r->object_count, sizeof *r->objects);
    return out->arguments != NULL && out->objects != NULL;
}

/* Checks that names differ and puts the tools into canonical order. */
static bool order_tools(tb_schema_reader *r)
{
    tb_tool *tools = r->out->tools;
    for (uint32_t i = 0; i < r->out->count; i++)
        for (uint32_t j = 0; j < i; j++)
            if (tb_str_equal(tools[i].name, tools[j].name))
                return tb_fail(r->err, TB_E_TOOLS, "two tools are called \"%.*s\"",
                               (int)tools[i].name.len, tools[i].name.ptr);
    for (uint32_t i = 1; i < r->out->count; i++) {
        tb_tool held = tools[i];
        uint32_t at = i;
        for (; at > 0 && tb_str_compare(held.name, tools[at - 1].name) < 0; at--)
            tools[at] = tools[at - 1];
        tools[at] = held;
    }
    return true;
}

tb_tools *tb_schema_read(tb_arena *arena, tb_arena *scratch, const char *text, size_t len,
                         bool lenient, tb_error *err)
{
    tb_json json;
    tb_schema_reader r;
    char *copy = tb_alloc(arena, len, 1, err); /* names and descriptions point into it */
    unsigned number = 0;
    if (copy == NULL)
        return NULL;
    memcpy(copy, text, len);
    if (!tb_json_parse(scratch, arena, copy, len, &json, err))
        return NULL;
    if (json.nodes[0].type != TB_JSON_ARRAY) {
        tb_fail(err, TB_E_TOOLS, "the tool list must be a JSON array");
        return NULL;
    }
    if (json.nodes[0].count > TB_MAX_TOOLS) {
        tb_fail(err, TB_E_TOOLS, "%u tools; at most %d are taken", (unsigned)json.nodes[0].count,
                TB_MAX_TOOLS);
        return NULL;
    }
    memset(&r, 0, sizeof r);
    r.arena = arena;
    r.scratch = scratch;
    r.json = &json;
    r.lenient = lenient;
    r.err = err;
    r.arguments = tb_alloc(scratch, TB_MAX_ARGUMENTS, sizeof *r.arguments, err);
    r.objects = tb_alloc(scratch, TB_MAX_OBJECTS, sizeof *r.objects, err);
    r.out = tb_alloc(arena, 1, sizeof *r.out, err);
    if (r.arguments == NULL || r.objects == NULL || r.out == NULL)
        return NULL;
    r.out->count = json.nodes[0].count;
    r.out->tools = tb_alloc(arena, r.out->count, sizeof *r.out->tools, err);
    if (r.out->tools == NULL)
        return NULL;
    for (uint32_t i = 1; i < json.nodes[0].next; i = json.nodes[i].next, number++)
        if (!read_tool(&r, i, number, &r.out->tools[number]))
            return NULL;
    return order_tools(&r) ? r.out : NULL;
}
