/* schema.c - the reader of tool definitions. Order of checks and wording of errors are those of
 * models/thimble/schema.py, which tests compare it with. */
#include "schema.h"

#include <string.h>

#include "json.h"

#define INFINITE __builtin_inf()

/* A schema at hand: its members by key. It may be put together from several JSON objects ($ref and
 * what stands beside it), so it is not always one node. */
typedef struct {
    const tb_json_member *members;
    uint32_t count;
    bool is_object; /* false: the JSON value is no object, hence no schema */
} schema;

/* A place in the tool's schema, for messages. */
typedef struct place {
    const struct place *up; /* NULL: the tool's parameters */
    tb_str key;             /* of the property */
    bool items;             /* the items of an array instead */
} place;

typedef enum { KIND_STRING, KIND_NUMBER, KIND_INTEGER, KIND_BOOLEAN, KIND_ARRAY, KIND_OBJECT, KINDS } kind;

static const char KIND_NAMES[KINDS][8] = {"string", "number", "integer", "boolean", "array", "object"};

typedef struct {
    tb_arena *arena, *scratch;
    const tb_json *json;
    bool lenient;
    tb_tools *out;
    tb_error *err;
    /* of the tool at hand: */
    tb_str tool;
    schema root;             /* what local references point into */
    tb_argument *arguments;  /* TB_MAX_ARGUMENTS of them */
    tb_object *objects;      /* TB_MAX_OBJECTS */
    uint32_t argument_count, object_count, value_count;
    tb_error what;           /* the message under way, without tool and place */
} reader;

/* ---- messages ------------------------------------------------------------------------------- */

enum { PLACE_ROOM = 256 }; /* an error's message is not longer either */

static void append(char *out, size_t *used, tb_str text)
{
    size_t n = text.len < PLACE_ROOM - *used ? text.len : PLACE_ROOM - *used;
    memcpy(out + *used, text.ptr, n);
    *used += n;
}

static void write_place(const place *at, char *out, size_t *used)
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

static bool report(reader *r, tb_error *to, const place *at)
{
    char where[PLACE_ROOM];
    size_t used = 0;
    write_place(at, where, &used);
    tb_fail(to, TB_E_SCHEMA, "tool \"%.*s\": %s at %.*s", (int)r->tool.len, r->tool.ptr,
            r->what.message, (int)used, where);
    r->what.status = TB_OK;
    return false;
}

/* FAIL(r, at, format, ...): the error 'tool "x": ... at /place'; false. */
#define FAIL(r, at, ...) (tb_fail(&(r)->what, TB_E_SCHEMA, __VA_ARGS__), report(r, (r)->err, at))

/* The same text as a report of something passed over; false only when out of memory. */
#define IGNORE(r, at, ...) (tb_fail(&(r)->what, TB_E_SCHEMA, __VA_ARGS__), ignore(r, at))

static bool ignore(reader *r, const place *at)
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

static const tb_json_node *node(const reader *r, uint32_t index)
{
    return &r->json->nodes[index];
}

static bool has_type(const reader *r, uint32_t index, tb_json_type type)
{
    return index != TB_JSON_NONE && node(r, index)->type == type;
}

static bool is_text(const reader *r, uint32_t index, const char *text)
{
    return has_type(r, index, TB_JSON_STRING) && tb_str_equal(node(r, index)->text, tb_str_of(text));
}

/* Missing, null, false, 0, or empty. */
static bool is_nothing(const reader *r, uint32_t index)
{
    if (index == TB_JSON_NONE)
        return true;
    switch (node(r, index)->type) {
    case TB_JSON_NULL:
    case TB_JSON_FALSE: return true;
    case TB_JSON_TRUE: return false;
    case TB_JSON_NUMBER: return tb_json_double(node(r, index)->text) == 0;
    case TB_JSON_STRING: return node(r, index)->text.len == 0;
    default: return node(r, index)->count == 0;
    }
}

/* Equal JSON scalars (1 and 1.0 are, 1 and true are not); containers are never taken to be equal. */
static bool same(const reader *r, uint32_t a, uint32_t b)
{
    const tb_json_node *x = node(r, a), *y = node(r, b);
    if (x->type != y->type || x->type == TB_JSON_ARRAY || x->type == TB_JSON_OBJECT)
        return false;
    if (x->type == TB_JSON_NUMBER)
        return tb_json_double(x->text) == tb_json_double(y->text);
    return x->type != TB_JSON_STRING || tb_str_equal(x->text, y->text);
}

