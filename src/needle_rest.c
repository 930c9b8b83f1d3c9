/* needle_rest.c - how many bytes an answer still needs, so that nothing is begun that cannot be
 * finished. Each function counts one certain way to the end, not a guess. */
#include "needle_strict_inside.h"

/* From the content of the current object to the end of the text. */
static uint32_t objects_rest(const tb_needle_strict *s, const tb_strict_state *st)
{
    const tb_strict_table *t = table(s, st);
    uint32_t sum = 2; /* the call's brace, the list's bracket */
    for (uint32_t o = st->object;; o = t->tool->objects[o].parent) {
        sum += object_rest(t, st, o);
        if (o == 0)
            return sum;
    }
}

static uint32_t size_of(const char *literal)
{
    return (uint32_t)tb_str_of(literal).len;
}

static uint32_t name_rest(const tb_needle_strict *s, tb_needle_walk w)
{
    uint32_t least = TB_NO_WAY;
    for (uint32_t i = w.low; i < w.high; i++) {
        const tb_strict_table *t = &s->tools[w.words[i].value];
        uint32_t bytes = (uint32_t)(w.words[i].key.len - w.depth) + size_of("\",\"arguments\":{") +
                         t->object_bytes[0] + 2;
        least = bytes < least ? bytes : least;
    }
    return least;
}

/* Before a member that is not preceded by a comma, or behind the comma. */
static uint32_t member_rest(const tb_needle_strict *s, const tb_strict_state *st)
{
    const tb_strict_table *t = table(s, st);
    uint32_t rest = objects_rest(s, st), least = TB_NO_WAY;
    if (is_missing(t, st))
        return rest - 1;
    if (!st->comma)
        return rest;
    for (uint32_t i = t->first[st->object]; i < t->first[st->object + 1]; i++)
        if (!written(st, t->members[i].value) && member_bytes(t, &t->members[i]) < least)
            least = member_bytes(t, &t->members[i]);
    return rest + least;
}

static uint32_t key_rest(const tb_needle_strict *s, const tb_strict_state *st)
{
    const tb_strict_table *t = table(s, st);
    uint32_t others = objects_rest(s, st), least = TB_NO_WAY;
    for (uint32_t i = st->walk.low; i < st->walk.high; i++) {
        const tb_json_member *m = &t->members[i];
        uint32_t bytes =
            member_bytes(t, m) - 1 - (uint32_t)st->walk.depth + others; /* its quote is there */
        if (written(st, m->value))
            continue;
        if (is_required(t, m->value))
            bytes -= 1 + member_bytes(t, m); /* counted among the others */
        least = bytes < least ? bytes : least;
    }
    return least;
}

/* From inside an array with `items` whole items: what is missing and the bracket. */
static uint32_t array_rest(const tb_needle_strict *s, const tb_strict_state *st, uint32_t items)
{
    const tb_argument *a = argument(s, st);
    uint32_t missing = a->min_items > items ? a->min_items - items : 0;
    return missing * (table(s, st)->scalar_bytes[st->argument] + 1) + 1 + objects_rest(s, st);
}

static uint32_t item_rest(const tb_needle_strict *s, const tb_strict_state *st)
{
    uint32_t rest = array_rest(s, st, st->items);
    if (argument(s, st)->min_items > st->items)
        return rest - 1; /* no comma before this one any more */
    return rest + (st->comma ? table(s, st)->scalar_bytes[st->argument] : 0);
}

/* The longest word still possible where some may be used up, else the shortest. */
static uint32_t word_rest(const tb_needle_strict *s, const tb_strict_state *st)
{
    bool longest = st->in_array && argument(s, st)->unique_items;
    uint32_t best = longest ? 0 : TB_NO_WAY;
    for (uint32_t i = st->walk.low; i < st->walk.high; i++) {
        uint32_t bytes = (uint32_t)(st->walk.words[i].key.len - st->walk.depth);
        if (longest ? bytes > best : bytes < best)
            best = bytes;
    }
    return best;
}

uint32_t tb_strict_rest(const tb_needle_strict *s, const tb_strict_state *st)
{
    uint32_t behind_value = 0;
    tb_str number = {s->text + st->value_start, st->length - st->value_start};
    if (st->at == AT_STRING || st->at == AT_NUMBER || st->at == AT_WORD)
        behind_value = st->in_array ? array_rest(s, st, st->items + 1) : objects_rest(s, st);
    switch (st->at) {
    case AT_START:
    case AT_LIST:
        return 2;
    case AT_FIRST_CALL:
    case AT_END_OF_CALL:
        return 1;
    case AT_NAME:
        return name_rest(s, st->walk);
    case AT_MEMBER:
        return member_rest(s, st);
    case AT_KEY:
        return key_rest(s, st);
    case AT_VALUE:
        return table(s, st)->value_bytes[st->argument] + objects_rest(s, st);
    case AT_ITEM:
        return item_rest(s, st);
    case AT_STRING:
        return tb_string_rest(&st->string, argument(s, st)) + 1 + behind_value;
    case AT_NUMBER:
        return tb_number_rest(number, argument(s, st)) + behind_value;
    case AT_WORD:
        return word_rest(s, st) + behind_value;
    case AT_END_OF_ITEM:
        return array_rest(s, st, st->items);
    case AT_END_OF_VALUE:
        return objects_rest(s, st);
    case AT_LITERAL: {
        tb_strict_state next = *st;
        next.at = st->after;
        if (next.at == AT_NAME)
            next.walk = (tb_needle_walk){s->names, 0, s->tool_count, 0};
        return size_of(st->literal) + tb_strict_rest(s, &next);
    }
    default:
        return 0;
    }
}
