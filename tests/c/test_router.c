/* test_router.c - the front door with the embedded model: what it promises whatever it is fed. */
#include "json.h"
#include "kernels.h"
#include "router.h"
#include "test.h"

#define MODEL "models/tiny/model.safetensors"
#define VOCABULARY "models/tiny/vocab.txt"
#define TOOLS "tests/data/home.json"

typedef struct {
    char *weights, *vocabulary;
    size_t weights_len, vocabulary_len;
    tb_arena model, list_arena, scratch;
    tb_router *router;
    tb_list *list;
    tb_error err;
    char answer[1 << 16];
} fixture;

static void *memory(size_t size)
{
    void *block = aligned_alloc(64, (size + 63) / 64 * 64);
    if (!block) {
        printf("no memory\n0 passed, 1 failed\n");
        exit(1);
    }
    return block;
}

static void provide(tb_arena *arena, size_t size)
{
    free(arena->base);
    tb_arena_init(arena, memory(size), size);
}

/* Opens the router with the given kernels; the status. */
static tb_status open_with(fixture *f, const char *kernels, tb_numeric numeric)
{
    tb_router_options options = {numeric, kernels};
    f->err = (tb_error){0};
    f->router = NULL;
    provide(&f->scratch, TB_ROUTER_SCRATCH);
    size_t size = tb_router_size(&f->scratch, (uint8_t *)f->weights, f->weights_len, &f->err);
    if (!size)
        return f->err.status;
    provide(&f->model, size);
    f->router = tb_router_open(&f->model, (uint8_t *)f->weights, f->weights_len, f->vocabulary,
                               f->vocabulary_len, &options, &f->err);
    return f->err.status;
}

static void fixture_open(fixture *f, const char *kernels)
{
    memset(f, 0, sizeof *f);
    f->weights = test_read_file(MODEL, &f->weights_len);
    f->vocabulary = test_read_file(VOCABULARY, &f->vocabulary_len);
    CHECK_INT(open_with(f, kernels, TB_FAST), TB_OK);
}

static void fixture_close(fixture *f)
{
    free(f->model.base);
    free(f->list_arena.base);
    free(f->scratch.base);
    free(f->weights);
    free(f->vocabulary);
    test_file_count = 0;
}

static tb_status prepare(fixture *f, const char *tools, size_t len, bool lenient)
{
    f->err = (tb_error){0};
    f->list = NULL;
    provide(&f->scratch, tb_scratch_size(f->router, NULL, len));
    size_t size = tb_list_size(f->router, &f->scratch, tools, len, lenient, &f->err);
    if (!size)
        return f->err.status;
    provide(&f->list_arena, size);
    f->list = tb_list_prepare(f->router, &f->list_arena, &f->scratch, tools, len, lenient, &f->err);
    return f->err.status;
}

static tb_status route_bytes(fixture *f, const char *request, size_t len,
                             const tb_route_options *options)
{
    tb_str answer;
    f->err = (tb_error){0};
    f->answer[0] = '\0';
    provide(&f->scratch, tb_scratch_size(f->router, f->list, len));
    tb_route *route =
        tb_route_begin(f->router, f->list, &f->scratch, request, len, options, &f->err);
    if (route && tb_route_finish(route, &answer, &f->err)) {
        memcpy(f->answer, answer.ptr, answer.len);
        f->answer[answer.len] = '\0';
    }
    return f->err.status;
}

static tb_status route(fixture *f, const char *request)
{
    return route_bytes(f, request, strlen(request), &(tb_route_options){.decisions = true});
}

static void prepare_home(fixture *f)
{
    size_t len;
    char *tools = test_read_file(TOOLS, &len);
    CHECK_INT(prepare(f, tools, len, false), TB_OK);
    free(tools);
    test_file_count = 0;
}

static const char *const REQUESTS[] = {
    "make it 21 in the nursery",
    "play Clair de Lune in the kitchen and turn off the lights in the hall",
    "put eggs, milk and bread on the list",
    "what is the meaning of life",
    "TIMER twenty-five minutes!",
    "naïve café — “quoted” 100 %, \xf0\x9f\x8e\x89",
};
enum { REQUEST_COUNT = sizeof REQUESTS / sizeof *REQUESTS };

