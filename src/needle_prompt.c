/* needle_prompt.c - tool lists into the model's form, answers out of it. */
#include "needle_prompt.h"

#include <string.h>

#include "needle_flat.h"
#include "needle_json.h"

/* ---- names ----------------------------------------------------------------------------------- */

static bool is_lower(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

/* The original is four substitutions one after another; on a single run they come to this: a letter
 * or digit is written in lower case, with a `_` before it where the name has something else between
 * it and the one before, or where case shows a new word. */
size_t tb_snake_case(tb_str name, char *out)
{
    size_t used = 0;
    char before = '_'; /* what stands before, `_` for everything that is no letter or digit */
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i], next = i + 1 < name.len ? name.ptr[i + 1] : '_';
        bool starts_word;
        if (!is_lower(c) && !is_upper(c)) {
            before = '_';
            continue;
        }
        starts_word =
            before == '_' ||
            (is_upper(c) && (is_lower(before) || (is_upper(before) && next >= 'a' && next <= 'z')));
        if (starts_word && used > 0)
            out[used++] = '_';
        out[used++] = is_upper(c) ? (char)(c + 32) : c;
        before = c;
    }
    return used;
}

static bool is_whole(tb_str text)
{
    return tb_utf8_check(text.ptr, text.len) == text.len;
}

/* ---- tools ----------------------------------------------------------------------------------- */

typedef struct {
    tb_arena *arena;
    tb_py_json json;
    tb_needle_name *names;
    tb_needle_tool *tools;
    uint32_t name_count, tool_count;
    tb_error *err;
} reading;

/* map[snake] = name: the last of equal snake names wins and keeps the first one's place. */
static void remember(reading *r, tb_str snake, tb_str name)
{
    uint32_t i = 0;
    while (i < r->name_count && !tb_str_equal(r->names[i].snake, snake))
        i++;
    r->names[i] = (tb_needle_name){snake, name};
    if (i == r->name_count)
        r->name_count++;
}

/* The keys of `parameters` whose values are objects. */
static bool read_keys(reading *r, uint32_t parameters, tb_needle_tool *tool)
{
    const tb_py_node *nodes = r->json.nodes;
    uint32_t count = 0, end = nodes[parameters].next;
    tb_str *keys;
    tool->keyed = nodes[parameters].type == TB_PY_OBJECT;
    if (!tool->keyed)
        return true;
    for (uint32_t key = parameters + 1; key < end; key = nodes[key].next)
        count++;
    keys = tb_alloc(r->arena, count, sizeof *keys, r->err);
    if (keys == NULL)
        return false;
    for (uint32_t key = parameters + 1; key < end; key = nodes[key].next)
        if (!nodes[key].repeated && nodes[key].text.len > 0 &&
            nodes[nodes[key].value].type == TB_PY_OBJECT)
            keys[tool->key_count++] = nodes[key].text;
    tool->keys = keys;
    return true;
}

static bool read_tool(reading *r, uint32_t at)
{
    uint32_t name = tb_py_get(&r->json, at, "name"),
             parameters = tb_py_get(&r->json, at, "parameters");
    tb_py_node *node = &r->json.nodes[name];
    tb_needle_tool *tool = &r->tools[r->tool_count];
    tb_str snake;
    char *room;
    if (name == 0)
        return true;
    if (node->type != TB_PY_STRING || !is_whole(node->text))
        return tb_fail(r->err, TB_E_TOOLS, "a tool's name is not a string of whole characters");
    room = tb_alloc(r->arena, 2 * node->text.len, 1, r->err);
    if (room == NULL)
        return false;
    snake = (tb_str){room, tb_snake_case(node->text, room)};
    remember(r, snake, node->text);
    node->text = snake;
    if (snake.len == 0)
        return true;
    r->tool_count++;
    tool->name = snake;
    tool->keyed = true;
    return parameters == 0 || read_keys(r, parameters, tool);
}

static bool read_list(reading *r)
{
    const tb_py_node *nodes = r->json.nodes;
    uint32_t count = 0;
    for (uint32_t i = 1; i < nodes[0].next; i = nodes[i].next)
        count++;
    if (count > TB_NEEDLE_TOOLS)
        return tb_fail(r->err, TB_E_TOO_LONG, "%u tools: at most %d are read", count,
                       TB_NEEDLE_TOOLS);
    r->names = tb_alloc(r->arena, count, sizeof *r->names, r->err);
    r->tools = tb_alloc(r->arena, count, sizeof *r->tools, r->err);
    if (r->names == NULL || r->tools == NULL)
        return false;
    for (uint32_t i = 1; i < nodes[0].next; i = nodes[i].next)
        if (nodes[i].type == TB_PY_OBJECT && !read_tool(r, i))
            return false;
    return true;
}

