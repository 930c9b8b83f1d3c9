/* pattern.c - a pattern becomes a program for a machine that follows all its branches at once
 * (Thompson's construction), so that no pattern and no text can make it slow. Jumps are relative:
 * a piece of program can be moved and copied as it is. */
#include "pattern_inside.h"

#include <string.h>

#include "text.h"

enum { MAX_REPEAT = 1000, NO_LIMIT = -1 };

typedef struct {
    tb_str text;
    size_t at;
    instruction *program; /* TB_PATTERN_PROGRAM of them */
    int32_t length;
    class_item *items; /* as many as the text has bytes: each item takes one at least */
    char_class *classes;
    uint16_t item_count, class_count;
    int depth;
    const char *why; /* set by the first error */
    char sign;       /* what %c stands for in it */
} compiler;

static bool alternatives(compiler *c);

static bool refuse(compiler *c, const char *why)
{
    if (c->why == NULL)
        c->why = why;
    return false;
}

static char peek_at(const compiler *c, size_t ahead)
{
    return ahead < c->text.len - c->at ? c->text.ptr[c->at + ahead] : '\0';
}

static bool at_end(const compiler *c)
{
    return c->at >= c->text.len;
}

/* A NUL in the pattern is a literal, so '\0' from peek_at() says "end" only together with at_end().
 */
static bool next_is(const compiler *c, char sign)
{
    return !at_end(c) && c->text.ptr[c->at] == sign;
}

/* Makes room for `count` instructions at `where`, moving what follows. */
static bool make_room(compiler *c, int32_t where, int32_t count)
{
    /* One instruction is kept for MATCH. */
    if (count > TB_PATTERN_PROGRAM - 1 - c->length)
        return refuse(c, "is too large");
    memmove(c->program + where + count, c->program + where,
            (size_t)(c->length - where) * sizeof *c->program);
    c->length += count;
    return true;
}

static bool emit(compiler *c, opcode op, int32_t arg, int32_t other)
{
    if (!make_room(c, c->length, 1))
        return false;
    c->program[c->length - 1] = (instruction){(int32_t)op, arg, other};
    return true;
}

static bool insert_split(compiler *c, int32_t where, int32_t other)
{
    if (!make_room(c, where, 1))
        return false;
    c->program[where] = (instruction){SPLIT, 1, other};
    return true;
}

/* Appends a copy of program[from..from+size). */
static bool copy(compiler *c, int32_t from, int32_t size)
{
    if (!make_room(c, c->length, size))
        return false;
    memcpy(c->program + c->length - size, c->program + from, (size_t)size * sizeof *c->program);
    return true;
}

/* Reads digits as a number, MAX_REPEAT + 1 for all that is larger. */
static int32_t read_count(compiler *c, size_t *at)
{
    int32_t value = 0;
    for (; *at < c->text.len && tb_is_digit((uint8_t)c->text.ptr[*at]); ++*at)
        value = value > MAX_REPEAT ? value : value * 10 + (c->text.ptr[*at] - '0');
    return value > MAX_REPEAT ? MAX_REPEAT + 1 : value;
}

/* A quantifier, if one stands here; a '{' that opens none is a literal. */
static bool quantifier(compiler *c, int32_t *least, int32_t *most)
{
    size_t at = c->at + 1, start = at;
    switch (peek_at(c, 0)) {
    case '*': *least = 0, *most = NO_LIMIT; break;
    case '+': *least = 1, *most = NO_LIMIT; break;
    case '?': *least = 0, *most = 1; break;
    case '{':
        *least = *most = read_count(c, &at);
        if (at == start)
            return false;
        if (at < c->text.len && c->text.ptr[at] == ',') {
            start = ++at;
            *most = read_count(c, &at);
            if (at == start)
                *most = NO_LIMIT;
        }
        if (at >= c->text.len || c->text.ptr[at++] != '}')
            return false;
        break;
    default: return false;
    }
    c->at = at;
    return true;
}

