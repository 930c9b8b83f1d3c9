/* json.c - strict JSON. check() accepts exactly RFC 8259 and counts; jsmn then finds the tokens of
 * a text that is known to be good, so that none of its laxities matters; build() makes the nodes.
 */
#include "json.h"

#include <float.h>
#include <string.h>

#include "text.h"

#define JSMN_STATIC
#define JSMN_PARENT_LINKS
#define JSMN_STRICT
#include <jsmn.h>

/* ---- checking ------------------------------------------------------------------------------- */

typedef struct {
    const char *text;
    size_t len, at;
    uint32_t nodes, members; /* found so far */
    size_t escaped;          /* bytes of strings that hold an escape */
    tb_error *err;
} checker;

static bool fail_at(const char *text, size_t at, const char *what, tb_error *err)
{
    size_t line = 1, column = 1;
    for (size_t i = 0; i < at; i++) {
        column = text[i] == '\n' ? 1 : column + 1;
        line += text[i] == '\n';
    }
    return tb_fail(err, TB_E_JSON, "JSON: %s at line %zu, column %zu", what, line, column);
}

static bool fail(const checker *c, const char *what)
{
    return fail_at(c->text, c->at, what, c->err);
}

/* The byte at hand, 0 at the end (a 0 in the text is no valid byte anywhere, so both fail alike).
 */
static char peek(const checker *c)
{
    return c->at < c->len ? c->text[c->at] : '\0';
}

static void skip_space(checker *c)
{
    while (c->at < c->len && (c->text[c->at] == ' ' || c->text[c->at] == '\t' ||
                              c->text[c->at] == '\n' || c->text[c->at] == '\r'))
        c->at++;
}

/* Four hexadecimal digits at `text`, or UINT32_MAX. */
static uint32_t hex4(const char *text, size_t len)
{
    uint32_t value = 0;
    if (len < 4)
        return UINT32_MAX;
    for (size_t i = 0; i < 4; i++) {
        uint32_t d = (uint8_t)text[i];
        if (tb_is_digit(d))
            d -= '0';
        else if ((d | 32) >= 'a' && (d | 32) <= 'f')
            d = (d | 32) - 'a' + 10;
        else
            return UINT32_MAX;
        value = value * 16 + d;
    }
    return value;
}

/* Reads an escape (text[0] is the backslash). Returns its length and character, or 0. */
static size_t read_escape(const char *text, size_t len, uint32_t *out)
{
    static const char SIGNS[] = "\"\\/bfnrt", MEANT[] = "\"\\/\b\f\n\r\t";
    uint32_t high, low;
    if (len < 2)
        return 0;
    for (size_t i = 0; i + 1 < sizeof SIGNS; i++) {
        if (text[1] == SIGNS[i]) {
            *out = (uint8_t)MEANT[i];
            return 2;
        }
    }
    if (text[1] != 'u' || (high = hex4(text + 2, len - 2)) == UINT32_MAX)
        return 0;
    *out = high;
    if (high < 0xd800 || high > 0xdfff)
        return 6;
    if (high > 0xdbff || len < 12 || text[6] != '\\' || text[7] != 'u')
        return 0;
    low = hex4(text + 8, len - 8);
    if (low < 0xdc00 || low > 0xdfff)
        return 0;
    *out = 0x10000 + (high - 0xd800) * 0x400 + (low - 0xdc00);
    return 12;
}

static bool check_string(checker *c)
{
    size_t start = ++c->at;
    bool escapes = false;
    while (peek(c) != '"') {
        uint32_t character;
        size_t n = 1;
        if (c->at >= c->len)
            return fail(c, "a string without its closing quote");
        if ((uint8_t)c->text[c->at] < 0x20)
            return fail(c, "a control character in a string (escape it)");
        if (c->text[c->at] == '\\') {
            n = read_escape(c->text + c->at, c->len - c->at, &character);
            escapes = true;
        }
        if (n == 0)
            return fail(c, "a bad escape or unpaired surrogate");
        c->at += n;
    }
    if (escapes)
        c->escaped += c->at - start;
    c->at++;
    c->nodes++;
    return true;
}

static bool check_digits(checker *c)
{
    if (!tb_is_digit((uint8_t)peek(c)))
        return fail(c, "a number without a digit");
    while (tb_is_digit((uint8_t)peek(c)))
        c->at++;
    return true;
}

static bool check_number(checker *c)
{
    if (peek(c) == '-')
        c->at++;
    if (peek(c) == '0') {
        c->at++;
        if (tb_is_digit((uint8_t)peek(c)))
            return fail(c, "a number with a leading zero");
    } else if (!check_digits(c)) {
        return false;
    }
    if (peek(c) == '.') {
        c->at++;
        if (!check_digits(c))
            return false;
    }
    if (peek(c) == 'e' || peek(c) == 'E') {
        c->at++;
        if (peek(c) == '+' || peek(c) == '-')
            c->at++;
        if (!check_digits(c))
            return false;
    }
    c->nodes++;
    return true;
}

