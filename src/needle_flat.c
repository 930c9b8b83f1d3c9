/* needle_flat.c - JSON-Schema tools -> flat tools. */
#include "needle_flat.h"

#include <string.h>

#include "needle_json.h"

enum { MAX_HOPS = 16 /* references and alternatives followed for one parameter */ };

static bool is(const tb_py_json *j, uint32_t at, tb_py_type type)
{
    return at != 0 && j->nodes[at].type == type;
}

static bool spells(const tb_py_json *j, uint32_t at, const char *literal)
{
    return is(j, at, TB_PY_STRING) && tb_str_equal(j->nodes[at].text, tb_str_of(literal));
}

static void put(tb_py_writer *w, const char *literal)
{
    tb_py_put(w, literal, tb_str_of(literal).len);
}

/* ---- what a parameter is --------------------------------------------------------------------- */

/* The definition that "#/$defs/NAME" or "#/definitions/NAME" means, or 0. */
static uint32_t definition(const tb_py_json *j, uint32_t schema, tb_str reference)
{
    static const char *const places[] = {"$defs", "definitions"};
    for (size_t i = 0; i < 2; i++) {
        tb_str place = tb_str_of(places[i]);
        uint32_t all = tb_py_get(j, schema, places[i]);
        size_t start = 2 + place.len + 1;
        if (!is(j, all, TB_PY_OBJECT) || reference.len < start ||
            memcmp(reference.ptr, "#/", 2) != 0 ||
            memcmp(reference.ptr + 2, place.ptr, place.len) != 0 || reference.ptr[start - 1] != '/')
            continue;
        reference = (tb_str){reference.ptr + start, reference.len - start};
        for (uint32_t key = all + 1; key < j->nodes[all].next; key = j->nodes[key].next)
            if (!j->nodes[key].repeated && tb_str_equal(j->nodes[key].text, reference))
                return j->nodes[key].value;
        return 0;
    }
    return 0;
}

/* The first alternative that is not null, or 0. */
static uint32_t alternative(const tb_py_json *j, uint32_t at)
{
    uint32_t list = tb_py_get(j, at, "anyOf");
    if (!is(j, list, TB_PY_ARRAY))
        list = tb_py_get(j, at, "oneOf");
    if (!is(j, list, TB_PY_ARRAY))
        return 0;
    for (uint32_t i = list + 1; i < j->nodes[list].next; i = j->nodes[i].next)
        if (!spells(j, tb_py_get(j, i, "type"), "null"))
            return i;
    return 0;
}

/* The schema that says what a parameter is, behind references and alternatives. */
static uint32_t resolve(const tb_py_json *j, uint32_t schema, uint32_t at)
{
    for (int hop = 0; hop < MAX_HOPS; hop++) {
        uint32_t reference = tb_py_get(j, at, "$ref"), next;
        next = is(j, reference, TB_PY_STRING) ? definition(j, schema, j->nodes[reference].text)
                                              : alternative(j, at);
        if (next == 0)
            return at;
        at = next;
    }
    return at;
}

static const char *type_of_value(tb_py_type type)
{
    switch (type) {
    case TB_PY_FALSE:
    case TB_PY_TRUE:
        return "boolean";
    case TB_PY_INTEGER:
    case TB_PY_FLOAT:
        return "number";
    case TB_PY_ARRAY:
        return "array";
    case TB_PY_OBJECT:
        return "object";
    default:
        return "string";
    }
}

static void put_type(tb_py_writer *w, const tb_py_json *j, uint32_t at)
{
    uint32_t type = tb_py_get(j, at, "type"), values = tb_py_get(j, at, "enum");
    if (is(j, type, TB_PY_ARRAY)) {
        uint32_t list = type;
        type = 0;
        for (uint32_t i = list + 1; i < j->nodes[list].next && type == 0; i = j->nodes[i].next)
            if (is(j, i, TB_PY_STRING) && !spells(j, i, "null"))
                type = i;
    }
    if (spells(j, type, "integer"))
        put(w, "\"number\"");
    else if (is(j, type, TB_PY_STRING))
        tb_py_put_string(w, j->nodes[type].text);
    else {
        put(w, "\"");
        put(w, is(j, values, TB_PY_ARRAY) && j->nodes[values].next > values + 1
                   ? type_of_value(j->nodes[values + 1].type)
               : tb_py_get(j, at, "properties") != 0 ? "object"
               : tb_py_get(j, at, "items") != 0      ? "array"
                                                     : "string");
        put(w, "\"");
    }
}

