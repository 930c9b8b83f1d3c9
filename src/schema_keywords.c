/* schema_keywords.c - one schema: its members, its kind, where its references lead, what is not
 * enforced, and the wording of errors. */
#include "schema_inside.h"

#include <string.h>

/* ---- messages ------------------------------------------------------------------------------- */

enum { PLACE_ROOM = 256 }; /* an error's message is not longer either */

static void append(char *out, size_t *used, tb_str text)
{
    size_t n = text.len < PLACE_ROOM - *used ? text.len : PLACE_ROOM - *used;
    memcpy(out + *used, text.ptr, n);
    *used += n;
}

static void write_place(const tb_place *at, char *out, size_t *used)
{
    if (at->up == NULL) {
        append(out, used, tb_str_of("/parameters"));
        return;
    }
    write_place(at->up, out, used);
    append(out, used, tb_str_of(at->items ? "/items" : "/properties/"));
    if (!at->items)
        append(out, used, at->key);
}

static bool report(tb_schema_reader *r, tb_error *to, const tb_place *at)
{
    char where[PLACE_ROOM];
    size_t used = 0;
    write_place(at, where, &used);
    tb_fail(to, TB_E_SCHEMA, "tool \"%.*s\": %s at %.*s", (int)r->tool.len, r->tool.ptr,
            r->what.message, (int)used, where);
    r->what.status = TB_OK;
    return false;
}

bool tb_schema_fail(tb_schema_reader *r, const tb_place *at)
{
    return report(r, r->err, at);
}

bool tb_schema_ignore(tb_schema_reader *r, const tb_place *at)
{
    tb_error text = {TB_OK, {0}};
    tb_str message;
    char *kept;
    report(r, &text, at);
    if (r->out->ignored_count < TB_MAX_IGNORED) {
        message = tb_str_of(text.message);
        kept = tb_alloc(r->arena, message.len, 1, r->err);
        if (kept == NULL)
            return false;
        memcpy(kept, message.ptr, message.len);
        r->out->ignored[r->out->ignored_count] = (tb_str){kept, message.len};
    }
    r->out->ignored_count++;
    return true;
}

/* ---- JSON values ---------------------------------------------------------------------------- */

const tb_json_node *tb_schema_node(const tb_schema_reader *r, uint32_t index)
{
    return &r->json->nodes[index];
}

bool tb_schema_is(const tb_schema_reader *r, uint32_t index, tb_json_type type)
{
    return index != TB_JSON_NONE && tb_schema_node(r, index)->type == type;
}

bool tb_schema_is_text(const tb_schema_reader *r, uint32_t index, const char *text)
{
    return tb_schema_is(r, index, TB_JSON_STRING) &&
           tb_str_equal(tb_schema_node(r, index)->text, tb_str_of(text));
}

/* Equal JSON scalars (1 and 1.0 are, 1 and true are not); containers are never taken to be equal.
 */
bool tb_schema_same(const tb_schema_reader *r, uint32_t a, uint32_t b)
{
    const tb_json_node *x = tb_schema_node(r, a), *y = tb_schema_node(r, b);
    if (x->type != y->type || x->type == TB_JSON_ARRAY || x->type == TB_JSON_OBJECT)
        return false;
    if (x->type == TB_JSON_NUMBER)
        return tb_json_double(x->text) == tb_json_double(y->text);
    return x->type != TB_JSON_STRING || tb_str_equal(x->text, y->text);
}

tb_schema tb_schema_of(const tb_schema_reader *r, uint32_t index)
{
    const tb_json_node *n = tb_schema_node(r, index);
    if (n->type != TB_JSON_OBJECT)
        return (tb_schema){NULL, 0, false};
    return (tb_schema){r->json->members + n->first, n->count, true};
}

uint32_t tb_schema_get(tb_schema s, const char *key)
{
    const tb_json_member *m = tb_json_find(s.members, s.count, tb_str_of(key));
    return m != NULL ? m->value : TB_JSON_NONE;
}

/* The text of a member, empty if it is missing or no string. */
tb_str tb_schema_text(const tb_schema_reader *r, tb_schema s, const char *key)
{
    uint32_t value = tb_schema_get(s, key);
    return tb_schema_is(r, value, TB_JSON_STRING) ? tb_schema_node(r, value)->text
                                                  : (tb_str){"", 0};
}

/* ---- keywords ------------------------------------------------------------------------------- */

static bool is_listed(tb_str word, const char *list)
{
    for (tb_str rest = tb_str_of(list); rest.len > 0;) {
        size_t n = 0;
        while (n < rest.len && rest.ptr[n] != ' ')
            n++;
        if (tb_str_equal(word, (tb_str){rest.ptr, n}))
            return true;
        n += n < rest.len;
        rest = (tb_str){rest.ptr + n, rest.len - n};
    }
    return false;
}

static bool is_annotation(tb_str key)
{
    return is_listed(key,
                     "title description default examples $comment $schema $id deprecated readOnly "
                     "writeOnly nullable $defs definitions additionalProperties example");
}

