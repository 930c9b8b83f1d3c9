/* needle_machine.c - which byte may follow: one function per place in the text. */
#include "needle_strict_inside.h"

#include <string.h>

#include "decimal.h"
#include "needle_json.h"

/* ---- completed values
 * ---------------------------------------------------------------------------- */

static bool same_value(const tb_py_node *a, const tb_py_node *b)
{
    bool numbers = (a->type == TB_PY_INTEGER || a->type == TB_PY_FLOAT) &&
                   (b->type == TB_PY_INTEGER || b->type == TB_PY_FLOAT);
    if (numbers)
        return tb_decimal_read(a->text) == tb_decimal_read(b->text);
    return a->type == b->type && (a->type != TB_PY_STRING || tb_str_equal(a->text, b->text));
}

/* Whether text[start..end) can be the next item of the array that the state is in: not there
 * yet. */
static bool is_new_item(tb_needle_strict *s, const tb_strict_state *st, const char *item,
                        size_t len)
{
    size_t mark = tb_arena_mark(s->arena), before = st->value_start - st->array_start;
    char *copy = tb_alloc(s->arena, before + len + 1, 1, &s->ignored);
    tb_py_json json;
    bool valid = false, fresh = true;
    if (copy == NULL)
        return false;
    memcpy(copy, s->text + st->array_start, before);
    memcpy(copy + before, item, len);
    copy[before + len] = ']';
    fresh = tb_py_parse(s->arena, (tb_str){copy, before + len + 1}, &json, &valid, &s->ignored) &&
            valid;
    for (uint32_t i = 1; fresh && i + 1 < json.count; i++)
        fresh = !same_value(&json.nodes[i], &json.nodes[json.count - 1]);
    tb_arena_reset(s->arena, mark);
    return fresh;
}

/* Whether the string from value_start on, closed, satisfies pattern and format. */
static bool string_fits(tb_needle_strict *s, const tb_strict_state *st, const tb_argument *a)
{
    size_t mark = tb_arena_mark(s->arena);
    tb_str quoted = {s->text + st->value_start, st->length - st->value_start};
    tb_py_json json;
    bool valid, good;
    if (a->pattern == NULL && a->format == TB_FORMAT_NONE)
        return true;
    good = tb_py_parse(s->arena, quoted, &json, &valid, &s->ignored) && valid &&
           tb_format_fits(a->format, json.nodes[0].text) &&
           (a->pattern == NULL || tb_pattern_found(a->pattern, json.nodes[0].text));
    tb_arena_reset(s->arena, mark);
    return good;
}

/* A value ends before byte `end` of the text; false if it may not. */
static bool end_value(tb_needle_strict *s, tb_strict_state *st, uint32_t end)
{
    const tb_argument *a = argument(s, st);
    if (!st->in_array) {
        st->at = AT_END_OF_VALUE;
        return true;
    }
    if (a->unique_items && !is_new_item(s, st, s->text + st->value_start, end - st->value_start))
        return false;
    st->items++;
    st->at = AT_END_OF_ITEM;
    return true;
}

/* Whether another item may begin: there is room, and a value that is not used up. */
static bool item_may_follow(const tb_strict_state *st, const tb_argument *a)
{
    bool listed = a->type == TB_ENUM || a->type == TB_BOOLEAN;
    return (a->max_items == TB_NO_LIMIT || st->items < a->max_items) &&
           !(a->unique_items && listed && st->items >= a->value_count);
}

/* ---- the machine ----------------------------------------------------------------------------- */

static bool expect(tb_strict_state *st, const char *literal, tb_strict_place after)
{
    st->at = AT_LITERAL;
    st->literal = literal;
    st->after = after;
    return true;
}

static bool step_literal(tb_needle_strict *s, tb_strict_state *st, char c)
{
    if (c != *st->literal)
        return false;
    if (*++st->literal != '\0')
        return true;
    st->at = st->after;
    if (st->at == AT_NAME)
        st->walk = (tb_needle_walk){s->names, 0, s->tool_count, 0};
    if (st->at == AT_END_OF_CALL)
        st->calls_end = st->length;
    return true;
}