static bool check_scalar(checker *c)
{
    static const char LITERALS[3][6] = {"true", "false", "null"};
    if (peek(c) == '"')
        return check_string(c);
    if (peek(c) == '-' || tb_is_digit((uint8_t)peek(c)))
        return check_number(c);
    for (size_t i = 0; i < 3; i++) {
        tb_str literal = tb_str_of(LITERALS[i]);
        if (c->len - c->at >= literal.len &&
            memcmp(c->text + c->at, literal.ptr, literal.len) == 0) {
            c->at += literal.len;
            c->nodes++;
            return true;
        }
    }
    return fail(c, c->at == c->len ? "the text ends too early" : "a value expected");
}

/* A member's key and colon. */
static bool check_key(checker *c)
{
    skip_space(c);
    if (peek(c) != '"')
        return fail(c, "a key in quotes expected");
    if (!check_string(c))
        return false;
    c->members++;
    skip_space(c);
    if (peek(c) != ':')
        return fail(c, "\":\" expected");
    c->at++;
    return true;
}

static bool check(checker *c)
{
    char closers[TB_JSON_DEPTH];
    size_t depth = 0;
    skip_space(c);
    if (peek(c) != '{' && peek(c) != '[')
        return fail(c, "an object or array expected");
    do {
        bool open = false;
        skip_space(c);
        if (peek(c) == '{' || peek(c) == '[') {
            if (depth == TB_JSON_DEPTH)
                return fail(c, "nested too deep");
            closers[depth++] = peek(c) == '{' ? '}' : ']';
            c->nodes++;
            c->at++;
            skip_space(c);
            open = peek(c) != closers[depth - 1];
        } else if (!check_scalar(c)) {
            return false;
        }
        if (!open) { /* a value is complete: close what ends here */
            skip_space(c);
            while (depth > 0 && peek(c) == closers[depth - 1]) {
                c->at++;
                depth--;
                skip_space(c);
            }
            if (depth > 0) {
                if (peek(c) != ',')
                    return fail(c, c->at == c->len             ? "the text ends too early"
                                   : closers[depth - 1] == '}' ? "\",\" or \"}\" expected"
                                                               : "\",\" or \"]\" expected");
                c->at++;
            }
        }
        if (depth > 0 && closers[depth - 1] == '}' && !check_key(c))
            return false;
    } while (depth > 0);
    if (c->at != c->len)
        return fail(c, "more text after the end");
    return true;
}

/* ---- nodes ---------------------------------------------------------------------------------- */

static size_t put_utf8(uint32_t c, char *out)
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

/* The content of a checked string: itself, or decoded at *out if it holds an escape. */
static tb_str decoded(tb_str raw, char **out)
{
    char *start = *out;
    size_t i = 0;
    while (i < raw.len && raw.ptr[i] != '\\')
        i++;
    if (i == raw.len)
        return raw;
    memcpy(*out, raw.ptr, i);
    *out += i;
    while (i < raw.len) {
        if (raw.ptr[i] == '\\') {
            uint32_t c = 0;
            i += read_escape(raw.ptr + i, raw.len - i, &c);
            *out += put_utf8(c, *out);
        } else {
            *(*out)++ = raw.ptr[i++];
        }
    }
    return (tb_str){start, (size_t)(*out - start)};
}

static tb_json_type type_of(const jsmntok_t *token, char first)
{
    switch (token->type) {
    case JSMN_OBJECT: return TB_JSON_OBJECT;
    case JSMN_ARRAY: return TB_JSON_ARRAY;
    case JSMN_STRING: return TB_JSON_STRING;
    default:
        return first == 't'   ? TB_JSON_TRUE
               : first == 'f' ? TB_JSON_FALSE
               : first == 'n' ? TB_JSON_NULL
                              : TB_JSON_NUMBER;
    }
}

static void build(const char *text, const jsmntok_t *tokens, char *strings, tb_json *out)
{
    for (uint32_t i = 0; i < out->count; i++) {
        const jsmntok_t *t = &tokens[i];
        tb_json_node *node = &out->nodes[i];
        node->type = type_of(t, text[t->start]);
        node->at = (uint32_t)t->start;
        node->count = (uint32_t)t->size;
        node->next = i + 1;
        node->text = (tb_str){text + t->start, (size_t)(t->end - t->start)};
        if (node->type == TB_JSON_STRING)
            node->text = decoded(node->text, &strings);
    }
    for (uint32_t i = out->count; i-- > 1;) {
        tb_json_node *parent = &out->nodes[tokens[i].parent];
        if (parent->next < out->nodes[i].next)
            parent->next = out->nodes[i].next;
    }
}

