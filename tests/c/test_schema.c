/* test_schema.c - tool definitions against the Python reference (tests/golden/schemas.jsonl): the
 * internal form, the reports of what was ignored, and errors with their wording. */
#include "jsonl.h"

#include "../../src/schema.h"

static uint8_t memory[8 << 20];

static tb_tools *read_tools(tb_str text, bool lenient, tb_error *err)
{
    static uint8_t scratch_memory[8 << 20];
    tb_arena arena, scratch;
    tb_tools *tools;
    memset(err, 0, sizeof *err);
    tb_arena_init(&arena, memory, sizeof memory);
    tb_arena_init(&scratch, scratch_memory, sizeof scratch_memory);
    tools = tb_schema_read(&arena, &scratch, text.ptr, text.len, lenient, err);
    memset(scratch_memory, 0xaa, scratch.peak); /* nothing in the result may point there */
    return tools;
}

/* ---- comparing with the golden form --------------------------------------------------------- */

/* The golden values of one array, one after another. */
typedef struct {
    const tb_json *json;
    uint32_t at;
} cursor;

static const tb_json_node *next(cursor *c)
{
    const tb_json_node *n = &c->json->nodes[c->at];
    c->at = n->next;
    return n;
}

static cursor into(const tb_json *json, const tb_json_node *array)
{
    return (cursor){json, (uint32_t)(array - json->nodes) + 1};
}

static void check_text(const tb_json_node *want, tb_str got)
{
    if (!CHECK(want->type == TB_JSON_STRING && tb_str_equal(want->text, got)))
        printf("    line %d: got \"%.*s\", want \"%.*s\"\n", test_line, (int)got.len, got.ptr,
               (int)want->text.len, want->text.ptr);
}

static void check_int(const tb_json_node *want, long long got, long long if_null)
{
    long long value = want->type == TB_JSON_NULL ? if_null : (long long)tb_json_double(want->text);
    if (want->type == TB_JSON_TRUE || want->type == TB_JSON_FALSE)
        value = want->type == TB_JSON_TRUE;
    if (!CHECK_INT(got, value))
        printf("    line %d\n", test_line);
}

static void check_limit(const tb_json_node *want, double got, double if_null)
{
    char text[64];
    double value = if_null;
    snprintf(text, sizeof text, "%.*s", (int)want->text.len, want->text.ptr);
    if (want->type != TB_JSON_NULL)
        value = strtod(text, NULL); /* reads "inf" as well */
    if (!CHECK(got == value))
        printf("    line %d: got %g, want %g\n", test_line, got, value);
}

static void check_values(cursor values, uint32_t count, const tb_argument *a)
{
    CHECK_INT(a->value_count, count);
    for (uint32_t i = 0; i < count; i++) {
        static uint8_t room[4096];
        tb_arena arena;
        tb_json_writer w;
        tb_error err = {TB_OK, {0}};
        tb_str got;
        tb_arena_init(&arena, room, sizeof room);
        CHECK(tb_json_writer_begin(&w, &arena, 2048, &err));
        if (a->values[i].type == TB_VALUE_STRING)
            tb_json_string(&w, a->values[i].text);
        else
            tb_json_bytes(&w, a->values[i].text);
        CHECK(tb_json_writer_end(&w, &got, &err));
        check_text(next(&values), got);
    }
}

static void check_argument(cursor c, const tb_argument *a)
{
    static const char *const TYPES[] = {"string", "number", "integer", "boolean", "enum"};
    const double inf = 1e300 * 1e300;
    const tb_json_node *path = next(&c), *limits, *values;
    cursor keys = into(c.json, path), l;
    tb_str format;
    CHECK_INT(a->depth, path->count);
    for (uint32_t i = 0; i < a->depth; i++)
        check_text(next(&keys), a->path[i]);
    check_text(next(&c), tb_str_of(TYPES[a->type]));
    check_text(next(&c), a->description);
    check_int(next(&c), a->required, 0);
    check_int(next(&c), a->object, 0);
    check_int(next(&c), a->array, 0);
    check_int(next(&c), a->unique_items, 0);
    check_int(next(&c), a->min_items, 0);
    check_int(next(&c), a->max_items, TB_NO_LIMIT);
    limits = next(&c);
    l = into(c.json, limits);
    check_limit(next(&l), a->minimum, -inf);
    check_limit(next(&l), a->maximum, inf);
    check_limit(next(&l), a->exclusive_minimum, -inf);
    check_limit(next(&l), a->exclusive_maximum, inf);
    check_limit(next(&l), a->multiple_of, 0);
    check_int(next(&c), a->min_length, 0);
    check_int(next(&c), a->max_length, TB_NO_LIMIT);
    format = next(&c)->text;
    CHECK_INT(a->format, tb_format_named(format)); /* null is no format's name */
    check_int(next(&c), a->pattern != NULL, 0);
    values = next(&c);
    check_values(into(c.json, values), values->count, a);
}