static schema schema_of(const reader *r, uint32_t index)
{
    const tb_json_node *n = node(r, index);
    if (n->type != TB_JSON_OBJECT)
        return (schema){NULL, 0, false};
    return (schema){r->json->members + n->first, n->count, true};
}

static uint32_t get(schema s, const char *key)
{
    const tb_json_member *m = tb_json_find(s.members, s.count, tb_str_of(key));
    return m != NULL ? m->value : TB_JSON_NONE;
}

/* The text of a member, empty if it is missing or no string. */
static tb_str text_of(const reader *r, schema s, const char *key)
{
    uint32_t value = get(s, key);
    return has_type(r, value, TB_JSON_STRING) ? node(r, value)->text : (tb_str){"", 0};
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
    return is_listed(key, "title description default examples $comment $schema $id deprecated readOnly "
                          "writeOnly nullable $defs definitions additionalProperties example");
}

static bool is_enforced(tb_str key, kind of)
{
    static const char *const KEYWORDS[KINDS] = {
        "enum const minLength maxLength pattern format",
        "enum const minimum maximum exclusiveMinimum exclusiveMaximum multipleOf format",
        "enum const minimum maximum exclusiveMinimum exclusiveMaximum multipleOf format",
        "enum const",
        "items minItems maxItems uniqueItems",
        "properties required",
    };
    return is_listed(key, "type") || is_listed(key, KEYWORDS[of]);
}

static bool check_keywords(reader *r, schema s, kind of, const place *at)
{
    for (uint32_t i = 0; i < s.count; i++) {
        tb_str key = s.members[i].key;
        if (is_enforced(key, of) || is_annotation(key) ||
            (key.len >= 2 && key.ptr[0] == 'x' && key.ptr[1] == '-'))
            continue;
        if (!r->lenient)
            return FAIL(r, at, "keyword \"%.*s\" is not enforced; pass schema \"lenient\" to ignore it",
                        (int)key.len, key.ptr);
        if (!IGNORE(r, at, "keyword \"%.*s\"", (int)key.len, key.ptr))
            return false;
    }
    return true;
}

static bool type_of(reader *r, schema s, const place *at, kind *out)
{
    uint32_t type = get(s, "type"), only = TB_JSON_NONE, others = 0;
    tb_str name;
    if (type == TB_JSON_NONE) {
        *out = get(s, "properties") != TB_JSON_NONE ? KIND_OBJECT
               : get(s, "items") != TB_JSON_NONE    ? KIND_ARRAY : KIND_STRING;
        return true;
    }
    if (has_type(r, type, TB_JSON_ARRAY)) {
        for (uint32_t i = type + 1; i < node(r, type)->next; i = node(r, i)->next) {
            if (is_text(r, i, "null"))
                continue;
            only = i;
            others++;
        }
        if (others != 1)
            return FAIL(r, at, "several types are not enforced; give one");
        type = only;
    }
    if (!has_type(r, type, TB_JSON_STRING))
        return FAIL(r, at, "\"type\" must be a string");
    name = node(r, type)->text;
    for (int i = 0; i < KINDS; i++) {
        if (tb_str_equal(name, tb_str_of(KIND_NAMES[i]))) {
            *out = (kind)i;
            return true;
        }
    }
    return FAIL(r, at, "type \"%.*s\" is not supported", (int)name.len, name.ptr);
}

/* The value of a number keyword, `none` if it is missing or null. */
static bool number_keyword(reader *r, schema s, const char *key, double none, const place *at, double *out)
{
    uint32_t value = get(s, key);
    *out = none;
    if (value == TB_JSON_NONE || has_type(r, value, TB_JSON_NULL))
        return true;
    if (!has_type(r, value, TB_JSON_NUMBER))
        return FAIL(r, at, "\"%s\" must be a number", key);
    *out = tb_json_double(node(r, value)->text);
    return true;
}