static bool index_members(const char *text, tb_json *json, tb_error *err)
{
    uint32_t used = 0;
    for (uint32_t i = 0; i < json->count; i++) {
        tb_json_node *node = &json->nodes[i];
        tb_json_member *members = json->members + used;
        if (node->type != TB_JSON_OBJECT)
            continue;
        node->first = used;
        for (uint32_t n = 0, key = i + 1; n < node->count; n++, key = json->nodes[key].next)
            members[n] = (tb_json_member){json->nodes[key].text, key + 1};
        used += node->count;
        tb_json_sort(members, node->count);
        for (uint32_t n = 1; n < node->count; n++)
            if (tb_str_equal(members[n - 1].key, members[n].key)) {
                uint32_t a = members[n - 1].value, b = members[n].value;
                return fail_at(text, json->nodes[(a > b ? a : b) - 1].at - 1,
                               "a key that the object has already", err);
            }
    }
    return true;
}

bool tb_json_parse(tb_arena *nodes, tb_arena *strings, const char *text, size_t len, tb_json *out,
                   tb_error *err)
{
    checker c = {text, len, 0, 0, 0, 0, err};
    size_t mark, valid = tb_utf8_check(text, len);
    jsmntok_t *tokens;
    jsmn_parser parser;
    char *decoded_strings;
    bool ok;
    if (len >= INT32_MAX)
        return tb_fail(err, TB_E_JSON, "JSON: %zu bytes are too many; less than 2 GiB are read",
                       len);
    if (valid != len)
        return fail_at(text, valid, "bytes that are not UTF-8", err);
    if (!check(&c))
        return false;
    out->count = c.nodes;
    out->nodes = tb_alloc(nodes, c.nodes, sizeof *out->nodes, err);
    out->members = tb_alloc(nodes, c.members, sizeof *out->members, err);
    decoded_strings = tb_alloc(strings, c.escaped, 1, err);
    mark = tb_arena_mark(nodes);
    tokens = tb_alloc(nodes, c.nodes, sizeof *tokens, err);
    if (out->nodes == NULL || out->members == NULL || decoded_strings == NULL || tokens == NULL)
        return false;
    jsmn_init(&parser);
    ok = jsmn_parse(&parser, text, len, tokens, c.nodes) == (int)c.nodes &&
         parser.toknext == c.nodes;
    if (ok)
        build(text, tokens, decoded_strings, out);
    else
        tb_fail(err, TB_E_INTERNAL, "JSON: the tokeniser refused a text that was checked");
    tb_arena_reset(nodes, mark);
    return ok && index_members(text, out, err);
}

/* ---- access --------------------------------------------------------------------------------- */

static void sift_down(tb_json_member *m, uint32_t at, uint32_t count)
{
    for (;;) {
        uint32_t child = 2 * at + 1;
        tb_json_member held = m[at];
        if (child >= count)
            return;
        if (child + 1 < count && tb_str_compare(m[child].key, m[child + 1].key) < 0)
            child++;
        if (tb_str_compare(held.key, m[child].key) >= 0)
            return;
        m[at] = m[child];
        m[child] = held;
        at = child;
    }
}

void tb_json_sort(tb_json_member *members, uint32_t count)
{
    for (uint32_t i = count / 2; i-- > 0;)
        sift_down(members, i, count);
    for (uint32_t last = count; last-- > 1;) {
        tb_json_member top = members[0];
        members[0] = members[last];
        members[last] = top;
        sift_down(members, 0, last);
    }
}