static void answers_are_json(void)
{
    fixture f;
    fixture_open(&f, NULL);
    prepare_home(&f);
    for (int i = 0; i < REQUEST_COUNT; i++) {
        tb_arena arena = {0};
        tb_json json;
        CHECK_INT(route(&f, REQUESTS[i]), TB_OK);
        provide(&arena, 1 << 20);
        CHECK(tb_json_parse(&arena, &arena, f.answer, strlen(f.answer), &json, &f.err));
        CHECK(tb_json_get(&json, 0, tb_str_of("calls")) != TB_JSON_NONE);
        free(arena.base);
    }
    fixture_close(&f);
}

/* The sample of `make run`. */
static void sets_the_thermostat(void)
{
    fixture f;
    fixture_open(&f, NULL);
    prepare_home(&f);
    CHECK_INT(route(&f, REQUESTS[0]), TB_OK);
    CHECK(strstr(
        f.answer,
        "\"name\":\"set_thermostat\",\"arguments\":{\"temperature\":21,\"room\":\"nursery\"}"));
    CHECK(strstr(f.answer, "\"span\":[8,10]"));
    fixture_close(&f);
}

static void kernels_agree(void)
{
    static char first[REQUEST_COUNT][1 << 16];
    for (size_t k = 0; k < tb_kernels_count(); k++) {
        fixture f;
        fixture_open(&f, tb_kernels_at(k)->name);
        prepare_home(&f);
        for (int i = 0; i < REQUEST_COUNT; i++) {
            CHECK_INT(route(&f, REQUESTS[i]), TB_OK);
            if (k == 0)
                strcpy(first[i], f.answer);
            else
                CHECK_STR(f.answer, first[i]);
        }
        fixture_close(&f);
    }
    CHECK(tb_kernels_count() > 1 || !strcmp(tb_kernels_at(0)->name, "c"));
}

static void order_does_not_matter(void)
{
    static const char FORWARD[] =
        "[{\"name\":\"alpha_light\",\"description\":\"Switch a "
        "light\",\"parameters\":{\"room\":\"string\",\"level\":\"integer\"}},"
        "{\"name\":\"beta_music\",\"description\":\"Play "
        "music\",\"parameters\":{\"title\":\"string\"}}]";
    static const char BACKWARD[] =
        "[{\"parameters\":{\"title\":\"string\"},\"description\":\"Play "
        "music\",\"name\":\"beta_music\"},"
        "{\"name\":\"alpha_light\",\"parameters\":{\"level\":\"integer\",\"room\":\"string\"},"
        "\"description\":\"Switch a light\"}]";
    static char answer[1 << 16];
    fixture f;
    fixture_open(&f, NULL);
    CHECK_INT(prepare(&f, FORWARD, sizeof FORWARD - 1, false), TB_OK);
    CHECK_INT(route(&f, "dim the bedroom to 30 and play Take Five"), TB_OK);
    strcpy(answer, f.answer);
    CHECK_INT(prepare(&f, BACKWARD, sizeof BACKWARD - 1, false), TB_OK);
    CHECK_INT(route(&f, "dim the bedroom to 30 and play Take Five"), TB_OK);
    CHECK_STR(f.answer, answer);
    fixture_close(&f);
}

/* Saving and loading changes nothing; any altered byte is noticed. */
static void prepared_bytes(void)
{
    static char before[1 << 16];
    fixture f;
    fixture_open(&f, NULL);
    prepare_home(&f);
    CHECK_INT(route(&f, REQUESTS[1]), TB_OK);
    strcpy(before, f.answer);
    size_t len = tb_list_saved_size(f.list);
    uint8_t *saved = memory(len);
    tb_list_save(f.list, saved);
    CHECK(tb_list_is_saved(saved, len));
    provide(&f.scratch, tb_scratch_size(f.router, NULL, len));
    size_t size = tb_list_load_size(f.router, &f.scratch, saved, len, &f.err);
    CHECK(size > 0);
    provide(&f.list_arena, size);
    f.list = tb_list_load(f.router, &f.list_arena, &f.scratch, saved, len, &f.err);
    CHECK(f.list != NULL);
    CHECK_INT(route(&f, REQUESTS[1]), TB_OK);
    CHECK_STR(f.answer, before);
    uint64_t seed = 7;
    for (int i = 0; i < 200; i++) {
        size_t at = test_random(&seed) % len;
        uint8_t flip = (uint8_t)(1 + test_random(&seed) % 255);
        saved[at] ^= flip;
        f.err = (tb_error){0};
        CHECK_INT(tb_list_load_size(f.router, &f.scratch, saved, len, &f.err), 0);
        CHECK_INT(f.err.status, TB_E_FORMAT);
        saved[at] ^= flip;
    }
    for (size_t cut = 0; cut < len; cut += cut < 80 ? 1 : 9973) {
        f.err = (tb_error){0};
        CHECK_INT(tb_list_load_size(f.router, &f.scratch, saved, cut, &f.err), 0);
        CHECK_INT(f.err.status, TB_E_FORMAT);
    }
    free(saved);
    fixture_close(&f);
}