static bool count_keyword(reader *r, schema s, const char *key, uint32_t none, const place *at, uint32_t *out)
{
    double value;
    *out = none;
    if (!number_keyword(r, s, key, -1, at, &value))
        return false;
    if (value == -1 && (get(s, key) == TB_JSON_NONE || has_type(r, get(s, key), TB_JSON_NULL)))
        return true;
    if (!(value >= 0 && value < 1e18 && value == (double)(int64_t)value))
        return FAIL(r, at, "\"%s\" must be a whole number from 0", key);
    *out = value > INT32_MAX ? INT32_MAX : (uint32_t)value;
    return true;
}

/* ---- references and branches ---------------------------------------------------------------- */

/* `inner` and what stands beside the keyword `through` in `outer`; the latter wins. */
static bool merge(reader *r, schema inner, schema outer, const char *through, const place *at, schema *out)
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
        if (order == 0 && !is_annotation(key) && !same(r, inner.members[i].value, outer.members[o].value)) {
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
    *out = (schema){members, used, true};
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

static bool reference(reader *r, uint32_t ref, const place *at, schema *out)
{
    schema here = r->root;
    uint32_t target = TB_JSON_NONE;
    size_t start = 2;
    tb_str text;
    char *room;
    if (!has_type(r, ref, TB_JSON_STRING) || node(r, ref)->text.len < 2 ||
        memcmp(node(r, ref)->text.ptr, "#/", 2) != 0)
        return FAIL(r, at, "\"$ref\" must point into the same schema (#/...)");
    text = node(r, ref)->text;
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
        here = m != NULL ? schema_of(r, target) : (schema){NULL, 0, false};
        start = end + 1;
    }
    if (target == TB_JSON_NONE || has_type(r, target, TB_JSON_NULL))
        return FAIL(r, at, "\"$ref\" %.*s leads nowhere", (int)text.len, text.ptr);
    *out = here;
    return here.is_object || FAIL(r, at, "a schema must be an object");
}

/* The one branch of anyOf or oneOf that null leaves. */
static bool branch(reader *r, uint32_t list, const char *key, const place *at, schema *out)
{
    uint32_t first = TB_JSON_NONE, count = 0;
    if (!has_type(r, list, TB_JSON_ARRAY))
        return FAIL(r, at, "\"%s\" must be an array", key);
    for (uint32_t i = list + 1; i < node(r, list)->next; i = node(r, i)->next) {
        if (is_text(r, tb_json_get(r->json, i, tb_str_of("type")), "null"))
            continue;
        if (count++ == 0)
            first = i;
    }
    if (count == 0 || (count > 1 && !r->lenient))
        return FAIL(r, at, "keyword \"%s\" with several types is not enforced", key);
    *out = schema_of(r, first);
    if (!out->is_object)
        return FAIL(r, at, "a schema must be an object");
    return count == 1 || IGNORE(r, at, "all but the first of \"%s\"", key);
}

/* Follows $ref, anyOf and oneOf until none is left. */
static bool resolve(reader *r, schema *s, const place *at)
{
    enum { MOST = 8 };
    for (int i = 0; i < MOST; i++) {
        const char *through = "$ref";
        schema inner;
        bool ok;
        if (!s->is_object)
            return FAIL(r, at, "a schema must be an object");
        if (get(*s, "$ref") != TB_JSON_NONE) {
            ok = reference(r, get(*s, "$ref"), at, &inner);
        } else {
            through = get(*s, "anyOf") != TB_JSON_NONE ? "anyOf" : "oneOf";
            if (get(*s, through) == TB_JSON_NONE)
                return true;
            ok = branch(r, get(*s, through), through, at, &inner);
        }
        if (!ok || !merge(r, inner, *s, through, at, s))
            return false;
    }
    return FAIL(r, at, "\"$ref\" leads nowhere or in a circle");
}

/* ---- scalars -------------------------------------------------------------------------------- */

bool tb_length_fits(const tb_argument *a, size_t characters)
{
    return characters >= a->min_length && (a->max_length == TB_NO_LIMIT || characters <= a->max_length);
}

/* From here on every double is whole. */
#define ALL_WHOLE 9007199254740992.0

/* Whole and small enough for exact arithmetic. */
static bool is_whole(double x)
{
    return x > -ALL_WHOLE && x < ALL_WHOLE && x == (double)(int64_t)x;
}

static bool is_integer(double x)
{
    return is_whole(x) || ((x >= ALL_WHOLE || x <= -ALL_WHOLE) && x - x == 0);
}

