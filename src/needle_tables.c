/* needle_tables.c - from a tool's schema to sorted words and shortest lengths. */
#include "needle_strict_inside.h"

#include "needle_json.h"

/* Sizes of empty objects, the inner ones first: an object comes after its parent. */
static void fill_object_bytes(tb_strict_table *t)
{
    tb_strict_state nothing = {0};
    for (uint32_t o = t->tool->object_count; o-- > 0;) {
        uint32_t rest = object_rest(t, &nothing, o);
        t->object_bytes[o] = rest > 1 ? rest - 1 : 1; /* no comma before the first member */
    }
}

static tb_str spelled(tb_arena *arena, tb_str content, bool quotes, tb_error *err)
{
    tb_py_writer w = {NULL, 0};
    char *out;
    tb_py_put_string(&w, content);
    out = tb_alloc(arena, w.used, 1, err);
    if (out == NULL)
        return (tb_str){NULL, 0};
    w = (tb_py_writer){out, 0};
    tb_py_put_string(&w, content);
    return quotes ? (tb_str){out, w.used} : (tb_str){out + 1, w.used - 2};
}

static tb_str spelled_value(tb_arena *arena, const tb_value *value, tb_error *err)
{
    switch (value->type) {
    case TB_VALUE_FALSE:
        return tb_str_of("false");
    case TB_VALUE_TRUE:
        return tb_str_of("true");
    case TB_VALUE_NUMBER:
        return value->text;
    default:
        return spelled(arena, value->text, true, err);
    }
}

/* Words, members and the lengths of arguments and objects of one tool. */
static bool fill_words(tb_arena *arena, tb_strict_table *t, tb_error *err)
{
    for (uint32_t i = 0; i < t->tool->argument_count; i++) {
        const tb_argument *a = &t->tool->arguments[i];
        if (a->type != TB_ENUM && a->type != TB_BOOLEAN)
            continue;
        t->words[i] = tb_alloc(arena, a->value_count, sizeof **t->words, err);
        for (uint32_t v = 0; t->words[i] != NULL && v < a->value_count; v++)
            t->words[i][v] = (tb_json_member){spelled_value(arena, &a->values[v], err), v};
        if (t->words[i] == NULL || err->status != TB_OK)
            return false;
        tb_json_sort(t->words[i], a->value_count);
    }
    return true;
}

static uint32_t scalar_bytes(const tb_strict_table *t, uint32_t argument)
{
    const tb_argument *a = &t->tool->arguments[argument];
    uint32_t most = 0;
    switch (a->type) {
    case TB_STRING:
        return 2 + a->min_length;
    case TB_NUMBER:
    case TB_INTEGER:
        return tb_number_rest((tb_str){"", 0}, a);
    default: /* the longest: in an array with unique items the shorter ones may be used up */
        for (uint32_t v = 0; v < a->value_count; v++)
            most = t->words[argument][v].key.len > most ? (uint32_t)t->words[argument][v].key.len
                                                        : most;
        return most;
    }
}

bool tb_strict_fill_table(tb_arena *arena, const tb_tool *tool, tb_strict_table *t, tb_error *err)
{
    uint32_t count = tool->argument_count + tool->object_count, used = 0;
    t->tool = tool;
    t->members = tb_alloc(arena, count, sizeof *t->members, err);
    t->first = tb_alloc(arena, (size_t)tool->object_count + 1, sizeof *t->first, err);
    t->words = tb_alloc(arena, tool->argument_count, sizeof(tb_json_member *), err);
    t->scalar_bytes = tb_alloc(arena, tool->argument_count, sizeof *t->scalar_bytes, err);
    t->value_bytes = tb_alloc(arena, tool->argument_count, sizeof *t->value_bytes, err);
    t->object_bytes = tb_alloc(arena, tool->object_count, sizeof *t->object_bytes, err);
    if (t->members == NULL || t->first == NULL || t->words == NULL || t->scalar_bytes == NULL ||
        t->value_bytes == NULL || t->object_bytes == NULL || !fill_words(arena, t, err))
        return false;
    for (uint32_t o = 0; o < tool->object_count; o++) {
        t->first[o] = used;
        for (uint32_t i = 0; i < tool->argument_count; i++)
            if (tool->arguments[i].object == o)
                t->members[used++] = (tb_json_member){
                    spelled(arena, tool->arguments[i].path[tool->arguments[i].depth - 1], false,
                            err),
                    i};
        for (uint32_t i = 1; i < tool->object_count; i++)
            if (tool->objects[i].parent == o)
                t->members[used++] = (tb_json_member){
                    spelled(arena, tool->objects[i].key, false, err), OBJECTS_FROM + i};
        tb_json_sort(t->members + t->first[o], used - t->first[o]);
    }
    t->first[tool->object_count] = used;
    for (uint32_t i = 0; i < tool->argument_count; i++) {
        const tb_argument *a = &tool->arguments[i];
        uint32_t one = t->scalar_bytes[i] = scalar_bytes(t, i), items = a->array ? a->min_items : 0;
        t->value_bytes[i] = !a->array ? one : items == 0 ? 2 : 1 + items * (one + 1);
    }
    fill_object_bytes(t);
    return err->status == TB_OK;
}