static void refuses(fixture *f, const char *tools, tb_status status, const char *part)
{
    CHECK_INT(prepare(f, tools, strlen(tools), false), status);
    if (!CHECK(strstr(f->err.message, part) != NULL))
        printf("    message: %s\n", f->err.message);
}

static void bad_tools(void)
{
    fixture f;
    fixture_open(&f, NULL);
    refuses(&f, "[{\"name\":\"a\"", TB_E_JSON, "line 1");
    refuses(&f, "", TB_E_JSON, "");
    refuses(&f, "{}", TB_E_TOOLS, "array");
    refuses(&f, "[{\"description\":\"x\"}]", TB_E_TOOLS, "name");
    refuses(&f, "[{\"name\":\"a\"},{\"name\":\"a\"}]", TB_E_TOOLS, "\"a\"");
    refuses(&f,
            "[{\"name\":\"a\",\"parameters\":{\"type\":\"object\",\"properties\":{\"b\":{\"type\":"
            "\"string\",\"contentEncoding\":\"base64\"}}}}]",
            TB_E_SCHEMA, "contentEncoding");
    refuses(&f,
            "[{\"name\":\"a\",\"parameters\":{\"type\":\"object\",\"properties\":{\"b\":{\"oneOf\":"
            "[{\"type\":\"string\"},{\"type\":\"number\"}]}}}}]",
            TB_E_SCHEMA, "/parameters/properties/b");
    refuses(&f, "[{\"name\":\"\xff\"}]", TB_E_JSON, "UTF-8");
    CHECK_INT(prepare(&f, "[]", 2, false), TB_OK);
    CHECK_INT(route(&f, "hello"), TB_OK);
    CHECK(strstr(f.answer, "\"calls\":[],\"abstained\":true") != NULL);
    fixture_close(&f);
}

static void bad_requests(void)
{
    tb_route_options plain = {0};
    fixture f;
    fixture_open(&f, NULL);
    prepare_home(&f);
    CHECK_INT(route(&f, ""), TB_E_QUERY);
    CHECK_INT(route(&f, "   \n"), TB_E_QUERY);
    CHECK_INT(route(&f, "make it \xc3"), TB_E_QUERY);
    CHECK_INT(route_bytes(&f, "a\0b", 3, &plain), TB_OK);
    char *huge = memory(100000);
    memset(huge, 'x', 100000);
    CHECK_INT(route_bytes(&f, huge, 100000, &plain), TB_E_TOO_LONG);
    for (int i = 0; i < 100000; i++)
        huge[i] = "a 1,.-"[i % 6];
    CHECK_INT(route_bytes(&f, huge, 100000, &plain), TB_E_TOO_LONG);
    CHECK_INT(route_bytes(&f, huge, 300, &plain), TB_OK);
    free(huge);
    fixture_close(&f);
}

static void options(void)
{
    fixture f;
    fixture_open(&f, NULL);
    prepare_home(&f);
    const char *request = REQUESTS[1];
    size_t len = strlen(request);
    CHECK_INT(route_bytes(&f, request, len, &(tb_route_options){.max_calls = 9}), TB_E_OPTION);
    CHECK_INT(
        route_bytes(&f, request, len,
                    &(tb_route_options){.tool_choice = TB_CHOICE_TOOL, .tool = tb_str_of("nope")}),
        TB_E_OPTION);
    CHECK_INT(route_bytes(&f, request, len, &(tb_route_options){.tool_choice = TB_CHOICE_NONE}),
              TB_OK);
    CHECK(strstr(f.answer, "\"calls\":[]") != NULL);
    CHECK_INT(route_bytes(&f, request, len,
                          &(tb_route_options){.tool_choice = TB_CHOICE_TOOL,
                                              .tool = tb_str_of("set_light")}),
              TB_OK);
    CHECK(strstr(f.answer, "set_light") != NULL && strstr(f.answer, "play_music") == NULL);
    CHECK_INT(route_bytes(&f, "what is the meaning of life", 27,
                          &(tb_route_options){.tool_choice = TB_CHOICE_REQUIRED}),
              TB_OK);
    CHECK(strstr(f.answer, "\"calls\":[],") == NULL ||
          strstr(f.answer, "\"incomplete\":[{") != NULL);
    CHECK(tb_router_min_confidence(f.router) >= 0 && tb_router_min_confidence(f.router) < 1);
    CHECK_INT(route_bytes(&f, request, len, &(tb_route_options){.min_confidence = 1}), TB_OK);
    CHECK(strstr(f.answer, "\"calls\":[],\"abstained\":true") != NULL);
    CHECK_INT(route_bytes(&f, request, len, &(tb_route_options){.min_confidence = 1.5}), TB_E_OPTION);
    CHECK_INT(route_bytes(&f, request, len, &(tb_route_options){.min_confidence = -0.5}), TB_E_OPTION);
    CHECK_INT(route_bytes(&f, request, len, &(tb_route_options){.max_calls = 1}), TB_OK);
    const char *name = strstr(f.answer, "{\"name\"");
    CHECK(name != NULL && strstr(name + 1, "{\"name\"") == NULL);
    fixture_close(&f);
}