static bool open_object(tb_strict_state *st, uint32_t object)
{
    st->object = object;
    st->comma = false;
    return true;
}

static bool step_name(tb_strict_state *st, char c)
{
    if (c == '"') {
        if (!at_word(&st->walk))
            return false;
        st->tool = st->walk.words[st->walk.low].value;
        st->arguments = st->objects = 0;
        open_object(st, 0);
        return expect(st, ",\"arguments\":{", AT_MEMBER);
    }
    tb_needle_walk_on(&st->walk, c);
    return st->walk.low < st->walk.high;
}

/* A closing brace: of an inner object, or of the arguments. */
static bool close_object(tb_needle_strict *s, tb_strict_state *st)
{
    const tb_strict_table *t = table(s, st);
    if (is_missing(t, st))
        return false;
    if (st->object == 0)
        return expect(st, "}", AT_END_OF_CALL);
    st->object = t->tool->objects[st->object].parent;
    st->at = AT_END_OF_VALUE;
    return true;
}

static bool step_member(tb_needle_strict *s, tb_strict_state *st, char c)
{
    const tb_strict_table *t = table(s, st);
    uint32_t low = t->first[st->object], high = t->first[st->object + 1];
    if (c == '}' && !st->comma)
        return close_object(s, st);
    if (c != '"' || !any_left(t, st, low, high))
        return false;
    st->walk = (tb_needle_walk){t->members, low, high, 0};
    st->at = AT_KEY;
    return true;
}

static bool step_key(tb_needle_strict *s, tb_strict_state *st, char c)
{
    const tb_strict_table *t = table(s, st);
    uint32_t member;
    if (c != '"' || !at_word(&st->walk)) {
        tb_needle_walk_on(&st->walk, c);
        return any_left(t, st, st->walk.low, st->walk.high);
    }
    member = t->members[st->walk.low].value;
    if (written(st, member))
        return false;
    if (member >= OBJECTS_FROM) {
        st->objects |= (uint64_t)1 << (member - OBJECTS_FROM);
        open_object(st, member - OBJECTS_FROM);
        return expect(st, ":{", AT_MEMBER);
    }
    st->arguments |= (uint64_t)1 << member;
    st->argument = member;
    st->in_array = false;
    st->items = 0;
    return expect(st, ":", AT_VALUE);
}

static bool word_left(tb_needle_strict *s, const tb_strict_state *st, const tb_argument *a)
{
    if (!st->in_array || !a->unique_items)
        return st->walk.low < st->walk.high;
    for (uint32_t i = st->walk.low; i < st->walk.high; i++)
        if (is_new_item(s, st, st->walk.words[i].key.ptr, st->walk.words[i].key.len))
            return true;
    return false;
}

/* The first byte of a scalar, which is in the text already. */
static bool begin_scalar(tb_needle_strict *s, tb_strict_state *st, char c)
{
    const tb_argument *a = argument(s, st);
    st->value_start = st->length - 1;
    if (a->type == TB_STRING) {
        memset(&st->string, 0, sizeof st->string);
        st->at = AT_STRING;
        return c == '"';
    }
    if (a->type == TB_NUMBER || a->type == TB_INTEGER) {
        st->at = AT_NUMBER;
        return tb_number_rest((tb_str){s->text + st->value_start, 1}, a) < TB_NO_WAY;
    }
    st->at = AT_WORD;
    st->walk = (tb_needle_walk){table(s, st)->words[st->argument], 0, a->value_count, 0};
    tb_needle_walk_on(&st->walk, c);
    return word_left(s, st, a);
}

static bool step_value(tb_needle_strict *s, tb_strict_state *st, char c)
{
    if (!argument(s, st)->array)
        return begin_scalar(s, st, c);
    st->in_array = true;
    st->comma = false;
    st->array_start = st->length - 1;
    st->at = AT_ITEM;
    return c == '[';
}

static bool close_array(tb_strict_state *st, const tb_argument *a)
{
    if (st->items < a->min_items)
        return false;
    st->in_array = false;
    st->at = AT_END_OF_VALUE;
    return true;
}