static bool is_enforced(tb_str key, tb_kind of)
{
    static const char *const KEYWORDS[TB_KINDS] = {
        "enum const minLength maxLength pattern format",
        "enum const minimum maximum exclusiveMinimum exclusiveMaximum multipleOf format",
        "enum const minimum maximum exclusiveMinimum exclusiveMaximum multipleOf format",
        "enum const",
        "items minItems maxItems uniqueItems",
        "properties required",
    };
    return is_listed(key, "type") || is_listed(key, KEYWORDS[of]);
}

bool tb_schema_keywords(tb_schema_reader *r, tb_schema s, tb_kind of, const tb_place *at)
{
    for (uint32_t i = 0; i < s.count; i++) {
        tb_str key = s.members[i].key;
        if (is_enforced(key, of) || is_annotation(key) ||
            (key.len >= 2 && key.ptr[0] == 'x' && key.ptr[1] == '-'))
            continue;
        if (!r->lenient)
            return FAIL(r, at,
                        "keyword \"%.*s\" is not enforced; pass schema \"lenient\" to ignore it",
                        (int)key.len, key.ptr);
        if (!IGNORE(r, at, "keyword \"%.*s\"", (int)key.len, key.ptr))
            return false;
    }
    return true;
}

const char *tb_kind_name(tb_kind kind)
{
    static const char NAMES[TB_KINDS][8] = {"string",  "number", "integer",
                                            "boolean", "array",  "object"};
    return NAMES[kind];
}

bool tb_schema_kind(tb_schema_reader *r, tb_schema s, const tb_place *at, tb_kind *out)
{
    uint32_t type = tb_schema_get(s, "type"), only = TB_JSON_NONE, others = 0;
    tb_str name;
    if (type == TB_JSON_NONE) {
        *out = tb_schema_get(s, "properties") != TB_JSON_NONE ? TB_KIND_OBJECT
               : tb_schema_get(s, "items") != TB_JSON_NONE    ? TB_KIND_ARRAY
                                                              : TB_KIND_STRING;
        return true;
    }
    if (tb_schema_is(r, type, TB_JSON_ARRAY)) {
        for (uint32_t i = type + 1; i < tb_schema_node(r, type)->next;
             i = tb_schema_node(r, i)->next) {
            if (tb_schema_is_text(r, i, "null"))
                continue;
            only = i;
            others++;
        }
        if (others != 1)
            return FAIL(r, at, "several types are not enforced; give one");
        type = only;
    }
    if (!tb_schema_is(r, type, TB_JSON_STRING))
        return FAIL(r, at, "\"type\" must be a string");
    name = tb_schema_node(r, type)->text;
    for (int i = 0; i < TB_KINDS; i++) {
        if (tb_str_equal(name, tb_str_of(tb_kind_name((tb_kind)i)))) {
            *out = (tb_kind)i;
            return true;
        }
    }
    return FAIL(r, at, "type \"%.*s\" is not supported", (int)name.len, name.ptr);
}

/* The value of a number keyword, `none` if it is missing or null. */
bool tb_schema_number(tb_schema_reader *r, tb_schema s, const char *key, double none,
                      const tb_place *at, double *out)
{
    uint32_t value = tb_schema_get(s, key);
    *out = none;
    if (value == TB_JSON_NONE || tb_schema_is(r, value, TB_JSON_NULL))
        return true;
    if (!tb_schema_is(r, value, TB_JSON_NUMBER))
        return FAIL(r, at, "\"%s\" must be a number", key);
    *out = tb_json_double(tb_schema_node(r, value)->text);
    return true;
}

bool tb_schema_count(tb_schema_reader *r, tb_schema s, const char *key, uint32_t none,
                     const tb_place *at, uint32_t *out)
{
    double value;
    *out = none;
    if (!tb_schema_number(r, s, key, -1, at, &value))
        return false;
    if (value == -1 && (tb_schema_get(s, key) == TB_JSON_NONE ||
                        tb_schema_is(r, tb_schema_get(s, key), TB_JSON_NULL)))
        return true;
    if (!(value >= 0 && value < 1e18 && value == (double)(int64_t)value))
        return FAIL(r, at, "\"%s\" must be a whole number from 0", key);
    *out = value > INT32_MAX ? INT32_MAX : (uint32_t)value;
    return true;
}

/* ---- references and branches ---------------------------------------------------------------- */