/* Exact for whole numbers below 2^53, else to 1e-9 of a step. */
static bool is_multiple(double x, double step)
{
    double quotient, rest;
    int64_t nearest;
    if (!(x > -ALL_WHOLE && x < ALL_WHOLE && step < ALL_WHOLE))
        return false;
    if (is_whole(x) && is_whole(step))
        return (int64_t)x % (int64_t)step == 0;
    quotient = x / step;
    if (!(quotient > -ALL_WHOLE && quotient < ALL_WHOLE))
        return false;
    nearest = (int64_t)quotient;
    rest = quotient - (double)nearest;
    if (rest >= 0.5)
        nearest++;
    else if (rest <= -0.5)
        nearest--;
    rest = quotient - (double)nearest;
    return rest < 1e-9 && rest > -1e-9 && (nearest != 0 || x == 0);
}

static bool limits_allow(const tb_argument *a, double x)
{
    return x >= a->minimum && x <= a->maximum && x > a->exclusive_minimum && x < a->exclusive_maximum &&
           (a->multiple_of == 0 || is_multiple(x, a->multiple_of));
}

bool tb_number_fits(const tb_argument *a, tb_number number)
{
    return !(a->type == TB_INTEGER && number.scale != 0) && limits_allow(a, tb_number_double(number));
}

static size_t characters(tb_str text)
{
    size_t n = 0;
    for (size_t i = 0; i < text.len; i++)
        n += ((uint8_t)text.ptr[i] & 0xc0) != 0x80;
    return n;
}

/* Whether an enum value is one that type (if `typed`, because one is given) and limits allow. */
static bool value_fits(const reader *r, const tb_argument *a, uint32_t value, bool typed)
{
    const tb_json_node *v = node(r, value);
    double x;
    switch (a->type) {
    case TB_STRING:
        if (v->type != TB_JSON_STRING)
            return !typed;
        return tb_length_fits(a, characters(v->text)) && tb_format_fits(a->format, v->text) &&
               (a->pattern == NULL || tb_pattern_found(a->pattern, v->text));
    case TB_BOOLEAN: return !typed || v->type == TB_JSON_TRUE || v->type == TB_JSON_FALSE;
    default:
        if (v->type != TB_JSON_NUMBER)
            return !typed;
        x = tb_json_double(v->text);
        return limits_allow(a, x) && (a->type == TB_NUMBER || !typed || is_integer(x));
    }
}

static tb_value value_of(const reader *r, uint32_t value)
{
    const tb_json_node *v = node(r, value);
    tb_value_type type = v->type == TB_JSON_STRING   ? TB_VALUE_STRING
                         : v->type == TB_JSON_NUMBER ? TB_VALUE_NUMBER
                         : v->type == TB_JSON_TRUE   ? TB_VALUE_TRUE : TB_VALUE_FALSE;
    return (tb_value){type, v->text};
}

/* Gathers the values other than null into `nodes`; *count may exceed TB_MAX_VALUES. */
static bool enum_nodes(reader *r, schema s, const place *at, uint32_t *nodes, uint32_t *count)
{
    uint32_t constant = get(s, "const"), list = get(s, "enum");
    bool scalars = true;
    *count = 0;
    if (constant == TB_JSON_NONE && !has_type(r, list, TB_JSON_ARRAY))
        return FAIL(r, at, "\"enum\" must be an array");
    for (uint32_t i = constant != TB_JSON_NONE ? constant : list + 1;
         i < (constant != TB_JSON_NONE ? constant + 1 : node(r, list)->next); i = node(r, i)->next) {
        if (has_type(r, i, TB_JSON_NULL))
            continue;
        scalars = scalars && node(r, i)->type != TB_JSON_ARRAY && node(r, i)->type != TB_JSON_OBJECT;
        if (*count < TB_MAX_VALUES)
            nodes[*count] = i;
        ++*count;
    }
    if (*count < 1 || *count > TB_MAX_VALUES || !scalars)
        return FAIL(r, at, "\"enum\" must hold 1 to %d strings, numbers or booleans", TB_MAX_VALUES);
    return true;
}

