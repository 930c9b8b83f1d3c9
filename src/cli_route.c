/* cli_route.c - the commands route, batch and prepare. */
#include "cli.h"
#include "json.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_TOOLS_FILE = 256 << 20, MAX_LINE = 64 << 20 };

/* The byte behind the string that begins at text[at]. The text is valid JSON. */
static size_t string_end(tb_str text, size_t at)
{
    for (at++; at < text.len && text.ptr[at] != '"'; at++)
        if (text.ptr[at] == '\\')
            at++;
    return at + 1;
}

/* The spelling of a node's value in the text that was parsed. */
static tb_str value_text(tb_str text, const tb_json_node *node)
{
    size_t at = node->type == TB_JSON_STRING ? node->at - 1 : node->at; /* with its quote */
    size_t end = at, depth = 0;
    do {
        char c = text.ptr[end];
        if (c == '"') {
            end = string_end(text, end);
            continue;
        }
        if (depth == 0 && memchr(",]} \t\r\n", c, 7))
            break;
        if (c == '{' || c == '[')
            depth++;
        if (c == '}' || c == ']')
            depth--;
        end++;
    } while (end < text.len && (depth || !memchr("\"]}", text.ptr[end - 1], 3)));
    return (tb_str){text.ptr + at, end - at};
}

/* {"name":..,"arguments":..} of each call, or OpenAI's tool_calls. */
static void print_calls(tb_str answer, const tb_json *json, bool openai)
{
    uint32_t calls = tb_json_get(json, 0, tb_str_of("calls")), call = calls + 1;
    fputs(openai ? "{\"tool_calls\":[" : "[", stdout);
    for (uint32_t i = 0; i < json->nodes[calls].count; i++, call = json->nodes[call].next) {
        uint32_t name = tb_json_get(json, call, tb_str_of("name"));
        uint32_t arguments = tb_json_get(json, call, tb_str_of("arguments"));
        tb_str n = value_text(answer, &json->nodes[name]);
        tb_str a = value_text(answer, &json->nodes[arguments]);
        if (i)
            putchar(',');
        if (!openai) {
            printf("{\"name\":%.*s,\"arguments\":%.*s}", (int)n.len, n.ptr, (int)a.len, a.ptr);
            continue;
        }
        printf("{\"id\":\"call_%u\",\"type\":\"function\",\"function\":{\"name\":%.*s,"
               "\"arguments\":\"",
               i, (int)n.len, n.ptr);
        for (size_t k = 0; k < a.len; k++) {
            if (a.ptr[k] == '"' || a.ptr[k] == '\\')
                putchar('\\');
            putchar(a.ptr[k]);
        }
        fputs("\"}}", stdout);
    }
    puts(openai ? "]}" : "]");
}

static bool run_route(cli_session *s, const char *request, const cli_options *o, tb_error *err)
{
    tb_route_options how = {0};
    tb_str answer;
    tb_json json;
    if (!cli_ready(s, strlen(request), err))
        return false;
    double begun = cli_now();
    tb_route *route =
        tb_route_begin(s->router, s->list, &s->scratch, request, strlen(request), &how, err);
    double encoded = cli_now();
    if (!route || !tb_route_finish(route, &answer, err))
        return false;
    double decoded = cli_now();
    if (!tb_json_parse(&s->scratch, &s->scratch, answer.ptr, answer.len, &json, err))
        return false;
    print_calls(answer, &json, o->openai);
    if (o->time)
        printf("load %.1f ms, encode %.2f ms, decode %.2f ms\n", s->load_ms, encoded - begun,
               decoded - encoded);
    return true;
}

int cli_route(const cli_options *o)
{
    tb_error err = {0};
    cli_session session = {0};
    cli_file tools = {0};
    bool ok = true;
    if (!o->tools)
        ok = tb_fail(&err, TB_E_OPTION, "route needs --tools FILE");
    if (ok && !o->texts)
        ok = tb_fail(&err, TB_E_OPTION, "route needs a request in quotes");
    ok = ok && cli_read(o->tools, MAX_TOOLS_FILE, &tools, &err) && cli_open(&session, o, &err) &&
         cli_prepare(&session, (char *)tools.bytes, tools.size, o->lenient, &err) &&
         run_route(&session, o->text[0], o, &err);
    free(tools.bytes);
    cli_close(&session);
    return ok ? 0 : cli_report(&err);
}

int cli_prepare_command(const cli_options *o)
{
    tb_error err = {0};
    cli_session session = {0};
    cli_file tools = {0};
    uint8_t *saved = NULL;
    bool ok = true;
    if (!o->tools || !o->output)
        ok = tb_fail(&err, TB_E_OPTION, "prepare needs --tools FILE and -o FILE");
    ok = ok && cli_read(o->tools, MAX_TOOLS_FILE, &tools, &err) && cli_open(&session, o, &err) &&
         cli_prepare(&session, (char *)tools.bytes, tools.size, o->lenient, &err);
    if (ok) {
        size_t size = tb_list_saved_size(session.list);
        saved = malloc(size);
        ok = saved ? true : tb_fail(&err, TB_E_NOMEM, "no memory for %zu bytes", size);
        if (ok)
            tb_list_save(session.list, saved);
        ok = ok && cli_write(o->output, saved, size, &err);
    }
    free(saved);
    free(tools.bytes);
    cli_close(&session);
    return ok ? 0 : cli_report(&err);
}