static void check_objects(cursor objects, cursor places, uint32_t count, const tb_tool *tool)
{
    CHECK_INT(tool->object_count, count + 1);
    for (uint32_t i = 1; i <= count && i < tool->object_count; i++) {
        cursor o = into(objects.json, next(&objects)), p = into(places.json, next(&places));
        check_int(next(&o), tool->objects[i].parent, 0);
        check_int(next(&o), tool->objects[i].required, 0);
        check_text(next(&p), tool->objects[i].key);
        check_int(next(&p), tool->objects[i].first, 0);
    }
}

static void check_tool(cursor c, const tb_tool *tool)
{
    const tb_json_node *objects, *places, *arguments;
    cursor a;
    uint32_t values = 0;
    check_text(next(&c), tool->name);
    check_text(next(&c), tool->description);
    objects = next(&c);
    places = next(&c);
    check_objects(into(c.json, objects), into(c.json, places), objects->count, tool);
    arguments = next(&c);
    if (!CHECK_INT(tool->argument_count, arguments->count))
        return;
    a = into(c.json, arguments);
    for (uint32_t i = 0; i < tool->argument_count; i++) {
        check_argument(into(c.json, next(&a)), &tool->arguments[i]);
        CHECK_INT(tool->arguments[i].first_value, values);
        values += tool->arguments[i].value_count;
    }
    CHECK_INT(tool->value_count, values);
}

static void check_line(const tb_json *json, void *with)
{
    tb_error err;
    bool lenient = jsonl_node(json, jsonl_find(json, 0, "lenient"))->type == TB_JSON_TRUE;
    tb_tools *tools = read_tools(jsonl_text(json, 0, "tools"), lenient, &err);
    uint32_t error = jsonl_find(json, 0, "error");
    int *seen = with;
    cursor c;
    if (error != TB_JSON_NONE) {
        seen[0]++;
        CHECK(tools == NULL);
        check_text(&json->nodes[error + 1], tb_str_of(tb_status_name(err.status)));
        check_text(&json->nodes[error + 2], tb_str_of(err.message));
        return;
    }
    seen[1]++;
    if (!CHECK(tools != NULL)) {
        printf("    line %d: %s\n", test_line, err.message);
        return;
    }
    error = jsonl_find(json, 0, "form");
    if (!CHECK_INT(tools->count, jsonl_node(json, error)->count))
        return;
    c = (cursor){json, error + 1};
    for (uint32_t i = 0; i < tools->count; i++)
        check_tool(into(json, next(&c)), &tools->tools[i]);
    error = jsonl_find(json, 0, "ignored");
    CHECK_INT(tools->ignored_count, jsonl_node(json, error)->count);
    c = (cursor){json, error + 1};
    for (uint32_t i = 0; i < tools->ignored_count && i < TB_MAX_IGNORED; i++)
        check_text(next(&c), tools->ignored[i]);
}

static void golden(void)
{
    int seen[2] = {0, 0}; /* errors, forms */
    jsonl_each("tests/golden/schemas.jsonl", 400, check_line, seen);
    CHECK(seen[0] > 100 && seen[1] > 100);
}

/* ---- what the golden file cannot hold ------------------------------------------------------- */