/* `inner` and what stands beside the keyword `through` in `outer`; the latter wins. */
static bool merge(tb_schema_reader *r, tb_schema inner, tb_schema outer, const char *through,
                  const tb_place *at, tb_schema *out)
{
    uint32_t i = 0, o = 0, used = 0;
    tb_json_member *members =
        tb_alloc(r->scratch, (size_t)inner.count + outer.count, sizeof *members, r->err);
    if (members == NULL)
        return false;
    while (i < inner.count || o < outer.count) {
        int order = i == inner.count   ? 1
                    : o == outer.count ? -1
                                       : tb_str_compare(inner.members[i].key, outer.members[o].key);
        tb_str key = order < 0 ? inner.members[i].key : outer.members[o].key;
        if (order >= 0 && tb_str_equal(key, tb_str_of(through))) {
            o++; /* a keyword of the same name inside stays */
            continue;
        }
        if (order == 0 && !is_annotation(key) &&
            !tb_schema_same(r, inner.members[i].value, outer.members[o].value)) {
            if (!r->lenient)
                return FAIL(r, at, "keyword \"%.*s\" is given twice, beside \"%s\" and inside it",
                            (int)key.len, key.ptr, through);
            if (!IGNORE(r, at, "keyword \"%.*s\" inside \"%s\"", (int)key.len, key.ptr, through))
                return false;
        }
        members[used++] = order < 0 ? inner.members[i] : outer.members[o];
        i += order <= 0;
        o += order >= 0;
    }
    *out = (tb_schema){members, used, true};
    return true;
}

/* One step of a JSON pointer with its ~0 and ~1 resolved into `room`. */
static tb_str pointer_step(tb_str raw, char *room)
{
    size_t used = 0;
    for (size_t i = 0; i < raw.len; i++) {
        char next = i + 1 < raw.len ? raw.ptr[i + 1] : '\0';
        bool escaped = raw.ptr[i] == '~' && (next == '0' || next == '1');
        room[used++] = !escaped ? raw.ptr[i] : next == '0' ? '~' : '/';
        i += escaped;
    }
    return (tb_str){room, used};
}

static bool reference(tb_schema_reader *r, uint32_t ref, const tb_place *at, tb_schema *out)
{
    tb_schema here = r->root;
    uint32_t target = TB_JSON_NONE;
    size_t start = 2;
    tb_str text;
    char *room;
    if (!tb_schema_is(r, ref, TB_JSON_STRING) || tb_schema_node(r, ref)->text.len < 2 ||
        memcmp(tb_schema_node(r, ref)->text.ptr, "#/", 2) != 0)
        return FAIL(r, at, "\"$ref\" must point into the same schema (#/...)");
    text = tb_schema_node(r, ref)->text;
    room = tb_alloc(r->scratch, text.len, 1, r->err);
    if (room == NULL)
        return false;
    while (start <= text.len) {
        const tb_json_member *m = NULL;
        size_t end = start;
        while (end < text.len && text.ptr[end] != '/')
            end++;
        if (here.is_object)
            m = tb_json_find(here.members, here.count,
                             pointer_step((tb_str){text.ptr + start, end - start}, room));
        target = m != NULL ? m->value : TB_JSON_NONE;
        here = m != NULL ? tb_schema_of(r, target) : (tb_schema){NULL, 0, false};
        start = end + 1;
    }
    if (target == TB_JSON_NONE || tb_schema_is(r, target, TB_JSON_NULL))
        return FAIL(r, at, "\"$ref\" %.*s leads nowhere", (int)text.len, text.ptr);
    *out = here;
    return here.is_object || FAIL(r, at, "a schema must be an object");
}

/* The one branch of anyOf or oneOf that null leaves. */
static bool branch(tb_schema_reader *r, uint32_t list, const char *key, const tb_place *at,
                   tb_schema *out)
{
    uint32_t first = TB_JSON_NONE, count = 0;
    if (!tb_schema_is(r, list, TB_JSON_ARRAY))
        return FAIL(r, at, "\"%s\" must be an array", key);
    for (uint32_t i = list + 1; i < tb_schema_node(r, list)->next; i = tb_schema_node(r, i)->next) {
        if (tb_schema_is_text(r, tb_json_get(r->json, i, tb_str_of("type")), "null"))
            continue;
        if (count++ == 0)
            first = i;
    }
    if (count == 0 || (count > 1 && !r->lenient))
        return FAIL(r, at, "keyword \"%s\" with several types is not enforced", key);
    *out = tb_schema_of(r, first);
    if (!out->is_object)
        return FAIL(r, at, "a schema must be an object");
    return count == 1 || IGNORE(r, at, "all but the first of \"%s\"", key);
}

/* Follows $ref, anyOf and oneOf until none is left. */
bool tb_schema_resolve(tb_schema_reader *r, tb_schema *s, const tb_place *at)
{
    enum { MOST = 8 };
    for (int i = 0; i < MOST; i++) {
        const char *through = "$ref";
        tb_schema inner;
        bool ok;
        if (!s->is_object)
            return FAIL(r, at, "a schema must be an object");
        if (tb_schema_get(*s, "$ref") != TB_JSON_NONE) {
            ok = reference(r, tb_schema_get(*s, "$ref"), at, &inner);
        } else {
            through = tb_schema_get(*s, "anyOf") != TB_JSON_NONE ? "anyOf" : "oneOf";
            if (tb_schema_get(*s, through) == TB_JSON_NONE)
                return true;
            ok = branch(r, tb_schema_get(*s, through), through, at, &inner);
        }
        if (!ok || !merge(r, inner, *s, through, at, s))
            return false;
    }
    return FAIL(r, at, "\"$ref\" leads nowhere or in a circle");
}