/* ---- batch ----------------------------------------------------------------------------------- */

typedef struct {
    cli_session session;
    const cli_options *options;
    char *tools; /* text of the list that the session holds */
    size_t tools_len;
    tb_arena parse;
} batch;

/* Prepares the line's tools unless they are those of the line before. */
static bool use_tools(batch *b, tb_str tools, tb_error *err)
{
    if (b->session.list && b->tools_len == tools.len && !memcmp(b->tools, tools.ptr, tools.len))
        return true;
    b->session.list = NULL;
    char *copy = realloc(b->tools, tools.len + 1);
    if (!copy)
        return tb_fail(err, TB_E_NOMEM, "no memory for the tools");
    memcpy(copy, tools.ptr, tools.len);
    b->tools = copy;
    b->tools_len = tools.len;
    return cli_prepare(&b->session, copy, tools.len, b->options->lenient, err);
}

static void print_text(const char *text)
{
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            putchar('\\');
        putchar(*text);
    }
}

static void print_failure(tb_str id, const tb_error *err)
{
    printf("{\"id\":%.*s,\"error\":{\"code\":\"%s\",\"message\":\"", (int)id.len, id.ptr,
           tb_status_name(err->status));
    print_text(err->message);
    puts("\"}}");
}

static bool route_line(batch *b, tb_str text, tb_str *id, tb_error *err)
{
    tb_json json;
    tb_arena_reset(&b->parse, 0);
    if (!tb_json_parse(&b->parse, &b->parse, text.ptr, text.len, &json, err))
        return false;
    uint32_t id_node = tb_json_get(&json, 0, tb_str_of("id"));
    uint32_t query = tb_json_get(&json, 0, tb_str_of("query"));
    uint32_t tools = tb_json_get(&json, 0, tb_str_of("tools"));
    if (id_node != TB_JSON_NONE)
        *id = value_text(text, &json.nodes[id_node]);
    if (query == TB_JSON_NONE || json.nodes[query].type != TB_JSON_STRING || tools == TB_JSON_NONE)
        return tb_fail(err, TB_E_JSON,
                       "a line needs \"query\" (a string) and \"tools\" (an array)");
    if (!use_tools(b, value_text(text, &json.nodes[tools]), err))
        return false;

    tb_route_options how = {.decisions = b->options->decisions};
    tb_str request = json.nodes[query].text, answer;
    if (!cli_ready(&b->session, request.len, err))
        return false;
    double begun = cli_now();
    tb_route *route = tb_route_begin(b->session.router, b->session.list, &b->session.scratch,
                                     request.ptr, request.len, &how, err);
    double encoded = cli_now();
    if (!route || !tb_route_finish(route, &answer, err))
        return false;
    printf("{\"id\":%.*s,%.*s,\"ms\":{\"encode\":%.3f,\"decode\":%.3f}}\n", (int)id->len, id->ptr,
           (int)answer.len - 2, answer.ptr + 1, encoded - begun, cli_now() - encoded);
    return true;
}

int cli_batch(const cli_options *o)
{
    tb_error err = {0};
    batch b = {.options = o};
    if (!cli_open(&b.session, o, &err))
        return cli_report(&err);
    char *line = NULL;
    size_t room = 0;
    ssize_t read;
    while ((read = getline(&line, &room, stdin)) > 0) {
        size_t len = (size_t)read, need = 64 * len + (1 << 16);
        if (line[len - 1] == '\n')
            len--;
        if (len == 0)
            continue;
        tb_str id = tb_str_of("null");
        err = (tb_error){0};
        if (len > MAX_LINE) {
            tb_fail(&err, TB_E_TOO_LONG, "a line of %zu bytes; at most %zu are taken", len,
                    (size_t)MAX_LINE);
        } else if (b.parse.size < need) {
            free(b.parse.base);
            void *memory = aligned_alloc(64, (need + 63) / 64 * 64);
            if (memory)
                tb_arena_init(&b.parse, memory, need);
            else {
                b.parse = (tb_arena){0};
                tb_fail(&err, TB_E_NOMEM, "no memory for a line of %zu bytes", len);
            }
        }
        if (err.status || !route_line(&b, (tb_str){line, len}, &id, &err))
            print_failure(id, &err);
    }
    bool failed = ferror(stdin);
    free(line);
    free(b.tools);
    free(b.parse.base);
    cli_close(&b.session);
    if (fflush(stdout) || failed) {
        tb_fail(&err, TB_E_FILE, "standard input or output broke off");
        return cli_report(&err);
    }
    return 0;
}