/* Keeps, each once, the values that type and limits (and a list beside "const") allow. */
static bool keep_values(reader *r, tb_argument *a, schema s, const place *at, const uint32_t *nodes,
                        uint32_t count)
{
    uint32_t list = get(s, "const") != TB_JSON_NONE ? get(s, "enum") : TB_JSON_NONE, kept[TB_MAX_VALUES];
    tb_value *values;
    for (uint32_t i = 0; i < count; i++) {
        bool fits = value_fits(r, a, nodes[i], get(s, "type") != TB_JSON_NONE), listed = false;
        if (fits && has_type(r, list, TB_JSON_ARRAY)) {
            for (uint32_t e = list + 1; e < node(r, list)->next; e = node(r, e)->next)
                listed = listed || same(r, nodes[i], e);
            fits = listed;
        }
        for (uint32_t k = 0; fits && k < a->value_count; k++)
            fits = !same(r, nodes[i], kept[k]);
        if (fits)
            kept[a->value_count++] = nodes[i];
    }
    if (a->value_count == 0)
        return FAIL(r, at, "\"enum\" has no value that its type and limits allow");
    a->values = values = tb_alloc(r->arena, a->value_count, sizeof *values, r->err);
    for (uint32_t k = 0; values != NULL && k < a->value_count; k++)
        values[k] = value_of(r, kept[k]);
    return values != NULL;
}

static bool string_limits(reader *r, tb_argument *a, schema s, const place *at)
{
    uint32_t pattern = get(s, "pattern");
    char why[TB_PATTERN_WHY];
    if (!count_keyword(r, s, "minLength", 0, at, &a->min_length) ||
        !count_keyword(r, s, "maxLength", TB_NO_LIMIT, at, &a->max_length))
        return false;
    if (pattern != TB_JSON_NONE && !has_type(r, pattern, TB_JSON_NULL)) {
        if (!has_type(r, pattern, TB_JSON_STRING))
            return FAIL(r, at, "\"pattern\" must be a string");
        a->pattern = tb_pattern_compile(r->arena, node(r, pattern)->text, why, r->err);
        if (a->pattern == NULL)
            return r->err->status == TB_OK ? FAIL(r, at, "\"pattern\" %s", why) : false;
    }
    a->format = tb_format_named(text_of(r, s, "format"));
    return true;
}

static bool number_limits(reader *r, tb_argument *a, schema s, const place *at)
{
    if (!number_keyword(r, s, "minimum", -INFINITE, at, &a->minimum) ||
        !number_keyword(r, s, "maximum", INFINITE, at, &a->maximum) ||
        !number_keyword(r, s, "exclusiveMinimum", -INFINITE, at, &a->exclusive_minimum) ||
        !number_keyword(r, s, "exclusiveMaximum", INFINITE, at, &a->exclusive_maximum) ||
        !number_keyword(r, s, "multipleOf", -INFINITE, at, &a->multiple_of))
        return false;
    if (a->multiple_of == -INFINITE && (get(s, "multipleOf") == TB_JSON_NONE ||
                                        has_type(r, get(s, "multipleOf"), TB_JSON_NULL)))
        a->multiple_of = 0;
    else if (!(a->multiple_of > 0))
        return FAIL(r, at, "\"multipleOf\" must be greater than 0");
    return true;
}

static bool scalar(reader *r, tb_argument *a, kind of, schema s, const place *at)
{
    static const tb_value BOOLEANS[2] = {{TB_VALUE_TRUE, {"true", 4}}, {TB_VALUE_FALSE, {"false", 5}}};
    uint32_t nodes[TB_MAX_VALUES], count = 0;
    if (!check_keywords(r, s, of, at))
        return false;
    a->type = of == KIND_STRING ? TB_STRING : of == KIND_NUMBER ? TB_NUMBER
              : of == KIND_INTEGER ? TB_INTEGER : TB_BOOLEAN;
    if ((get(s, "const") != TB_JSON_NONE ||
         (get(s, "enum") != TB_JSON_NONE && !has_type(r, get(s, "enum"), TB_JSON_NULL))) &&
        !enum_nodes(r, s, at, nodes, &count))
        return false;
    if ((a->type == TB_STRING && !string_limits(r, a, s, at)) ||
        ((a->type == TB_NUMBER || a->type == TB_INTEGER) && !number_limits(r, a, s, at)))
        return false;
    if (count > 0) {
        if (!keep_values(r, a, s, at, nodes, count))
            return false;
        a->type = TB_ENUM;
    } else if (a->type == TB_BOOLEAN) {
        a->values = BOOLEANS;
        a->value_count = 2;
    }
    return true;
}