/* ---- descriptions ---------------------------------------------------------------------------- */

/* The content of a JSON string that is being put together. */
static void put_inside(tb_py_writer *w, tb_str content)
{
    tb_py_writer measure = {NULL, 0};
    size_t start = w->used;
    tb_py_put_string(&measure, content);
    tb_py_put_string(w, content);
    if (w->out != NULL) /* without the quotes */
        memmove(w->out + start, w->out + start + 1, measure.used - 2);
    w->used = start + measure.used - 2;
}

/* ", one of 'a', 'b'" for the allowed values, or the keys of an object. */
static void put_values(tb_py_writer *w, const tb_py_json *j, uint32_t at, bool *empty)
{
    uint32_t values = tb_py_get(j, at, "enum"), items = tb_py_get(j, at, "items");
    const char *lead = "one of ";
    if (values == 0 && items != 0) {
        values = tb_py_get(j, items, "enum");
        lead = "some of ";
    }
    if (values == 0 || (!is(j, values, TB_PY_ARRAY) && !is(j, values, TB_PY_OBJECT))) {
        values = tb_py_get(j, at, "properties");
        lead = "with ";
    }
    if (values == 0 || j->nodes[values].type < TB_PY_ARRAY)
        return;
    for (uint32_t i = values + 1; i < j->nodes[values].next; i = j->nodes[i].next) {
        put(w, i > values + 1 ? ", " : *empty ? "" : ", ");
        put(w, i > values + 1 ? "" : lead);
        put(w, "'");
        if (is(j, i, TB_PY_STRING)) {
            put_inside(w, j->nodes[i].text);
        } else if (j->nodes[i].type < TB_PY_STRING) {
            tb_py_put_node(w, j, i);
        }
        put(w, "'");
        *empty = false;
    }
}

/* "description" of a parameter; `at` as written by the caller, `meant` what it stands for. */
static void put_description(tb_py_writer *w, const tb_py_json *j, uint32_t at, uint32_t meant)
{
    uint32_t text = tb_py_get(j, at, "description");
    bool empty = true;
    if (!is(j, text, TB_PY_STRING))
        text = tb_py_get(j, meant, "description");
    put(w, ",\"description\":\"");
    if (is(j, text, TB_PY_STRING)) {
        put_inside(w, j->nodes[text].text);
        empty = j->nodes[text].text.len == 0;
    }
    put_values(w, j, meant, &empty);
    put(w, "\"");
}

/* ---- tools ----------------------------------------------------------------------------------- */

static bool is_required(const tb_py_json *j, uint32_t schema, tb_str key)
{
    uint32_t list = tb_py_get(j, schema, "required");
    if (!is(j, list, TB_PY_ARRAY))
        return false;
    for (uint32_t i = list + 1; i < j->nodes[list].next; i = j->nodes[i].next)
        if (is(j, i, TB_PY_STRING) && tb_str_equal(j->nodes[i].text, key))
            return true;
    return false;
}

/* Whether `parameters` is JSON-Schema and not {KEY:{...}}, where "type" and "properties" are keys
 * like any other: its "type" is a word, or it has none and all its properties are schemas. */
static bool is_schema(const tb_py_json *j, uint32_t parameters)
{
    uint32_t all = tb_py_get(j, parameters, "properties"), type = tb_py_get(j, parameters, "type");
    if (!is(j, all, TB_PY_OBJECT))
        return false;
    if (type != 0)
        return is(j, type, TB_PY_STRING);
    for (uint32_t key = all + 1; key < j->nodes[all].next; key = j->nodes[key].next) {
        tb_py_type kind = j->nodes[j->nodes[key].value].type;
        if (kind != TB_PY_OBJECT && kind != TB_PY_TRUE && kind != TB_PY_FALSE)
            return false;
    }
    return true;
}