static void check_error(const char *text, tb_status status, const char *message)
{
    tb_error err;
    CHECK(read_tools(tb_str_of(text), false, &err) == NULL);
    CHECK_STR(tb_status_name(err.status), tb_status_name(status));
    CHECK_STR(err.message, message);
}

static void errors(void)
{
    check_error("[", TB_E_JSON, "JSON: the text ends too early at line 1, column 2");
    check_error("[{\"name\":\"a\",\"name\":\"b\"}]", TB_E_JSON,
                "JSON: a key that the object has already at line 1, column 14");
    check_error("{}", TB_E_TOOLS, "the tool list must be a JSON array");
    check_error("[{\"name\":\"x\",\"parameters\":{\"type\":\"object\",\"properties\":{\"y\":{"
                "\"oneOf\":[{\"type\":\"string\"},"
                "{\"type\":\"number\"}]}}}}]",
                TB_E_SCHEMA,
                "tool \"x\": keyword \"oneOf\" with several types is not enforced at "
                "/parameters/properties/y");
}

/* References that multiply: 64 properties, each an object of 64, and so on. */
static void hostile_references(void)
{
    static char text[20000];
    size_t used = 0;
    tb_error err;
    used += (size_t)snprintf(
        text, sizeof text, "[{\"name\":\"x\",\"parameters\":{\"type\":\"object\",\"properties\":{");
    for (int i = 0; i < 64; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s\"p%d\":{\"$ref\":\"#/d/0\"}",
                                 i ? "," : "", i);
    used += (size_t)snprintf(text + used, sizeof text - used, "},\"d\":[]}}]");
    CHECK(read_tools(tb_str_of(text), true, &err) == NULL);
    used = (size_t)snprintf(text, sizeof text,
                            "[{\"name\":\"x\",\"parameters\":{\"type\":\"object\",\"$defs\":{");
    for (int level = 0; level < 3; level++) {
        used += (size_t)snprintf(text + used, sizeof text - used,
                                 "%s\"l%d\":{\"type\":\"object\",\"properties\":{",
                                 level ? "," : "", level);
        for (int i = 0; i < 64; i++)
            used += (size_t)snprintf(
                text + used, sizeof text - used, "%s\"p%d\":%s%d%s", i ? "," : "", i,
                level < 2 ? "{\"$ref\":\"#/$defs/l" : "{\"type\":\"object\",\"x-\":", level + 1,
                level < 2 ? "\"}" : "}");
        used += (size_t)snprintf(text + used, sizeof text - used, "}}");
    }
    snprintf(text + used, sizeof text - used,
             "},\"properties\":{\"a\":{\"$ref\":\"#/$defs/l0\"}}}}]");
    CHECK(read_tools(tb_str_of(text), true, &err) == NULL);
    CHECK_INT(err.status, TB_E_SCHEMA);
}

static void out_of_memory(void)
{
    const char *text = "[{\"name\":\"x\",\"description\":\"\\u00e9\",\"parameters\":{\"a\":{"
                       "\"type\":\"string\",\"pattern\":\"^[a-z]+$\"},"
                       "\"b\":{\"enum\":[1,2]},\"c\":{\"anyOf\":[{\"type\":\"null\"},{\"type\":"
                       "\"string\"}],\"not\":{}}}}]";
    static uint8_t room[1 << 16];
    bool done = false;
    for (size_t size = 0; size < sizeof room; size += 64) {
        tb_arena arena;
        tb_error err = {TB_OK, {0}};
        tb_arena_init(&arena, room, size);
        if (tb_schema_read(&arena, &arena, text, strlen(text), true, &err) == NULL)
            CHECK(err.status == TB_E_NOMEM && !done);
        else
            done = true;
    }
    CHECK(done);
}