/* ---- objects -------------------------------------------------------------------------------- */

static bool read_object(reader *r, schema s, tb_str *path, uint32_t object, const place *at, uint32_t depth);

static bool array_limits(reader *r, tb_argument *a, schema s, const place *at)
{
    a->array = true;
    a->unique_items = has_type(r, get(s, "uniqueItems"), TB_JSON_TRUE);
    return check_keywords(r, s, KIND_ARRAY, at) &&
           count_keyword(r, s, "minItems", 0, at, &a->min_items) &&
           count_keyword(r, s, "maxItems", TB_NO_LIMIT, at, &a->max_items);
}

static bool read_argument(reader *r, schema s, kind of, const tb_str *path, uint32_t depth, uint32_t object,
                          bool required, const place *at)
{
    place items = {at, {"", 0}, true};
    tb_argument a;
    memset(&a, 0, sizeof a);
    memcpy(a.path, path, depth * sizeof *path);
    a.depth = depth;
    a.object = object;
    a.required = required;
    a.minimum = a.exclusive_minimum = -INFINITE;
    a.maximum = a.exclusive_maximum = INFINITE;
    a.max_length = a.max_items = TB_NO_LIMIT;
    a.description = text_of(r, s, "description");
    if (of == KIND_ARRAY) {
        uint32_t inner = get(s, "items");
        if (!array_limits(r, &a, s, at))
            return false;
        s = inner != TB_JSON_NONE ? schema_of(r, inner) : (schema){NULL, 0, true};
        at = &items;
        if (!resolve(r, &s, at) || !type_of(r, s, at, &of))
            return false;
        if (of == KIND_ARRAY || of == KIND_OBJECT)
            return FAIL(r, at, "arrays of %ss are not supported", KIND_NAMES[of]);
        if (a.description.len == 0)
            a.description = text_of(r, s, "description");
    }
    if (!scalar(r, &a, of, s, at))
        return false;
    if (r->argument_count == TB_MAX_ARGUMENTS)
        return FAIL(r, at, "more than %d arguments", TB_MAX_ARGUMENTS);
    a.first_value = r->value_count;
    r->value_count += a.value_count;
    r->arguments[r->argument_count++] = a;
    return true;
}

/* One property; path[depth - 1] is its key. */
static bool property(reader *r, schema s, tb_str *path, uint32_t parent, bool required, const place *at,
                     uint32_t depth)
{
    kind of;
    if (!resolve(r, &s, at) || !type_of(r, s, at, &of))
        return false;
    if (of != KIND_OBJECT)
        return read_argument(r, s, of, path, depth, parent, required, at);
    if (is_nothing(r, get(s, "properties"))) {
        if (r->lenient && !required)
            return IGNORE(r, at, "an object without properties");
        return FAIL(r, at, "an object without properties cannot be filled; list its properties");
    }
    if (r->object_count == TB_MAX_OBJECTS)
        return FAIL(r, at, "more than %d objects", TB_MAX_OBJECTS);
    r->objects[r->object_count] = (tb_object){path[depth - 1], parent, r->argument_count, required};
    return read_object(r, s, path, r->object_count++, at, depth);
}

/* {"type": ...} and no boolean "required": the schema of an argument in the flat form. */
static bool flat_schema(reader *r, uint32_t index, schema *out)
{
    schema s = schema_of(r, index);
    tb_json_member *members;
    uint32_t used = 0;
    *out = s;
    if (!s.is_object && !has_type(r, index, TB_JSON_STRING))
        return true;
    members = tb_alloc(r->scratch, s.is_object ? s.count : 1, sizeof *members, r->err);
    if (members == NULL)
        return false;
    if (!s.is_object)
        members[used++] = (tb_json_member){tb_str_of("type"), index};
    for (uint32_t i = 0; s.is_object && i < s.count; i++)
        if (!tb_str_equal(s.members[i].key, tb_str_of("required")) ||
            !(has_type(r, s.members[i].value, TB_JSON_TRUE) ||
              has_type(r, s.members[i].value, TB_JSON_FALSE)))
            members[used++] = s.members[i];
    *out = (schema){members, used, true};
    return true;
}