/* Writes another number of the same length over the metadata's none_above. */
static void set_none_above(fixture *f, const char *text)
{
    static const char key[] = "\"none_above\":\"";
    for (size_t i = 0; i + sizeof key + strlen(text) < f->weights_len; i++)
        if (!memcmp(f->weights + i, key, sizeof key - 1)) {
            memcpy(f->weights + i + sizeof key - 1, text, strlen(text));
            return;
        }
    CHECK(!"none_above is not in the metadata");
}

static void makes_no_call_above_the_threshold(void)
{
    fixture f;
    const char *request = "turn on the lights in the hall";
    fixture_open(&f, NULL);
    set_none_above(&f, "0.0");
    CHECK_INT(open_with(&f, NULL, TB_FAST), TB_OK);
    prepare_home(&f);
    CHECK_INT(route_bytes(&f, request, strlen(request), &(tb_route_options){0}), TB_OK);
    CHECK(strstr(f.answer, "\"calls\":[],\"abstained\":true") != NULL);
    CHECK_INT(route_bytes(&f, request, strlen(request), &(tb_route_options){.tool_choice = TB_CHOICE_REQUIRED}), TB_OK);
    CHECK(strstr(f.answer, "\"calls\":[]") == NULL); /* END is not allowed then */
    set_none_above(&f, "1.0");
    CHECK_INT(open_with(&f, NULL, TB_FAST), TB_OK);
    prepare_home(&f);
    CHECK_INT(route_bytes(&f, request, strlen(request), &(tb_route_options){0}), TB_OK);
    CHECK(strstr(f.answer, "\"calls\":[]") == NULL);
    set_none_above(&f, "1.1");
    CHECK_INT(open_with(&f, NULL, TB_FAST), TB_E_FORMAT);
    fixture_close(&f);
}

static void ranks(void)
{
    fixture f;
    tb_str answer;
    fixture_open(&f, NULL);
    prepare_home(&f);
    provide(&f.scratch, tb_scratch_size(f.router, f.list, 64));
    tb_route *begun = tb_route_begin(f.router, f.list, &f.scratch, "start a countdown of 5 minutes",
                                     30, &(tb_route_options){0}, &f.err);
    CHECK(begun && tb_route_rank(begun, 2, &answer, &f.err));
    CHECK(answer.len > 0 && !strncmp(answer.ptr, "{\"tools\":[{\"name\":\"set_timer\"", 29));
    CHECK(!tb_route_rank(begun, 2, &answer, &f.err));
    fixture_close(&f);
}

/* Weights cut off or altered anywhere give an error or a router, never more than its arena. */
static void bad_weights(void)
{
    fixture f;
    fixture_open(&f, NULL);
    size_t whole = f.weights_len;
    static const size_t CUTS[] = {0, 1, 7, 8, 9, 100, 1000, 5000, 20000, 100000, 3000000};
    for (size_t i = 0; i < sizeof CUTS / sizeof *CUTS; i++) {
        f.weights_len = CUTS[i];
        CHECK_INT(open_with(&f, NULL, TB_FAST), TB_E_FORMAT);
    }
    f.weights_len = whole - 1;
    CHECK_INT(open_with(&f, NULL, TB_FAST), TB_E_FORMAT);
    f.weights_len = whole;
    uint64_t seed = 3;
    for (int i = 0; i < 60; i++) {
        size_t at = test_random(&seed) % 16384;
        char old = f.weights[at];
        f.weights[at] = (char)(old ^ (1 + test_random(&seed) % 255));
        tb_status status = open_with(&f, NULL, TB_FAST);
        CHECK(status == TB_OK || status == TB_E_FORMAT);
        f.weights[at] = old;
    }
    size_t len = f.vocabulary_len;
    f.vocabulary_len = len / 2;
    CHECK_INT(open_with(&f, NULL, TB_FAST), TB_E_FORMAT);
    f.vocabulary_len = len;
    CHECK_INT(open_with(&f, "sse9", TB_FAST), TB_E_OPTION);
    fixture_close(&f);
}