/* Repeats the program from `from` to the end as the quantifier here says, if there is one. */
static bool repeat(compiler *c, int32_t from, bool repeatable)
{
    int32_t least, most, size = c->length - from, ignored;
    if (!quantifier(c, &least, &most))
        return true;
    if (!repeatable)
        return refuse(c, "repeats nothing");
    if (next_is(c, '?'))
        c->at++;
    if (most != NO_LIMIT && most < least)
        return refuse(c, "has a repeat out of order");
    if (least > MAX_REPEAT || most > MAX_REPEAT)
        return refuse(c, "is too large");
    if (most == 0) {
        c->length = from;
    } else if (least == 0) {
        /* x* is SPLIT x JUMP; x{0,n} is n times SPLIT x, every SPLIT leading to the very end. */
        int32_t copies = most == NO_LIMIT ? 1 : most;
        if (!insert_split(c, from, most == NO_LIMIT ? size + 2 : copies * (size + 1)))
            return false;
        if (most == NO_LIMIT && !emit(c, JUMP, -(size + 1), 0))
            return false;
        for (int32_t i = copies - 1; i > 0; i--)
            if (!emit(c, SPLIT, 1, i * (size + 1)) || !copy(c, from + 1, size))
                return false;
    } else {
        for (int32_t i = 1; i < least; i++)
            if (!copy(c, from, size))
                return false;
        if (most == NO_LIMIT && !emit(c, SPLIT, -size, 1))
            return false;
        for (int32_t i = most - least; i > 0; i--)
            if (!emit(c, SPLIT, 1, i * (size + 1)) || !copy(c, from, size))
                return false;
    }
    return !quantifier(c, &least, &ignored) || refuse(c, "repeats nothing");
}

static bool hexadecimal(compiler *c, size_t digits, uint32_t *out)
{
    *out = 0;
    for (size_t i = 0; i < digits; i++) {
        uint32_t d = (uint8_t)peek_at(c, i);
        if (tb_is_digit(d))
            d -= '0';
        else if (tb_lower(d) >= 'a' && tb_lower(d) <= 'f')
            d = tb_lower(d) - 'a' + 10;
        else
            return refuse(c, "has an escape without its hexadecimal digits");
        *out = *out * 16 + d;
    }
    c->at += digits;
    return true;
}

/* What follows \u: four digits (two of them for a surrogate pair) or digits in braces. */
static bool unicode_escape(compiler *c, uint32_t *out)
{
    if (next_is(c, '{')) {
        size_t digits = 0, zeros = 1;
        while (peek_at(c, zeros) == '0')
            zeros++;
        while (tb_is_digit((uint8_t)peek_at(c, zeros + digits)) ||
               (tb_lower((uint8_t)peek_at(c, zeros + digits)) >= 'a' &&
                tb_lower((uint8_t)peek_at(c, zeros + digits)) <= 'f'))
            digits++;
        if ((digits > 0 || zeros > 1) && digits <= 6 && peek_at(c, zeros + digits) == '}') {
            c->at += zeros;
            (void)hexadecimal(c, digits, out); /* they were looked at above */
            c->at++;
        } else if (!hexadecimal(c, 4, out)) {
            return false;
        }
    } else if (!hexadecimal(c, 4, out)) {
        return false;
    } else if (*out >= 0xd800 && *out < 0xdc00 && peek_at(c, 0) == '\\' && peek_at(c, 1) == 'u') {
        uint32_t low;
        c->at += 2;
        if (!hexadecimal(c, 4, &low))
            return false;
        if (low >= 0xdc00 && low < 0xe000)
            *out = 0x10000 + (*out - 0xd800) * 0x400 + (low - 0xdc00);
    }
    if (*out > 0x10ffff || (*out >= 0xd800 && *out < 0xe000))
        return refuse(c, "has an escape that is no character");
    return true;
}

static bool plain_character(compiler *c, uint32_t *out)
{
    size_t n = tb_utf8_decode(c->text.ptr + c->at, c->text.len - c->at, out);
    if (n == 0)
        return refuse(c, "is not UTF-8");
    c->at += n;
    return true;
}

