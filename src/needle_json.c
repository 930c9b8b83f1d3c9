/* needle_json.c - one reader that runs twice (it checks and counts, then builds), one writer that
 * runs twice (it measures, then writes). */
#include "needle_json.h"

#include <string.h>

#include "decimal.h"
#include "json.h"

enum { MAX_INTEGER_DIGITS = 4300 /* Python refuses longer ones */ };

/* ---- reading --------------------------------------------------------------------------------- */

typedef struct {
    tb_str text;
    size_t at;
    uint32_t count;    /* nodes so far */
    tb_py_node *nodes; /* NULL: only count */
    char *strings;     /* where the next string with an escape goes */
    size_t escaped;    /* bytes of such strings */
} reader;

static char peek(const reader *r)
{
    return r->at < r->text.len ? r->text.ptr[r->at] : '\0';
}

static void skip_space(reader *r)
{
    while (peek(r) == ' ' || peek(r) == '\t' || peek(r) == '\n' || peek(r) == '\r')
        r->at++;
}

static void add_node(reader *r, tb_py_type type, tb_str text)
{
    if (r->nodes != NULL) {
        tb_py_node *node = &r->nodes[r->count];
        node->type = type;
        node->next = r->count + 1;
        node->value = r->count + 1;
        node->text = text;
    }
    r->count++;
}

static bool word(reader *r, const char *literal)
{
    tb_str w = tb_str_of(literal);
    if (r->text.len - r->at < w.len || memcmp(r->text.ptr + r->at, w.ptr, w.len) != 0)
        return false;
    r->at += w.len;
    return true;
}

static size_t digits(reader *r)
{
    size_t start = r->at;
    while (peek(r) >= '0' && peek(r) <= '9')
        r->at++;
    return r->at - start;
}

/* As far as a number goes: "01" is the number 0 and then something else, which is no JSON. */
static bool read_number(reader *r)
{
    size_t start = r->at, whole, mark;
    tb_py_type type = TB_PY_INTEGER;
    tb_str text;
    if (peek(r) == '-')
        r->at++;
    if (peek(r) == '0') {
        whole = 1;
        r->at++;
    } else if ((whole = digits(r)) == 0) {
        return false;
    }
    mark = r->at;
    if (peek(r) == '.') {
        r->at++;
        if (digits(r) > 0)
            type = TB_PY_FLOAT, mark = r->at;
        r->at = mark;
    }
    if (peek(r) == 'e' || peek(r) == 'E') {
        r->at++;
        if (peek(r) == '+' || peek(r) == '-')
            r->at++;
        if (digits(r) > 0)
            type = TB_PY_FLOAT, mark = r->at;
        r->at = mark;
    }
    text = (tb_str){r->text.ptr + start, r->at - start};
    if (type == TB_PY_INTEGER && whole > MAX_INTEGER_DIGITS)
        return false;
    if (type == TB_PY_INTEGER && text.len == 2 && text.ptr[0] == '-' && text.ptr[1] == '0')
        text = tb_str_of("0");
    add_node(r, type, text);
    return true;
}

static bool hex4(const reader *r, size_t at, uint32_t *out)
{
    *out = 0;
    if (r->text.len - at < 4 || at > r->text.len)
        return false;
    for (size_t i = at; i < at + 4; i++) {
        char c = r->text.ptr[i];
        uint32_t digit = c >= '0' && c <= '9'   ? (uint32_t)(c - '0')
                         : c >= 'a' && c <= 'f' ? (uint32_t)(c - 'a' + 10)
                         : c >= 'A' && c <= 'F' ? (uint32_t)(c - 'A' + 10)
                                                : 16;
        if (digit == 16)
            return false;
        *out = *out * 16 + digit;
    }
    return true;
}

/* Reads an escape at the backslash. */
static bool read_escape(reader *r, uint32_t *out)
{
    static const char SIGNS[] = "\"\\/bfnrt", MEANT[] = "\"\\/\b\f\n\r\t";
    uint32_t low;
    r->at++;
    for (size_t i = 0; i + 1 < sizeof SIGNS; i++)
        if (peek(r) == SIGNS[i]) {
            *out = (uint8_t)MEANT[i];
            r->at++;
            return true;
        }
    if (peek(r) != 'u' || !hex4(r, r->at + 1, out))
        return false;
    r->at += 5;
    if (*out >= 0xd800 && *out <= 0xdbff && r->text.len - r->at >= 6 && peek(r) == '\\' &&
        r->text.ptr[r->at + 1] == 'u' && hex4(r, r->at + 2, &low) && low >= 0xdc00 &&
        low <= 0xdfff) {
        *out = 0x10000 + (*out - 0xd800) * 0x400 + (low - 0xdc00);
        r->at += 6;
    }
    return true;
}