const tb_json_member *tb_json_find(const tb_json_member *members, uint32_t count, tb_str key)
{
    uint32_t low = 0, high = count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = tb_str_compare(members[middle].key, key);
        if (order == 0)
            return &members[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

uint32_t tb_json_get(const tb_json *json, uint32_t node, tb_str key)
{
    const tb_json_node *n = &json->nodes[node];
    const tb_json_member *found = NULL;
    if (n->type == TB_JSON_OBJECT)
        found = tb_json_find(json->members + n->first, n->count, key);
    return found != NULL ? found->value : TB_JSON_NONE;
}

double tb_json_double(tb_str s)
{
    static const double POWERS[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                    1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                    1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    uint64_t mantissa = 0;
    int64_t exponent = 0, written = 0, left;
    bool negative = false, fraction = false, down = false;
    size_t i = 0;
    double value;
    if (i < s.len && s.ptr[i] == '-') {
        negative = true;
        i++;
    }
    for (; i < s.len && (s.ptr[i] == '.' || tb_is_digit((uint8_t)s.ptr[i])); i++) {
        if (s.ptr[i] == '.') {
            fraction = true;
        } else if (mantissa < 1000000000000000000u) {
            mantissa = mantissa * 10 + (uint64_t)(s.ptr[i] - '0');
            exponent -= fraction;
        } else {
            exponent += !fraction;
        }
    }
    if (i < s.len) { /* e or E */
        i++;
        if (i < s.len && (s.ptr[i] == '-' || s.ptr[i] == '+'))
            down = s.ptr[i++] == '-';
        for (; i < s.len; i++)
            if (written < 1000000)
                written = written * 10 + (s.ptr[i] - '0');
        exponent += down ? -written : written;
    }
    while (mantissa != 0 && exponent < 0 && mantissa % 10 == 0) { /* 1.50 is as exact as 1.5 */
        mantissa /= 10;
        exponent++;
    }
    value = (double)mantissa;
    /* 10^22 is the largest power of ten that a double holds exactly. */
    for (left = exponent < 0 ? -exponent : exponent; left > 0 && value != 0 && value <= DBL_MAX;) {
        int64_t step = left > 22 ? 22 : left;
        value = exponent < 0 ? value / POWERS[step] : value * POWERS[step];
        left -= step;
    }
    return negative ? -value : value;
}

/* ---- writing -------------------------------------------------------------------------------- */

bool tb_json_writer_begin(tb_json_writer *w, tb_arena *arena, size_t room, tb_error *err)
{
    *w = (tb_json_writer){tb_alloc(arena, room, 1, err), 0, room, false};
    return w->text != NULL;
}

void tb_json_bytes(tb_json_writer *w, tb_str bytes)
{
    if (w->full || bytes.len > w->room - w->used) {
        w->full = true;
        return;
    }
    memcpy(w->text + w->used, bytes.ptr, bytes.len);
    w->used += bytes.len;
}

void tb_json_raw(tb_json_writer *w, const char *literal)
{
    tb_json_bytes(w, tb_str_of(literal));
}

void tb_json_string(tb_json_writer *w, tb_str text)
{
    static const char HEX[] = "0123456789abcdef";
    size_t start = 0;
    tb_json_raw(w, "\"");
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = (uint8_t)text.ptr[i];
        char escape[6] = {'\\', 'u', '0', '0', HEX[c >> 4], HEX[c & 15]};
        size_t n = 2;
        if (c >= 0x20 && c != '"' && c != '\\')
            continue;
        switch (c) {
        case '\n': escape[1] = 'n'; break;
        case '\t': escape[1] = 't'; break;
        case '\r': escape[1] = 'r'; break;
        case '\b': escape[1] = 'b'; break;
        case '\f': escape[1] = 'f'; break;
        case '"':
        case '\\': escape[1] = (char)c; break;
        default: n = 6; break;
        }
        tb_json_bytes(w, (tb_str){text.ptr + start, i - start});
        tb_json_bytes(w, (tb_str){escape, n});
        start = i + 1;
    }
    tb_json_bytes(w, (tb_str){text.ptr + start, text.len - start});
    tb_json_raw(w, "\"");
}

/* At least `least` digits. */
static void put_digits(tb_json_writer *w, uint64_t value, unsigned least)
{
    char digits[20];
    size_t at = sizeof digits;
    while (value != 0 || sizeof digits - at < least) {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    }
    tb_json_bytes(w, (tb_str){digits + at, sizeof digits - at});
}

void tb_json_int(tb_json_writer *w, int64_t value)
{
    if (value < 0)
        tb_json_raw(w, "-");
    put_digits(w, value < 0 ? (uint64_t)0 - (uint64_t)value : (uint64_t)value, 1);
}

void tb_json_fixed(tb_json_writer *w, double value, unsigned digits)
{
    uint64_t scale = 1, scaled;
    if (!(value > -1e9 && value < 1e9)) {
        tb_json_raw(w, "null"); /* JSON has no word for it */
        return;
    }
    if (digits > 9)
        digits = 9;
    for (unsigned i = 0; i < digits; i++)
        scale *= 10;
    scaled = (uint64_t)((value < 0 ? -value : value) * (double)scale + 0.5);
    if (value < 0 && scaled != 0)
        tb_json_raw(w, "-");
    put_digits(w, scaled / scale, 1);
    if (digits > 0) {
        tb_json_raw(w, ".");
        put_digits(w, scaled % scale, digits);
    }
}

bool tb_json_writer_end(const tb_json_writer *w, tb_str *out, tb_error *err)
{
    if (w->full)
        return tb_fail(err, TB_E_NOMEM, "the answer needs more than the %zu bytes it has", w->room);
    *out = (tb_str){w->text, w->used};
    return true;
}