/* 30 tools: more than are decided among. */
static void prepare_long_list(fixture *f)
{
    static char tools[30 * 128];
    size_t len = 0;
    for (int i = 0; i < 30; i++)
        len += (size_t)snprintf(tools + len, sizeof tools - len,
                                "%s{\"name\":\"tool_%d\",\"description\":\"Switch lamp %d on\"}", i ? "," : "[", i, i);
    len += (size_t)snprintf(tools + len, sizeof tools - len, "]");
    CHECK_INT(prepare(f, tools, len, false), TB_OK);
}

static void long_lists(void)
{
    fixture f;
    fixture_open(&f, NULL);
    prepare_long_list(&f);
    CHECK_INT(route(&f, "switch lamp 7 on"), TB_OK);
    size_t enough = tb_scratch_size(f.router, f.list, 16);
    for (int i = 0; i < 64; i++) {
        f.err = (tb_error){0};
        provide(&f.scratch, enough * (size_t)i / 64 + 64);
        tb_route *begun = tb_route_begin(f.router, f.list, &f.scratch, "switch lamp 7 on", 16,
                                         &(tb_route_options){0}, &f.err);
        CHECK(begun || f.err.status == TB_E_NOMEM);
    }
    fixture_close(&f);
}

/* The largest floats in a norm, so that scores are infinite or no numbers: an error, for short and long lists. */
static void absurd_weights(void)
{
    fixture f;
    fixture_open(&f, NULL);
    uint64_t header;
    memcpy(&header, f.weights, sizeof header);
    const char *entry = strstr(f.weights + 8, "\"decoder_final_norm\"");
    const char *offsets = entry ? strstr(entry, "\"data_offsets\":[") : NULL;
    CHECK(offsets != NULL && offsets < f.weights + 8 + header);
    char *norm = f.weights + 8 + header + strtoul(offsets + 16, NULL, 10);
    for (int i = 0; i < 256; i++)
        memcpy(norm + 4 * i, &(float){i % 2 ? 3e38f : -3e38f}, 4);
    CHECK_INT(open_with(&f, NULL, TB_EXACT), TB_OK);
    prepare_home(&f);
    CHECK_INT(route(&f, REQUESTS[0]), TB_E_FORMAT);
    prepare_long_list(&f);
    CHECK_INT(route(&f, REQUESTS[0]), TB_E_FORMAT);
    fixture_close(&f);
}

/* Too little memory anywhere is E_NOMEM, not a crash. */
static void tight_memory(void)
{
    fixture f;
    fixture_open(&f, NULL);
    prepare_home(&f);
    size_t enough = tb_scratch_size(f.router, f.list, 40);
    for (int i = 0; i < 64; i++) {
        tb_str answer;
        f.err = (tb_error){0};
        provide(&f.scratch, enough * (size_t)i / 64 + 64);
        tb_route *begun = tb_route_begin(f.router, f.list, &f.scratch, REQUESTS[0], 25,
                                         &(tb_route_options){0}, &f.err);
        bool ok = begun && tb_route_finish(begun, &answer, &f.err);
        CHECK(ok || f.err.status == TB_E_NOMEM);
    }
    size_t size = f.list_arena.used, len;
    char *tools = test_read_file(TOOLS, &len);
    provide(&f.scratch, tb_scratch_size(f.router, NULL, len));
    for (int i = 0; i < 16; i++) {
        f.err = (tb_error){0};
        provide(&f.list_arena, size * (size_t)i / 16 + 64);
        CHECK(!tb_list_prepare(f.router, &f.list_arena, &f.scratch, tools, len, false, &f.err));
        CHECK_INT(f.err.status, TB_E_NOMEM);
    }
    fixture_close(&f);
}

int main(void)
{
    RUN(answers_are_json);
    RUN(sets_the_thermostat);
    RUN(kernels_agree);
    RUN(order_does_not_matter);
    RUN(prepared_bytes);
    RUN(bad_tools);
    RUN(bad_requests);
    RUN(options);
    RUN(makes_no_call_above_the_threshold);
    RUN(ranks);
    RUN(bad_weights);
    RUN(long_lists);
    RUN(absurd_weights);
    RUN(tight_memory);
    return test_end();
}