static bool step_item(tb_needle_strict *s, tb_strict_state *st, char c)
{
    const tb_argument *a = argument(s, st);
    if (c == ']' && !st->comma)
        return close_array(st, a);
    return item_may_follow(st, a) && begin_scalar(s, st, c);
}

static bool step_end_of_item(tb_needle_strict *s, tb_strict_state *st, char c)
{
    const tb_argument *a = argument(s, st);
    if (c == ']')
        return close_array(st, a);
    st->comma = true;
    st->at = AT_ITEM;
    return c == ',' && item_may_follow(st, a);
}

static bool step_string(tb_needle_strict *s, tb_strict_state *st, char c)
{
    const tb_argument *a = argument(s, st);
    if (c == '"' && st->string.escape != 1)
        return tb_string_whole(&st->string, a) && string_fits(s, st, a) &&
               end_value(s, st, st->length);
    if ((a->pattern != NULL || a->format != TB_FORMAT_NONE) &&
        st->length - st->value_start > TB_STRING_GUESS)
        return false;
    return tb_string_feed(&st->string, a, c);
}

static bool step_end_of_value(tb_needle_strict *s, tb_strict_state *st, char c)
{
    const tb_strict_table *t = table(s, st);
    if (c == '}')
        return close_object(s, st);
    st->comma = true;
    st->at = AT_MEMBER;
    return c == ',' && any_left(t, st, t->first[st->object], t->first[st->object + 1]);
}

static bool step_end_of_call(tb_strict_state *st, char c)
{
    if (c == ',')
        return expect(st, "{\"name\":\"", AT_NAME);
    st->at = AT_COMPLETE;
    return c == ']';
}

/* Behind a value that no byte of its own closes. */
static bool step_after(tb_needle_strict *s, tb_strict_state *st, char c)
{
    return end_value(s, st, st->length - 1) &&
           (st->at == AT_END_OF_ITEM ? step_end_of_item(s, st, c) : step_end_of_value(s, st, c));
}

static bool step_number(tb_needle_strict *s, tb_strict_state *st, char c)
{
    const tb_argument *a = argument(s, st);
    tb_str text = {s->text + st->value_start, st->length - st->value_start};
    if (c == ',' || c == '}' || c == ']') {
        text.len--;
        return tb_number_rest(text, a) == 0 && step_after(s, st, c);
    }
    return tb_number_rest(text, a) < TB_NO_WAY;
}

static bool step_word(tb_needle_strict *s, tb_strict_state *st, char c)
{
    tb_needle_walk before = st->walk;
    tb_needle_walk_on(&st->walk, c);
    if (word_left(s, st, argument(s, st)))
        return true;
    return at_word(&before) && step_after(s, st, c);
}

bool tb_strict_step(tb_needle_strict *s, tb_strict_state *st, char c)
{
    if (st->length >= s->room)
        return false;
    s->text[st->length++] = c;
    switch (st->at) {
    case AT_START:
        st->at = c == ' ' ? AT_LIST : AT_FIRST_CALL;
        return c == ' ' || c == '[';
    case AT_LIST:
        st->at = AT_FIRST_CALL;
        return c == '[';
    case AT_FIRST_CALL:
        st->calls_end = st->length - 1;
        if (c == ']') {
            st->at = AT_COMPLETE;
            return true;
        }
        return c == '{' && s->tool_count > 0 && expect(st, "\"name\":\"", AT_NAME);
    case AT_NAME:
        return step_name(st, c);
    case AT_MEMBER:
        return step_member(s, st, c);
    case AT_KEY:
        return step_key(s, st, c);
    case AT_VALUE:
        return step_value(s, st, c);
    case AT_ITEM:
        return step_item(s, st, c);
    case AT_STRING:
        return step_string(s, st, c);
    case AT_NUMBER:
        return step_number(s, st, c);
    case AT_WORD:
        return step_word(s, st, c);
    case AT_END_OF_ITEM:
        return step_end_of_item(s, st, c);
    case AT_END_OF_VALUE:
        return step_end_of_value(s, st, c);
    case AT_END_OF_CALL:
        return step_end_of_call(st, c);
    case AT_LITERAL:
        return step_literal(s, st, c);
    default:
        return false;
    }
}