/* The properties of one object: required ones first, then by key. flat: the flat form. */
static bool properties(reader *r, schema list, const bool *required, bool flat, tb_str *path, uint32_t object,
                       const place *at, uint32_t depth)
{
    for (int round = 0; round < 2; round++) {
        for (uint32_t i = 0; i < list.count; i++) {
            tb_json_member m = list.members[i];
            place here = {at, m.key, false};
            schema s = schema_of(r, m.value);
            if (required[i] != (round == 0))
                continue;
            path[depth] = m.key;
            if ((flat && !flat_schema(r, m.value, &s)) ||
                !property(r, s, path, object, required[i], &here, depth + 1))
                return false;
        }
    }
    return true;
}

static bool read_object(reader *r, schema s, tb_str *path, uint32_t object, const place *at, uint32_t depth)
{
    uint32_t members = get(s, "properties"), names = get(s, "required");
    schema list = {NULL, 0, true};
    bool *required;
    if (!check_keywords(r, s, KIND_OBJECT, at))
        return false;
    if (depth >= TB_MAX_DEPTH)
        return FAIL(r, at, "objects nested deeper than %d", TB_MAX_DEPTH);
    if (members != TB_JSON_NONE)
        list = schema_of(r, members);
    if (!list.is_object || (names != TB_JSON_NONE && !has_type(r, names, TB_JSON_ARRAY)))
        return FAIL(r, at, "\"properties\" must be an object and \"required\" an array");
    required = tb_alloc(r->scratch, list.count, sizeof *required, r->err);
    if (required == NULL)
        return false;
    for (uint32_t i = names + 1; names != TB_JSON_NONE && i < node(r, names)->next; i = node(r, i)->next) {
        tb_str key = node(r, i)->text;
        const tb_json_member *m;
        if (!has_type(r, i, TB_JSON_STRING))
            return FAIL(r, at, "\"required\" must hold strings");
        m = tb_json_find(list.members, list.count, key);
        if (m == NULL)
            return FAIL(r, at, "required argument \"%.*s\" has no schema", (int)key.len, key.ptr);
        required[m - list.members] = true;
    }
    return properties(r, list, required, false, path, object, at, depth);
}

/* ---- tools ---------------------------------------------------------------------------------- */

/* JSON Schema, as opposed to the flat form {argument: schema}. */
static bool is_schema(const reader *r, schema s)
{
    uint32_t inner = get(s, "properties");
    return is_text(r, get(s, "type"), "object") || has_type(r, inner, TB_JSON_OBJECT) ||
           has_type(r, get(s, "$ref"), TB_JSON_STRING) || has_type(r, get(s, "anyOf"), TB_JSON_ARRAY) ||
           has_type(r, get(s, "oneOf"), TB_JSON_ARRAY);
}

static bool read_parameters(reader *r, schema s)
{
    place top = {NULL, {"", 0}, false};
    tb_str path[TB_MAX_DEPTH];
    bool *required;
    kind of;
    r->root = s;
    r->argument_count = r->value_count = 0;
    r->objects[0] = (tb_object){{"", 0}, 0, 0, true};
    r->object_count = 1;
    if (is_schema(r, s)) {
        if (!resolve(r, &s, &top) || !type_of(r, s, &top, &of))
            return false;
        if (of != KIND_OBJECT)
            return FAIL(r, &top, "parameters must be of type \"object\"");
        return read_object(r, s, path, 0, &top, 0);
    }
    required = tb_alloc(r->scratch, s.count, sizeof *required, r->err);
    if (required == NULL)
        return false;
    for (uint32_t i = 0; i < s.count; i++)
        required[i] = has_type(r, tb_json_get(r->json, s.members[i].value, tb_str_of("required")),
                               TB_JSON_TRUE);
    return properties(r, s, required, true, path, 0, &top, 0);
}

static void *keep(reader *r, const void *from, uint32_t count, size_t size)
{
    void *block = tb_alloc(r->arena, count, size, r->err);
    if (block != NULL)
        memcpy(block, from, count * size);
    return block;
}

