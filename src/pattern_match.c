/* pattern_match.c - runs the program of a pattern over a text: all places that can be reached are
 * followed together, one character after the other. */
#include "pattern_inside.h"

#include <string.h>

#include "text.h"

static bool is_word(uint32_t c)
{
    return c < 0x80 && (tb_is_alpha(c) || tb_is_digit(c) || c == '_');
}

/* ECMA's WhiteSpace and LineTerminator. */
static bool is_ecma_space(uint32_t c)
{
    return (c >= 9 && c <= 13) || c == 0x20 || c == 0xfeff || (c >= 0xa0 && tb_is_space(c));
}

static bool in_set(char set, uint32_t c)
{
    switch (set) {
    case 'd': return tb_is_digit(c);
    case 'D': return !tb_is_digit(c);
    case 'w': return is_word(c);
    case 'W': return !is_word(c);
    case 's': return is_ecma_space(c);
    default: return !is_ecma_space(c);
    }
}

static bool in_class(const tb_pattern *p, const char_class *class, uint32_t c)
{
    for (uint32_t i = 0; i < class->count; i++) {
        const class_item *item = &p->items[class->first + i];
        if (item->set != 0 ? in_set(item->set, c) : c >= item->low && c <= item->high)
            return !class->negated;
    }
    return class->negated;
}

/* Places in the program, each once. `stamp[i] == round` says that i is among them. */
typedef struct {
    uint16_t places[TB_PATTERN_PROGRAM];
    uint32_t count;
} place_list;

typedef struct {
    uint32_t stamp[TB_PATTERN_PROGRAM];
    uint32_t round;
} visits;

/* The characters around the place that the machine has come to. */
typedef struct {
    uint32_t before, after;
} context;

static bool holds(opcode op, context here)
{
    bool edge = is_word(here.before) != is_word(here.after);
    switch (op) {
    case TEXT_START: return here.before == TB_NO_CHAR;
    case TEXT_END: return here.after == TB_NO_CHAR;
    case WORD_EDGE: return edge;
    default: return !edge;
    }
}

/* Follows everything that consumes no character from `pending`; what does is gathered in `out`.
 * True if MATCH is reached. */
static bool follow(const tb_pattern *p, const place_list *pending, context here, visits *seen,
                   place_list *out)
{
    uint16_t stack[TB_PATTERN_PROGRAM + 1];
    out->count = 0;
    seen->round++;
    for (uint32_t i = 0; i < pending->count; i++) {
        size_t depth = 0;
        stack[depth++] = pending->places[i];
        while (depth > 0) {
            uint16_t at = stack[--depth];
            const instruction *in = &p->program[at];
            if (seen->stamp[at] == seen->round)
                continue;
            seen->stamp[at] = seen->round;
            switch ((opcode)in->op) {
            case MATCH: return true;
            case CHAR:
            case ANY:
            case CLASS: out->places[out->count++] = at; break;
            case SPLIT:
                /* Only a SPLIT leaves more on the stack than it took, one, and does so once. */
                if (seen->stamp[at + in->other] != seen->round)
                    stack[depth++] = (uint16_t)(at + in->other);
                if (seen->stamp[at + in->arg] != seen->round)
                    stack[depth++] = (uint16_t)(at + in->arg);
                break;
            case JUMP: stack[depth++] = (uint16_t)(at + in->arg); break;
            default:
                if (holds((opcode)in->op, here))
                    stack[depth++] = (uint16_t)(at + 1);
            }
        }
    }
    return false;
}

static bool consumes(const tb_pattern *p, const instruction *in, uint32_t c)
{
    switch ((opcode)in->op) {
    case CHAR: return (uint32_t)in->arg == c;
    case ANY: return c != '\n' && c != '\r' && c != 0x2028 && c != 0x2029;
    default: return in_class(p, &p->classes[in->arg], c);
    }
}

void tb_pattern_scan(const tb_pattern *p, const char *text, const size_t *ends, size_t count,
                     bool *fits)
{
    place_list pending, ready;
    visits seen;
    size_t at = 0, next_end = 0, len = count > 0 ? ends[count - 1] : 0;
    uint32_t before = TB_NO_CHAR;
    bool found = false, anchored = (opcode)p->program[0].op == TEXT_START;
    memset(&seen, 0, sizeof seen);
    pending.count = 0;
    while (next_end < count && !found) {
        uint32_t c = TB_NO_CHAR;
        size_t n = at < len ? tb_utf8_decode(text + at, len - at, &c) : 0;
        if (at == 0 || !anchored)
            pending.places[pending.count++] = 0; /* a match may begin here as well */
        else if (pending.count == 0)
            break;
        for (; next_end < count && ends[next_end] <= at; next_end++)
            fits[next_end] = follow(p, &pending, (context){before, TB_NO_CHAR}, &seen, &ready);
        if (n == 0)
            break;
        found = follow(p, &pending, (context){before, c}, &seen, &ready);
        pending.count = 0;
        for (uint32_t i = 0; i < ready.count; i++)
            if (consumes(p, &p->program[ready.places[i]], c))
                pending.places[pending.count++] = (uint16_t)(ready.places[i] + 1);
        before = c;
        at += n;
    }
    /* Found without looking at the end, or no longer possible: the same for every longer piece. */
    for (; next_end < count; next_end++)
        fits[next_end] = found;
}

bool tb_pattern_found(const tb_pattern *pattern, tb_str text)
{
    bool fits = false;
    tb_pattern_scan(pattern, text.ptr, &text.len, 1, &fits);
    return fits;
}