/* UTF-8, and three bytes for half a surrogate pair. */
static size_t put_character(uint32_t c, char *out)
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xc0 | c >> 6);
        out[1] = (char)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char)(0xe0 | c >> 12);
        out[1] = (char)(0x80 | (c >> 6 & 0x3f));
        out[2] = (char)(0x80 | (c & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | c >> 18);
    out[1] = (char)(0x80 | (c >> 12 & 0x3f));
    out[2] = (char)(0x80 | (c >> 6 & 0x3f));
    out[3] = (char)(0x80 | (c & 0x3f));
    return 4;
}

/* The string at the opening quote. Its content is itself, or decoded into r->strings. */
static bool read_string(reader *r)
{
    size_t start = r->at + 1, first = start, length = 0;
    bool escapes = false;
    char *content = r->strings;
    for (r->at = start; peek(r) != '"';) {
        uint32_t c;
        if (r->at >= r->text.len || (uint8_t)peek(r) < 0x20)
            return false;
        if (peek(r) != '\\') {
            r->at++;
            continue;
        }
        if (r->nodes != NULL) { /* what stands before the escape, then what it stands for */
            memcpy(content + length, r->text.ptr + first, r->at - first);
            length += r->at - first;
        }
        escapes = true;
        if (!read_escape(r, &c))
            return false;
        if (r->nodes != NULL)
            length += put_character(c, content + length);
        first = r->at;
    }
    if (!escapes) {
        add_node(r, TB_PY_STRING, (tb_str){r->text.ptr + start, r->at - start});
    } else {
        r->escaped += r->at - start;
        if (r->nodes != NULL) {
            memcpy(content + length, r->text.ptr + first, r->at - first);
            length += r->at - first;
            r->strings += length;
        }
        add_node(r, TB_PY_STRING, (tb_str){content, length});
    }
    r->at++;
    return true;
}

static bool read_scalar(reader *r)
{
    tb_str none = {NULL, 0};
    if (peek(r) == '"')
        return read_string(r);
    if (word(r, "null"))
        return add_node(r, TB_PY_NULL, none), true;
    if (word(r, "true"))
        return add_node(r, TB_PY_TRUE, none), true;
    if (word(r, "false"))
        return add_node(r, TB_PY_FALSE, none), true;
    if (word(r, "NaN"))
        return add_node(r, TB_PY_FLOAT, tb_str_of("NaN")), true;
    if (word(r, "Infinity"))
        return add_node(r, TB_PY_FLOAT, tb_str_of("Infinity")), true;
    if (word(r, "-Infinity"))
        return add_node(r, TB_PY_FLOAT, tb_str_of("-Infinity")), true;
    return read_number(r);
}

static bool read_key(reader *r)
{
    skip_space(r);
    if (peek(r) != '"' || !read_string(r))
        return false;
    skip_space(r);
    if (peek(r) != ':')
        return false;
    r->at++;
    return true;
}

/* An open container, and the key whose value is being read (objects). */
typedef struct {
    uint32_t node, key;
    bool object;
} level;

/* The value that ends here is complete: whatever held it now ends at least here too. */
static void close_value(reader *r, const level *l)
{
    if (r->nodes == NULL)
        return;
    r->nodes[l->node].next = r->count;
    if (l->object)
        r->nodes[l->key].next = r->count;
}

static bool read_document(reader *r)
{
    level stack[TB_PY_DEPTH];
    size_t depth = 0;
    do {
        bool open = false;
        skip_space(r);
        if (peek(r) == '{' || peek(r) == '[') {
            level *l = &stack[depth];
            if (depth++ == TB_PY_DEPTH)
                return false;
            *l = (level){r->count, 0, peek(r) == '{'};
            add_node(r, l->object ? TB_PY_OBJECT : TB_PY_ARRAY, (tb_str){NULL, 0});
            r->at++;
            skip_space(r);
            open = peek(r) != (l->object ? '}' : ']');
            if (!open) {
                r->at++;
                depth--;
            }
        } else if (!read_scalar(r)) {
            return false;
        }
        for (bool done = !open; done && depth > 0;) {
            const level *l = &stack[depth - 1];
            close_value(r, l);
            skip_space(r);
            done = peek(r) == (l->object ? '}' : ']');
            if (!done && peek(r) != ',')
                return false;
            r->at++;
            depth -= done;
        }
        if (depth > 0 && stack[depth - 1].object) {
            stack[depth - 1].key = r->count;
            skip_space(r);
            if (!read_key(r))
                return false;
        }
    } while (depth > 0);
    skip_space(r);
    return r->at == r->text.len;
}