static bool read_tool(reader *r, uint32_t index, unsigned number, tb_tool *out)
{
    static const char PARAMETERS[3][13] = {"parameters", "inputSchema", "input_schema"};
    schema parameters = {NULL, 0, true};
    uint32_t wrapped = tb_json_get(r->json, index, tb_str_of("function")), name;
    if (has_type(r, wrapped, TB_JSON_OBJECT))
        index = wrapped;
    name = tb_json_get(r->json, index, tb_str_of("name"));
    if (!has_type(r, name, TB_JSON_STRING) || node(r, name)->text.len == 0 ||
        node(r, name)->text.len > TB_MAX_TOOL_NAME)
        return tb_fail(r->err, TB_E_TOOLS, "tool %u has no usable name (1 to %d bytes)", number,
                       TB_MAX_TOOL_NAME);
    r->tool = out->name = node(r, name)->text;
    out->description = text_of(r, schema_of(r, index), "description");
    for (size_t i = 0; i < 3; i++) {
        uint32_t value = tb_json_get(r->json, index, tb_str_of(PARAMETERS[i]));
        if (value == TB_JSON_NONE || has_type(r, value, TB_JSON_NULL))
            continue;
        parameters = schema_of(r, value);
        break;
    }
    if (!parameters.is_object)
        return tb_fail(r->err, TB_E_SCHEMA, "tool \"%.*s\": parameters must be an object",
                       (int)r->tool.len, r->tool.ptr);
    if (!read_parameters(r, parameters))
        return false;
    out->argument_count = r->argument_count;
    out->object_count = r->object_count;
    out->value_count = r->value_count;
    out->arguments = keep(r, r->arguments, r->argument_count, sizeof *r->arguments);
    out->objects = keep(r, r->objects, r->object_count, sizeof *r->objects);
    return out->arguments != NULL && out->objects != NULL;
}

/* Checks that names differ and puts the tools into canonical order. */
static bool order_tools(reader *r)
{
    tb_tool *tools = r->out->tools;
    for (uint32_t i = 0; i < r->out->count; i++)
        for (uint32_t j = 0; j < i; j++)
            if (tb_str_equal(tools[i].name, tools[j].name))
                return tb_fail(r->err, TB_E_TOOLS, "two tools are called \"%.*s\"",
                               (int)tools[i].name.len, tools[i].name.ptr);
    for (uint32_t i = 1; i < r->out->count; i++) {
        tb_tool held = tools[i];
        uint32_t at = i;
        for (; at > 0 && tb_str_compare(held.name, tools[at - 1].name) < 0; at--)
            tools[at] = tools[at - 1];
        tools[at] = held;
    }
    return true;
}

tb_tools *tb_schema_read(tb_arena *arena, tb_arena *scratch, const char *text, size_t len, bool lenient,
                         tb_error *err)
{
    tb_json json;
    reader r;
    char *copy = tb_alloc(arena, len, 1, err); /* names and descriptions point into it */
    unsigned number = 0;
    if (copy == NULL)
        return NULL;
    memcpy(copy, text, len);
    if (!tb_json_parse(scratch, arena, copy, len, &json, err))
        return NULL;
    if (json.nodes[0].type != TB_JSON_ARRAY) {
        tb_fail(err, TB_E_TOOLS, "the tool list must be a JSON array");
        return NULL;
    }
    if (json.nodes[0].count > TB_MAX_TOOLS) {
        tb_fail(err, TB_E_TOOLS, "%u tools; at most %d are taken", (unsigned)json.nodes[0].count, TB_MAX_TOOLS);
        return NULL;
    }
    memset(&r, 0, sizeof r);
    r.arena = arena;
    r.scratch = scratch;
    r.json = &json;
    r.lenient = lenient;
    r.err = err;
    r.arguments = tb_alloc(scratch, TB_MAX_ARGUMENTS, sizeof *r.arguments, err);
    r.objects = tb_alloc(scratch, TB_MAX_OBJECTS, sizeof *r.objects, err);
    r.out = tb_alloc(arena, 1, sizeof *r.out, err);
    if (r.arguments == NULL || r.objects == NULL || r.out == NULL)
        return NULL;
    r.out->count = json.nodes[0].count;
    r.out->tools = tb_alloc(arena, r.out->count, sizeof *r.out->tools, err);
    if (r.out->tools == NULL)
        return NULL;
    for (uint32_t i = 1; i < json.nodes[0].next; i = json.nodes[i].next, number++)
        if (!read_tool(&r, i, number, &r.out->tools[number]))
            return NULL;
    return order_tools(&r) ? r.out : NULL;
}