/* The character that an escape stands for; the backslash is already read. */
static bool escape(compiler *c, bool in_class, uint32_t *out)
{
    static const char SIGNS[] = "tnvfr", MEANT[] = "\t\n\v\f\r";
    char sign = peek_at(c, 0);
    if (at_end(c))
        return refuse(c, "ends in a backslash");
    if ((uint8_t)sign >= 0x80)
        return plain_character(c, out);
    c->at++;
    for (size_t i = 0; i + 1 < sizeof SIGNS; i++) {
        if (sign == SIGNS[i]) {
            *out = (uint8_t)MEANT[i];
            return true;
        }
    }
    *out = (uint8_t)sign;
    if (sign == 'b' && in_class)
        *out = '\b';
    else if (sign == '0' && !tb_is_digit((uint8_t)peek_at(c, 0)))
        *out = 0;
    else if (tb_is_digit((uint8_t)sign) || sign == 'k')
        return refuse(c, "uses a back-reference, which is not supported");
    else if (sign == 'x')
        return hexadecimal(c, 2, out);
    else if (sign == 'u')
        return unicode_escape(c, out);
    else if (sign == 'c' && tb_is_alpha((uint8_t)peek_at(c, 0)))
        *out = (uint8_t)c->text.ptr[c->at++] % 32;
    else if (tb_is_alpha((uint8_t)sign)) {
        c->sign = sign;
        return refuse(c, "has an unknown escape \\%c");
    }
    return true;
}

static bool is_set_letter(char sign)
{
    return sign == 'd' || sign == 'D' || sign == 'w' || sign == 'W' || sign == 's' || sign == 'S';
}

/* One character of a class, or (out->set != 0) a set such as \w. */
static bool class_atom(compiler *c, class_item *out)
{
    *out = (class_item){0, 0, 0};
    if (at_end(c))
        return refuse(c, "has an unclosed class");
    if (!next_is(c, '\\')) {
        if (!plain_character(c, &out->low))
            return false;
    } else {
        c->at++;
        if (is_set_letter(peek_at(c, 0))) {
            out->set = c->text.ptr[c->at++];
            return true;
        }
        if (!escape(c, true, &out->low))
            return false;
    }
    out->high = out->low;
    return true;
}

static bool class_range(compiler *c, class_item *item)
{
    class_item last;
    size_t mark = c->at;
    /* "-" makes a range only between two characters; beside \w, or last, it stands for itself. */
    if (item->set != 0 || !next_is(c, '-') || c->at + 1 == c->text.len || peek_at(c, 1) == ']')
        return true;
    c->at++;
    if (!class_atom(c, &last))
        return false;
    if (last.set != 0) {
        c->at = mark;
        return true;
    }
    if (last.low < item->low)
        return refuse(c, "has a class range out of order");
    item->high = last.low;
    return true;
}

static bool class(compiler *c)
{
    char_class *made = &c->classes[c->class_count];
    made->negated = next_is(c, '^');
    c->at += made->negated;
    made->first = c->item_count;
    while (!next_is(c, ']')) {
        class_item *item = &c->items[c->item_count];
        if (!class_atom(c, item) || !class_range(c, item))
            return false;
        c->item_count++;
    }
    c->at++;
    made->count = (uint16_t)(c->item_count - made->first);
    return emit(c, CLASS, c->class_count++, 0);
}

static bool set_alone(compiler *c, char sign)
{
    c->items[c->item_count] = (class_item){0, 0, sign};
    c->classes[c->class_count] = (char_class){c->item_count++, 1, false};
    return emit(c, CLASS, c->class_count++, 0);
}

/* Reads (?: or (?<name>; the parenthesis is already read. */
static bool group_head(compiler *c)
{
    size_t name = 2;
    if (!next_is(c, '?'))
        return true;
    if (peek_at(c, 1) == ':') {
        c->at += 2;
        return true;
    }
    while (tb_is_alpha((uint8_t)peek_at(c, name)) || peek_at(c, name) == '_' ||
           peek_at(c, name) == '$' || (name > 2 && tb_is_digit((uint8_t)peek_at(c, name))))
        name++;
    if (peek_at(c, 1) != '<' || name == 2 || peek_at(c, name) != '>')
        return refuse(c, "uses look-around or another group form that is not supported");
    c->at += name + 1;
    return true;
}

static bool group(compiler *c)
{
    if (!group_head(c))
        return false;
    if (++c->depth > TB_PATTERN_NESTING)
        return refuse(c, "nests too deep");
    if (!alternatives(c))
        return false;
    if (!next_is(c, ')'))
        return refuse(c, "has an unclosed group");
    c->at++;
    c->depth--;
    return true;
}