/* Equal keys of one object: the first takes the last one's value, the others are marked. */
static void settle(tb_py_json *json, tb_json_member *members, uint32_t count)
{
    tb_json_sort(members, count);
    for (uint32_t i = 0, end; i < count; i = end) {
        uint32_t first = members[i].value, last = first;
        for (end = i + 1; end < count && tb_str_equal(members[i].key, members[end].key); end++) {
            uint32_t key = members[end].value;
            first = key < first ? key : first;
            last = key > last ? key : last;
        }
        for (uint32_t k = i; k < end; k++)
            json->nodes[members[k].value].repeated = members[k].value != first;
        json->nodes[first].value = last + 1;
    }
}

static bool settle_all(tb_arena *arena, tb_py_json *json, tb_error *err)
{
    for (uint32_t i = 0; i < json->count; i++) {
        size_t mark = tb_arena_mark(arena);
        uint32_t count = 0;
        tb_json_member *members;
        if (json->nodes[i].type != TB_PY_OBJECT)
            continue;
        for (uint32_t key = i + 1; key < json->nodes[i].next; key = json->nodes[key].next)
            count++;
        members = tb_alloc(arena, count, sizeof *members, err);
        if (members == NULL)
            return false;
        count = 0;
        for (uint32_t key = i + 1; key < json->nodes[i].next; key = json->nodes[key].next)
            members[count++] = (tb_json_member){json->nodes[key].text, key};
        settle(json, members, count);
        tb_arena_reset(arena, mark);
    }
    return true;
}

bool tb_py_parse(tb_arena *arena, tb_str text, tb_py_json *out, bool *valid, tb_error *err)
{
    reader r = {0};
    r.text = text;
    *valid = false;
    if (text.len > (1u << 30))
        return tb_fail(err, TB_E_TOO_LONG, "JSON of %zu bytes: at most 1 GiB is read", text.len);
    if (!read_document(&r))
        return true;
    out->count = r.count;
    out->nodes = tb_alloc(arena, r.count, sizeof *out->nodes, err);
    r.strings = tb_alloc(arena, r.escaped, 1, err);
    if (out->nodes == NULL || r.strings == NULL)
        return false;
    r.nodes = out->nodes;
    r.at = 0;
    r.count = 0;
    *valid = read_document(&r);
    return settle_all(arena, out, err);
}

uint32_t tb_py_get(const tb_py_json *json, uint32_t node, const char *key)
{
    tb_str wanted = tb_str_of(key);
    if (json->nodes[node].type != TB_PY_OBJECT)
        return 0;
    for (uint32_t k = node + 1; k < json->nodes[node].next; k = json->nodes[k].next)
        if (!json->nodes[k].repeated && tb_str_equal(json->nodes[k].text, wanted))
            return json->nodes[k].value;
    return 0;
}

/* ---- writing --------------------------------------------------------------------------------- */

void tb_py_put(tb_py_writer *w, const char *bytes, size_t len)
{
    if (w->out != NULL)
        memcpy(w->out + w->used, bytes, len);
    w->used += len;
}

static void put_unit(tb_py_writer *w, uint32_t unit)
{
    static const char HEX[] = "0123456789abcdef";
    char text[6] = {
        '\\', 'u', HEX[unit >> 12 & 15], HEX[unit >> 8 & 15], HEX[unit >> 4 & 15], HEX[unit & 15]};
    tb_py_put(w, text, sizeof text);
}

/* The character at text[0..len), half a surrogate pair included; length 1 and U+FFFD for anything
 * that is no such thing. */
static size_t character(const char *text, size_t len, uint32_t *c)
{
    size_t n = tb_utf8_decode(text, len, c);
    if (n > 0)
        return n;
    if (len >= 3 && (uint8_t)text[0] == 0xed && ((uint8_t)text[1] & 0xe0) == 0xa0 &&
        ((uint8_t)text[2] & 0xc0) == 0x80) {
        *c = 0xd000u | (uint32_t)(text[1] & 0x3f) << 6 | (uint32_t)(text[2] & 0x3f);
        return 3;
    }
    *c = 0xfffd;
    return 1;
}