static void formats(void)
{
    static const struct {
        const char *format, *text;
        bool fits;
    } CASES[] = {
        {"date", "2024-02-29", true},
        {"date", "2023-02-29", false},
        {"date", "1900-02-29", false},
        {"date", "2000-02-29", true},
        {"date", "2024-13-01", false},
        {"date", "2024-00-10", false},
        {"date", "2024-1-01", false},
        {"date", "2024-04-31", false},
        {"date", "2024-04-300", false},
        {"time", "12:00:00Z", true},
        {"time", "12:00:00.5z", true},
        {"time", "24:00:00Z", false},
        {"time", "12:00:00", false},
        {"time", "12:00:00+24:00", false},
        {"time", "12:00:00-08:30", true},
        {"time", "12:00:00.Z", false},
        {"date-time", "2024-01-02T03:04:05Z", true},
        {"date-time", "2024-01-02 03:04:05Z", false},
        {"date-time", "2024-01-02T", false},
        {"email", "a.b@c.io", true},
        {"email", "a..b@c.io", false},
        {"email", "@c.io", false},
        {"email", "a@", false},
        {"email", "a@b@c.io", false},
        {"email", "a@-c.io", false},
        {"uri", "https://x.org/p?q=1#top", true},
        {"uri", "x", false},
        {"uri", "a:", false},
        {"uri", "a:#b#c", false},
        {"uri", "a:%4g", false},
        {"url", "mailto:a@b", true},
        {"uri", "1a:b", false},
        {"uri", "a:b c", false},
        {"ipv4", "10.0.0.1", true},
        {"ipv4", "256.0.0.1", false},
        {"ipv4", "1.2.3", false},
        {"ipv4", "01.2.3.4", false},
        {"ipv4", "1.2.3.4.5", false},
        {"ipv4", "1.2.3.", false},
        {"ipv6", "::", true},
        {"ipv6", "::1", true},
        {"ipv6", "1::", true},
        {"ipv6", "2001:db8::8:800:200c:417a", true},
        {"ipv6", "1:2:3:4:5:6:7:8", true},
        {"ipv6", "1:2:3:4:5:6:7", false},
        {"ipv6", "1:2:3:4:5:6:7::8", false},
        {"ipv6", "1::2::3", false},
        {"ipv6", ":::", false},
        {"ipv6", "::1.2.3.4", true},
        {"ipv6", "1.2.3.4::", false},
        {"ipv6", "1:2:3:4:5:6:1.2.3.4", true},
        {"ipv6", "12345::", false},
        {"ipv6", "", false},
        {"hostname", "a.b-c.d", true},
        {"hostname", "-a", false},
        {"hostname", "a..b", false},
        {"hostname", "a.", false},
        {"hostname", "", false},
        {"uuid", "123e4567-e89b-12d3-a456-426614174000", true},
        {"uuid", "123e4567-e89b-12d3-a456-42661417400", false},
        {"uuid", "123e4567-e89b-12d3-a456-42661417400g", false},
        {"other", "anything", true},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++)
        if (!CHECK_INT(tb_format_fits(tb_format_named(tb_str_of(CASES[i].format)),
                                      tb_str_of(CASES[i].text)),
                       CASES[i].fits))
            printf("    %s: %s\n", CASES[i].format, CASES[i].text);
}

static void multiples(void)
{
    tb_argument a;
    memset(&a, 0, sizeof a);
    a.type = TB_NUMBER;
    a.minimum = a.exclusive_minimum = -1e300 * 1e300;
    a.maximum = a.exclusive_maximum = 1e300 * 1e300;
    a.multiple_of = 0.1;
    CHECK(tb_number_fits(&a, (tb_number){3, 1}) && !tb_number_fits(&a, (tb_number){35, 2}));
    a.multiple_of = 2e9; /* a quotient of 5e-10 is no multiple */
    CHECK(!tb_number_fits(&a, (tb_number){1, 0}) && tb_number_fits(&a, (tb_number){0, 0}));
    CHECK(!tb_number_fits(&a, (tb_number){2000000001, 0}) &&
          tb_number_fits(&a, (tb_number){-4000000000, 0}));
    a.multiple_of = 1e-320;
    CHECK(!tb_number_fits(&a, (tb_number){1, 0}));
    a.multiple_of = 0;
    a.type = TB_INTEGER;
    CHECK(!tb_number_fits(&a, (tb_number){15, 1}) && tb_number_fits(&a, (tb_number){15, 0}));
}

int main(void)
{
    RUN(golden);
    RUN(errors);
    RUN(hostile_references);
    RUN(out_of_memory);
    RUN(formats);
    RUN(multiples);
    return test_end();
}