static void put_parameters(tb_py_writer *w, const tb_py_json *j, uint32_t schema)
{
    bool full = is_schema(j, schema), first = true;
    uint32_t all = full ? tb_py_get(j, schema, "properties") : schema;
    put(w, ",\"parameters\":{");
    for (uint32_t key = all + 1; is(j, all, TB_PY_OBJECT) && key < j->nodes[all].next;
         key = j->nodes[key].next) {
        uint32_t at = j->nodes[key].value, meant = resolve(j, schema, at);
        if (j->nodes[key].repeated)
            continue;
        put(w, first ? "" : ",");
        first = false;
        tb_py_put_string(w, j->nodes[key].text);
        put(w, ":");
        if (is(j, at, TB_PY_OBJECT) && !full) {
            tb_py_put_node(w, j, at);
            continue;
        }
        put(w, "{\"type\":");
        if (is(j, at, TB_PY_STRING))
            tb_py_put_string(w, j->nodes[at].text);
        else
            put_type(w, j, meant);
        put_description(w, j, at, meant);
        put(w, full && is_required(j, schema, j->nodes[key].text) ? ",\"required\":true}"
                                                                  : ",\"required\":false}");
    }
    put(w, "}");
}

/* Whether a tool needs rewriting; *tool is what is inside a wrapper, *schema its parameters or
 * 0. */
static bool needs(const tb_py_json *j, uint32_t at, uint32_t *tool, uint32_t *schema)
{
    uint32_t inner = tb_py_get(j, at, "function");
    *tool = is(j, inner, TB_PY_OBJECT) && tb_py_get(j, inner, "name") != 0 ? inner : at;
    *schema = tb_py_get(j, *tool, "parameters");
    if (tb_py_get(j, *tool, "name") == 0)
        return false;
    if (*schema == 0) {
        *schema = tb_py_get(j, *tool, "inputSchema");
        if (*schema == 0)
            *schema = tb_py_get(j, *tool, "input_schema");
        return *schema != 0 || *tool != at;
    }
    if (!is(j, *schema, TB_PY_OBJECT))
        return *tool != at;
    if (*tool != at || is_schema(j, *schema))
        return true;
    for (uint32_t key = *schema + 1; key < j->nodes[*schema].next; key = j->nodes[key].next)
        if (is(j, j->nodes[key].value, TB_PY_STRING))
            return true;
    return false;
}

static void put_tool(tb_py_writer *w, const tb_py_json *j, uint32_t at)
{
    uint32_t tool, schema, description;
    if (!needs(j, at, &tool, &schema)) {
        tb_py_put_node(w, j, at);
        return;
    }
    description = tb_py_get(j, tool, "description");
    put(w, "{\"name\":");
    tb_py_put_node(w, j, tb_py_get(j, tool, "name"));
    if (description != 0) {
        put(w, ",\"description\":");
        tb_py_put_node(w, j, description);
    }
    put_parameters(w, j, schema);
    put(w, "}");
}

static void put_list(tb_py_writer *w, const tb_py_json *j)
{
    put(w, "[");
    for (uint32_t i = 1; i < j->nodes[0].next; i = j->nodes[i].next) {
        put(w, i > 1 ? "," : "");
        if (j->nodes[i].type == TB_PY_OBJECT)
            put_tool(w, j, i);
        else
            tb_py_put_node(w, j, i);
    }
    put(w, "]");
}

bool tb_needle_flatten(tb_arena *arena, tb_str text, tb_str *out, tb_error *err)
{
    tb_py_json json;
    tb_py_writer w = {NULL, 0};
    bool valid;
    char *room;
    *out = text;
    if (!tb_py_parse(arena, text, &json, &valid, err))
        return false;
    if (!valid || json.nodes[0].type != TB_PY_ARRAY)
        return true;
    put_list(&w, &json);
    room =
        tb_alloc(arena, w.used + 2, 1, err); /* put_inside writes two quotes before it drops them */
    if (room == NULL)
        return false;
    w = (tb_py_writer){room, 0};
    put_list(&w, &json);
    *out = (tb_str){room, w.used};
    return true;
}