void tb_py_put_string(tb_py_writer *w, tb_str content)
{
    static const char SIGNS[] = "\"\\\b\f\n\r\t", LETTERS[] = "\"\\bfnrt";
    enum { SHORT = sizeof SIGNS - 1 };
    tb_py_put(w, "\"", 1);
    for (size_t i = 0; i < content.len;) {
        uint32_t c;
        size_t sign = 0;
        i += character(content.ptr + i, content.len - i, &c);
        while (sign < SHORT && c != (uint8_t)SIGNS[sign])
            sign++;
        if (sign < SHORT) {
            tb_py_put(w, "\\", 1);
            tb_py_put(w, &LETTERS[sign], 1);
        } else if (c >= 0x20 && c < 0x7f) {
            char plain = (char)c;
            tb_py_put(w, &plain, 1);
        } else if (c < 0x10000) {
            put_unit(w, c);
        } else {
            put_unit(w, 0xd800 + ((c - 0x10000) >> 10));
            put_unit(w, 0xdc00 + ((c - 0x10000) & 0x3ff));
        }
    }
    tb_py_put(w, "\"", 1);
}

static void put_float(tb_py_writer *w, tb_str spelling)
{
    char text[TB_DECIMAL_ROOM];
    char last = spelling.ptr[spelling.len - 1];
    if (last == 'N' || last == 'y') /* NaN, Infinity, -Infinity */
        tb_py_put(w, spelling.ptr, spelling.len);
    else
        tb_py_put(w, text, tb_decimal_write(tb_decimal_read(spelling), text));
}

static void put_scalar(tb_py_writer *w, const tb_py_node *node)
{
    switch (node->type) {
    case TB_PY_NULL:
        tb_py_put(w, "null", 4);
        break;
    case TB_PY_FALSE:
        tb_py_put(w, "false", 5);
        break;
    case TB_PY_TRUE:
        tb_py_put(w, "true", 4);
        break;
    case TB_PY_INTEGER:
        tb_py_put(w, node->text.ptr, node->text.len);
        break;
    case TB_PY_FLOAT:
        put_float(w, node->text);
        break;
    default:
        tb_py_put_string(w, node->text);
        break;
    }
}

/* The key at or behind `key` that was not repeated, or `end`. */
static uint32_t next_key(const tb_py_json *json, uint32_t key, uint32_t end)
{
    while (key < end && json->nodes[key].repeated)
        key = json->nodes[key].next;
    return key;
}

/* A container being written, and the child (in objects: key) that comes next. */
typedef struct {
    uint32_t next, end;
    bool object, first;
} place;

static place enter(tb_py_writer *w, const tb_py_json *json, uint32_t at)
{
    const tb_py_node *node = &json->nodes[at];
    place p = {at + 1, node->next, node->type == TB_PY_OBJECT, true};
    tb_py_put(w, p.object ? "{" : "[", 1);
    if (p.object)
        p.next = next_key(json, p.next, p.end);
    return p;
}

/* Writes what stands before the next child and returns it. */
static uint32_t next_child(tb_py_writer *w, const tb_py_json *json, place *p)
{
    uint32_t at = p->next;
    if (!p->first)
        tb_py_put(w, ",", 1);
    p->first = false;
    if (!p->object) {
        p->next = json->nodes[at].next;
        return at;
    }
    tb_py_put_string(w, json->nodes[at].text);
    tb_py_put(w, ":", 1);
    p->next = next_key(json, json->nodes[at].next, p->end);
    return json->nodes[at].value;
}

void tb_py_put_node(tb_py_writer *w, const tb_py_json *json, uint32_t at)
{
    place stack[TB_PY_DEPTH]; /* the reader lets nothing deeper through */
    size_t depth = 0;
    for (;;) {
        tb_py_type type = json->nodes[at].type;
        if (type == TB_PY_ARRAY || type == TB_PY_OBJECT)
            stack[depth++] = enter(w, json, at);
        else
            put_scalar(w, &json->nodes[at]);
        while (depth > 0 && stack[depth - 1].next >= stack[depth - 1].end)
            tb_py_put(w, stack[--depth].object ? "}" : "]", 1);
        if (depth == 0)
            return;
        at = next_child(w, json, &stack[depth - 1]);
    }
}

bool tb_py_dump(tb_arena *arena, const tb_py_json *json, uint32_t at, tb_str *out, tb_error *err)
{
    tb_py_writer w = {NULL, 0};
    char *text;
    tb_py_put_node(&w, json, at);
    text = tb_alloc(arena, w.used, 1, err);
    if (text == NULL)
        return false;
    w = (tb_py_writer){text, 0};
    tb_py_put_node(&w, json, at);
    *out = (tb_str){text, w.used};
    return true;
}