bool tb_needle_tools_read(tb_arena *arena, tb_str text, bool flat, tb_needle_tools *out,
                          tb_error *err)
{
    reading r = {0};
    bool valid;
    memset(out, 0, sizeof *out);
    if (!is_whole(text))
        return tb_fail(err, TB_E_TOOLS, "the tools are not UTF-8 from byte %zu on",
                       tb_utf8_check(text.ptr, text.len));
    if (flat && !tb_needle_flatten(arena, text, &text, err))
        return false;
    if (!tb_py_parse(arena, text, &r.json, &valid, err))
        return false;
    out->text = text;
    if (!valid)
        return true;
    r.arena = arena;
    r.err = err;
    switch (r.json.nodes[0].type) {
    case TB_PY_ARRAY:
        if (!read_list(&r))
            return false;
        break;
    case TB_PY_OBJECT:
    case TB_PY_STRING:
        break;
    default:
        return tb_fail(err, TB_E_TOOLS,
                       "the tools are a number, a boolean or null: a list is needed");
    }
    out->names = r.names;
    out->name_count = r.name_count;
    out->tools = r.tools;
    out->tool_count = r.tool_count;
    return tb_py_dump(arena, &r.json, 0, &out->text, err);
}

/* ---- answers --------------------------------------------------------------------------------- */

static const tb_needle_name *find(const tb_needle_tools *tools, tb_str snake)
{
    for (uint32_t i = 0; i < tools->name_count; i++)
        if (tb_str_equal(tools->names[i].snake, snake))
            return &tools->names[i];
    return NULL;
}

static void rename_call(tb_py_json *json, uint32_t at, const tb_needle_tools *tools)
{
    uint32_t name = tb_py_get(json, at, "name");
    const tb_needle_name *known;
    if (name == 0 || json->nodes[name].type != TB_PY_STRING)
        return;
    known = find(tools, json->nodes[name].text);
    if (known != NULL)
        json->nodes[name].text = known->name;
}

/* Every `from` in text becomes `to`, left to right. */
static bool replace(tb_arena *arena, tb_str *text, tb_str from, tb_str to, tb_error *err)
{
    size_t count = 0, room, used = 0;
    char *out;
    for (size_t i = 0; i + from.len <= text->len; i++)
        if (memcmp(text->ptr + i, from.ptr, from.len) == 0) {
            count++;
            i += from.len - 1;
        }
    if (count == 0)
        return true;
    if (!tb_mul(count, to.len, &room) || !tb_add(room, text->len, &room))
        return tb_fail(err, TB_E_TOO_LONG, "the answer with the caller's names is too long");
    out = tb_alloc(arena, room, 1, err);
    if (out == NULL)
        return false;
    for (size_t i = 0; i < text->len;) {
        if (i + from.len <= text->len && memcmp(text->ptr + i, from.ptr, from.len) == 0) {
            memcpy(out + used, to.ptr, to.len);
            used += to.len;
            i += from.len;
        } else {
            out[used++] = text->ptr[i++];
        }
    }
    *text = (tb_str){out, used};
    return true;
}

/* The longest names first, equally long ones in the order of the list. */
static bool replace_all(tb_arena *arena, tb_str *text, const tb_needle_tools *tools, tb_error *err)
{
    size_t longest = 0;
    for (uint32_t i = 0; i < tools->name_count; i++)
        longest = tools->names[i].snake.len > longest ? tools->names[i].snake.len : longest;
    longest = longest < text->len ? longest : text->len; /* a name may grow the text while we go: */
    for (size_t len = longest; len > 0; len--) {         /* only shorter ones are looked for then */
        for (uint32_t i = 0; i < tools->name_count; i++)
            if (tools->names[i].snake.len == len &&
                !replace(arena, text, tools->names[i].snake, tools->names[i].name, err))
                return false;
    }
    return true;
}

bool tb_needle_restore(tb_arena *arena, tb_str raw, const tb_needle_tools *tools, tb_str *out,
                       tb_error *err)
{
    tb_str mark = tb_str_of("<tool_call>");
    tb_py_json json;
    bool valid;
    if (raw.len >= mark.len && memcmp(raw.ptr, mark.ptr, mark.len) == 0)
        raw = (tb_str){raw.ptr + mark.len, raw.len - mark.len};
    *out = raw;
    if (tools->name_count == 0)
        return true;
    if (!tb_py_parse(arena, raw, &json, &valid, err))
        return false;
    if (!valid)
        return replace_all(arena, out, tools, err);
    if (json.nodes[0].type == TB_PY_OBJECT)
        rename_call(&json, 0, tools);
    else if (json.nodes[0].type == TB_PY_ARRAY)
        for (uint32_t i = 1; i < json.nodes[0].next; i = json.nodes[i].next)
            rename_call(&json, i, tools);
    return tb_py_dump(arena, &json, 0, out, err);
}