static bool escaped_atom(compiler *c, bool *repeatable)
{
    uint32_t character;
    char sign = peek_at(c, 0);
    if (sign == 'b' || sign == 'B') {
        c->at++;
        *repeatable = false;
        return emit(c, sign == 'b' ? WORD_EDGE : NO_WORD_EDGE, 0, 0);
    }
    if (is_set_letter(sign)) {
        c->at++;
        return set_alone(c, sign);
    }
    return escape(c, false, &character) && emit(c, CHAR, (int32_t)character, 0);
}

static bool atom(compiler *c, bool *repeatable)
{
    int32_t ignored;
    uint32_t character;
    *repeatable = true;
    if (quantifier(c, &ignored, &ignored))
        return refuse(c, "repeats nothing");
    switch (peek_at(c, 0)) {
    case '(': c->at++; return group(c);
    case '[': c->at++; return class(c);
    case '\\': c->at++; return escaped_atom(c, repeatable);
    case '.': c->at++; return emit(c, ANY, 0, 0);
    case '^':
    case '$':
        *repeatable = false;
        return emit(c, c->text.ptr[c->at++] == '^' ? TEXT_START : TEXT_END, 0, 0);
    default: return plain_character(c, &character) && emit(c, CHAR, (int32_t)character, 0);
    }
}

static bool sequence(compiler *c)
{
    while (!at_end(c) && !next_is(c, '|') && !next_is(c, ')')) {
        int32_t from = c->length;
        bool repeatable;
        if (!atom(c, &repeatable) || !repeat(c, from, repeatable))
            return false;
    }
    return true;
}

static bool alternatives(compiler *c)
{
    int32_t from = c->length, jumps = -1; /* the JUMPs to the end, chained through `other` */
    if (!sequence(c))
        return false;
    while (next_is(c, '|')) {
        c->at++;
        if (!insert_split(c, from, c->length - from + 2) || !emit(c, JUMP, 0, jumps))
            return false;
        jumps = c->length - 1;
        from = c->length;
        if (!sequence(c))
            return false;
    }
    while (jumps >= 0) {
        int32_t before = c->program[jumps].other;
        c->program[jumps].arg = c->length - jumps;
        c->program[jumps].other = 0;
        jumps = before;
    }
    return true;
}

/* Moves `count` items of `size` bytes, at `from`, to a block of their own. */
static void *keep(tb_arena *arena, const void *from, size_t count, size_t size, tb_error *err)
{
    void *block = tb_alloc(arena, count, size, err);
    if (block != NULL)
        memcpy(block, from, count * size);
    return block;
}

static void write_why(const compiler *c, char room[TB_PATTERN_WHY])
{
    size_t used = 0;
    for (const char *s = c->why; *s != '\0' && used + 1 < TB_PATTERN_WHY; s++) {
        if (s[0] == '%' && s[1] == 'c')
            room[used++] = c->sign, s++;
        else
            room[used++] = *s;
    }
    room[used] = '\0';
}

const tb_pattern *tb_pattern_compile(tb_arena *arena, tb_str source, char room[TB_PATTERN_WHY],
                                     tb_error *err)
{
    tb_pattern *made;
    instruction program[TB_PATTERN_PROGRAM];
    class_item items[TB_PATTERN_BYTES];
    char_class classes[TB_PATTERN_BYTES];
    compiler c = {source, 0, program, 0, items, classes, 0, 0, 0, NULL, 0};
    bool ok = source.len <= TB_PATTERN_BYTES || refuse(&c, "is longer than 1024 bytes");
    ok = ok && alternatives(&c) && (at_end(&c) || refuse(&c, "has an unmatched \")\""));
    if (!ok) {
        write_why(&c, room);
        return NULL;
    }
    program[c.length++] = (instruction){MATCH, 0, 0};
    made = tb_alloc(arena, 1, sizeof *made, err);
    if (made == NULL)
        return NULL;
    made->length = c.length;
    made->program = keep(arena, program, (size_t)c.length, sizeof *program, err);
    made->items = keep(arena, items, c.item_count, sizeof *items, err);
    made->classes = keep(arena, classes, c.class_count, sizeof *classes, err);
    return made->program && made->items && made->classes ? made : NULL;
}
