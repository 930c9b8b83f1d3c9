/* schema_values.c - strings, numbers, booleans and enums: their limits, and what satisfies them. */
#include "schema_inside.h"

#define INFINITE __builtin_inf()

/* ---- scalars -------------------------------------------------------------------------------- */

bool tb_length_fits(const tb_argument *a, size_t characters)
{
    return characters >= a->min_length &&
           (a->max_length == TB_NO_LIMIT || characters <= a->max_length);
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
    return x >= a->minimum && x <= a->maximum && x > a->exclusive_minimum &&
           x < a->exclusive_maximum && (a->multiple_of == 0 || is_multiple(x, a->multiple_of));
}

bool tb_number_fits(const tb_argument *a, tb_number number)
{
    return !(a->type == TB_INTEGER && number.scale != 0) &&
           limits_allow(a, tb_number_double(number));
}

static size_t characters(tb_str text)
{
    size_t n = 0;
    for (size_t i = 0; i < text.len; i++)
        n += ((uint8_t)text.ptr[i] & 0xc0) != 0x80;
    return n;
}

/* Whether an enum value is one that type (if `typed`, because one is given) and limits allow. */
static bool value_fits(const tb_schema_reader *r, const tb_argument *a, uint32_t value, bool typed)
{
    const tb_json_node *v = tb_schema_node(r, value);
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

static tb_value value_of(const tb_schema_reader *r, uint32_t value)
{
    const tb_json_node *v = tb_schema_node(r, value);
    tb_value_type type = v->type == TB_JSON_STRING   ? TB_VALUE_STRING
                         : v->type == TB_JSON_NUMBER ? TB_VALUE_NUMBER
                         : v->type == TB_JSON_TRUE   ? TB_VALUE_TRUE
                                                     : TB_VALUE_FALSE;
    return (tb_value){type, v->text};
}

/* Gathers the values other than null into `nodes`; *count may exceed TB_MAX_VALUES. */
static bool enum_nodes(tb_schema_reader *r, tb_schema s, const tb_place *at, uint32_t *nodes,
                       uint32_t *count)
{
    uint32_t constant = tb_schema_get(s, "const"), list = tb_schema_get(s, "enum");
    bool scalars = true;
    *count = 0;
    if (constant == TB_JSON_NONE && !tb_schema_is(r, list, TB_JSON_ARRAY))
        return FAIL(r, at, "\"enum\" must be an array");
    for (uint32_t i = constant != TB_JSON_NONE ? constant : list + 1;
         i < (constant != TB_JSON_NONE ? constant + 1 : tb_schema_node(r, list)->next);
         i = tb_schema_node(r, i)->next) {
        if (tb_schema_is(r, i, TB_JSON_NULL))
            continue;
        scalars = scalars && tb_schema_node(r, i)->type != TB_JSON_ARRAY &&
                  tb_schema_node(r, i)->type != TB_JSON_OBJECT;
        if (*count < TB_MAX_VALUES)
            nodes[*count] = i;
        ++*count;
    }
    if (*count < 1 || *count > TB_MAX_VALUES || !scalars)
        return FAIL(r, at, "\"enum\" must hold 1 to %d strings, numbers or booleans",
                    TB_MAX_VALUES);
    return true;
}

/* Keeps, each once, the values that type and limits (and a list beside "const") allow. */
static bool keep_values(tb_schema_reader *r, tb_argument *a, tb_schema s, const tb_place *at,
                        const uint32_t *nodes, uint32_t count)
{
    uint32_t list = tb_schema_get(s, "const") != TB_JSON_NONE ? tb_schema_get(s, "enum")
                                                              : TB_JSON_NONE,
             kept[TB_MAX_VALUES];
    tb_value *values;
    for (uint32_t i = 0; i < count; i++) {
        bool fits = value_fits(r, a, nodes[i], tb_schema_get(s, "type") != TB_JSON_NONE),
             listed = false;
        if (fits && tb_schema_is(r, list, TB_JSON_ARRAY)) {
            for (uint32_t e = list + 1; e < tb_schema_node(r, list)->next;
                 e = tb_schema_node(r, e)->next)
                listed = listed || tb_schema_same(r, nodes[i], e);
            fits = listed;
        }
        for (uint32_t k = 0; fits && k < a->value_count; k++)
            fits = !tb_schema_same(r, nodes[i], kept[k]);
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

static bool string_limits(tb_schema_reader *r, tb_argument *a, tb_schema s, const tb_place *at)
{
    uint32_t pattern = tb_schema_get(s, "pattern");
    char why[TB_PATTERN_WHY];
    if (!tb_schema_count(r, s, "minLength", 0, at, &a->min_length) ||
        !tb_schema_count(r, s, "maxLength", TB_NO_LIMIT, at, &a->max_length))
        return false;
    if (pattern != TB_JSON_NONE && !tb_schema_is(r, pattern, TB_JSON_NULL)) {
        if (!tb_schema_is(r, pattern, TB_JSON_STRING))
            return FAIL(r, at, "\"pattern\" must be a string");
        a->pattern = tb_pattern_compile(r->arena, tb_schema_node(r, pattern)->text, why, r->err);
        if (a->pattern == NULL)
            return r->err->status == TB_OK ? FAIL(r, at, "\"pattern\" %s", why) : false;
    }
    a->format = tb_format_named(tb_schema_text(r, s, "format"));
    return true;
}

static bool number_limits(tb_schema_reader *r, tb_argument *a, tb_schema s, const tb_place *at)
{
    if (!tb_schema_number(r, s, "minimum", -INFINITE, at, &a->minimum) ||
        !tb_schema_number(r, s, "maximum", INFINITE, at, &a->maximum) ||
        !tb_schema_number(r, s, "exclusiveMinimum", -INFINITE, at, &a->exclusive_minimum) ||
        !tb_schema_number(r, s, "exclusiveMaximum", INFINITE, at, &a->exclusive_maximum) ||
        !tb_schema_number(r, s, "multipleOf", -INFINITE, at, &a->multiple_of))
        return false;
    if (a->multiple_of == -INFINITE &&
        (tb_schema_get(s, "multipleOf") == TB_JSON_NONE ||
         tb_schema_is(r, tb_schema_get(s, "multipleOf"), TB_JSON_NULL)))
        a->multiple_of = 0;
    else if (!(a->multiple_of > 0))
        return FAIL(r, at, "\"multipleOf\" must be greater than 0");
    return true;
}

bool tb_schema_scalar(tb_schema_reader *r, tb_argument *a, tb_kind of, tb_schema s,
                      const tb_place *at)
{
    static const tb_value BOOLEANS[2] = {{TB_VALUE_TRUE, {"true", 4}},
                                         {TB_VALUE_FALSE, {"false", 5}}};
    uint32_t nodes[TB_MAX_VALUES], count = 0;
    if (!tb_schema_keywords(r, s, of, at))
        return false;
    a->type = of == TB_KIND_STRING    ? TB_STRING
              : of == TB_KIND_NUMBER  ? TB_NUMBER
              : of == TB_KIND_INTEGER ? TB_INTEGER
                                      : TB_BOOLEAN;
    if ((tb_schema_get(s, "const") != TB_JSON_NONE ||
         (tb_schema_get(s, "enum") != TB_JSON_NONE &&
          !tb_schema_is(r, tb_schema_get(s, "enum"), TB_JSON_NULL))) &&
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
