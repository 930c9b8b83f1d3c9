/* needle_strict_inside.h - what the files of the strict grammar share: the tables of a tool list
 * (needle_tables.c), the machine of bytes (needle_machine.c), the way to the end (needle_rest.c),
 * the tokens (needle_strict.c). Nobody else includes it. */
#ifndef THIMBLE_NEEDLE_STRICT_INSIDE_H
#define THIMBLE_NEEDLE_STRICT_INSIDE_H

#include "needle_guide.h"
#include "needle_strict.h"
#include "needle_value.h"

enum { OBJECTS_FROM = TB_MAX_ARGUMENTS /* members: arguments by index, then objects */ };

/* What one tool's calls may hold. */
typedef struct {
    const tb_tool *tool;
    tb_json_member *members; /* of all objects; key: as JSON spells it, without quotes */
    uint32_t *first;        /* (object_count + 1): members of object o are [first[o], first[o+1]) */
    tb_json_member **words; /* per argument: its values as JSON spells them, sorted; NULL without */
    uint32_t *scalar_bytes; /* per argument: the shortest value, or item of an array */
    uint32_t *value_bytes;  /* per argument: the shortest value */
    uint32_t *object_bytes; /* per object: its shortest content and the closing brace */
} tb_strict_table;

typedef enum {
    AT_START,
    AT_LIST,
    AT_FIRST_CALL,
    AT_NAME,
    AT_MEMBER,
    AT_KEY,
    AT_VALUE,
    AT_ITEM,
    AT_STRING,
    AT_NUMBER,
    AT_WORD,
    AT_END_OF_ITEM,
    AT_END_OF_VALUE,
    AT_END_OF_CALL,
    AT_LITERAL,
    AT_COMPLETE
} tb_strict_place;

/* Everything that depends on the bytes so far; copied to try a token. */
typedef struct {
    tb_strict_place at, after; /* after: behind a literal */
    const char *literal;       /* what is left of it */
    uint32_t length;           /* bytes of the text so far */
    uint32_t calls_end;        /* the text up to the last whole call */
    uint32_t tool;
    tb_needle_walk walk;         /* a name, key or word begun */
    uint64_t arguments, objects; /* members written */
    uint32_t object, argument;
    bool comma; /* behind a comma: nothing may close yet */
    bool in_array;
    uint32_t items, array_start, value_start;
    tb_string_state string;
} tb_strict_state;

struct tb_needle_strict {
    tb_arena *arena;
    const tb_tokenizer *tokenizer;
    tb_strict_table *tools;
    tb_json_member *names; /* snake names, sorted; value: the tool */
    uint32_t tool_count;
    tb_strict_state now;
    char *text; /* (room) */
    uint32_t room;
    bool begun;           /* <tool_call> was written */
    uint8_t *first;       /* (vocabulary): first byte of a token's text, 0: never allowed */
    uint32_t *candidates; /* (vocabulary): those whose first byte fits */
    uint32_t count;       /* of them */
    tb_error ignored;
};

/* Tables of one tool. */
bool tb_strict_fill_table(tb_arena *arena, const tb_tool *tool, tb_strict_table *out,
                          tb_error *err);

/* Takes one byte. False if it does not fit; the state is spoilt then. */
bool tb_strict_step(tb_needle_strict *s, tb_strict_state *st, char c);

/* Bytes from here to the end of the text at the least; following the byte that leads there takes
 * off one each time. */
uint32_t tb_strict_rest(const tb_needle_strict *s, const tb_strict_state *st);

/* ---- what is written and what is missing
 * --------------------------------------------------------- */

static inline const tb_strict_table *table(const tb_needle_strict *s, const tb_strict_state *st)
{
    return &s->tools[st->tool];
}

static inline const tb_argument *argument(const tb_needle_strict *s, const tb_strict_state *st)
{
    return &table(s, st)->tool->arguments[st->argument];
}

static inline bool written(const tb_strict_state *st, uint32_t member)
{
    return member < OBJECTS_FROM ? st->arguments >> member & 1
                                 : st->objects >> (member - OBJECTS_FROM) & 1;
}

static inline bool is_required(const tb_strict_table *t, uint32_t member)
{
    return member < OBJECTS_FROM ? t->tool->arguments[member].required
                                 : t->tool->objects[member - OBJECTS_FROM].required;
}

/* "KEY": and its shortest value. */
static inline uint32_t member_bytes(const tb_strict_table *t, const tb_json_member *m)
{
    return (uint32_t)m->key.len + 3 +
           (m->value < OBJECTS_FROM ? t->value_bytes[m->value]
                                    : 1 + t->object_bytes[m->value - OBJECTS_FROM]);
}

/* What object `o` still needs, with a comma before each member, and its closing brace. */
static inline uint32_t object_rest(const tb_strict_table *t, const tb_strict_state *st, uint32_t o)
{
    uint32_t sum = 1;
    for (uint32_t i = t->first[o]; i < t->first[o + 1]; i++)
        if (is_required(t, t->members[i].value) && !written(st, t->members[i].value))
            sum += 1 + member_bytes(t, &t->members[i]);
    return sum;
}

static inline bool is_missing(const tb_strict_table *t, const tb_strict_state *st)
{
    for (uint32_t i = t->first[st->object]; i < t->first[st->object + 1]; i++)
        if (is_required(t, t->members[i].value) && !written(st, t->members[i].value))
            return true;
    return false;
}

/* Whether a member among [low, high) is not written yet. */
static inline bool any_left(const tb_strict_table *t, const tb_strict_state *st, uint32_t low,
                            uint32_t high)
{
    for (uint32_t i = low; i < high; i++)
        if (!written(st, t->members[i].value))
            return true;
    return false;
}

/* Whether what was walked is a whole word. */
static inline bool at_word(const tb_needle_walk *w)
{
    return w->low < w->high && w->words[w->low].key.len == w->depth;
}

#endif
