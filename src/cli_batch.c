/* cli_batch.c - the command batch: lines {"id","query","tools"} in, answers out, in the same order.
 */
#include "cli.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_LINE = 64 << 20, PARSE_BYTES_PER_BYTE = 64 };

static void print_failure(tb_str id, const tb_error *err)
{
    printf("{\"id\":%.*s,\"error\":{\"code\":\"%s\",\"message\":\"", (int)id.len, id.ptr,
           tb_status_name(err->status));
    for (const char *c = err->message; *c; c++) {
        if (*c == '"' || *c == '\\')
            putchar('\\');
        putchar(*c);
    }
    puts("\"}}");
}

/* Takes a line apart; line->id is set even if the rest is wrong. */
static bool read_line(tb_arena *parse, tb_str text, cli_line *line, tb_error *err)
{
    tb_json json;
    if (!cli_provide(parse, PARSE_BYTES_PER_BYTE * text.len + (1 << 16), err) ||
        !tb_json_parse(parse, parse, text.ptr, text.len, &json, err))
        return false;
    uint32_t id = tb_json_get(&json, 0, tb_str_of("id"));
    uint32_t query = tb_json_get(&json, 0, tb_str_of("query"));
    uint32_t tools = tb_json_get(&json, 0, tb_str_of("tools"));
    if (id != TB_JSON_NONE)
        line->id = cli_value_text(text, &json.nodes[id]);
    if (query == TB_JSON_NONE || json.nodes[query].type != TB_JSON_STRING || tools == TB_JSON_NONE)
        return tb_fail(err, TB_E_JSON,
                       "a line needs \"query\" (a string) and \"tools\" (an array)");
    line->query = json.nodes[query].text;
    line->tools = cli_value_text(text, &json.nodes[tools]);
    return true;
}

bool cli_each_line(cli_line_handler handle, void *context, tb_error *err)
{
    tb_arena parse = {0};
    char *text = NULL;
    size_t room = 0;
    ssize_t read;
    while ((read = getline(&text, &room, stdin)) > 0) {
        size_t len = (size_t)read;
        cli_line line = {.id = tb_str_of("null")};
        tb_error wrong = {0};
        if (text[len - 1] == '\n')
            len--;
        if (len == 0)
            continue;
        if (len > MAX_LINE)
            tb_fail(&wrong, TB_E_TOO_LONG, "a line of %zu bytes; at most %zu are taken", len,
                    (size_t)MAX_LINE);
        if (wrong.status || !read_line(&parse, (tb_str){text, len}, &line, &wrong) ||
            !handle(context, &line, &wrong))
            print_failure(line.id, &wrong);
    }
    bool broken = ferror(stdin) || fflush(stdout);
    free(text);
    free(parse.base);
    return broken ? tb_fail(err, TB_E_FILE, "standard input or output broke off") : true;
}

/* ---- thimble1 -------------------------------------------------------------------------------- */

typedef struct {
    cli_session session;
    const cli_options *options;
    char *tools; /* text of the list that the session holds */
    size_t tools_len;
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

static bool route_line(void *context, const cli_line *line, tb_error *err)
{
    batch *b = context;
    tb_route_options how = {.decisions = b->options->decisions};
    tb_str answer;
    if (!cli_min_confidence(b->options, 0, &how.min_confidence, err) ||
        !use_tools(b, line->tools, err) || !cli_ready(&b->session, line->query.len, err))
        return false;
    double begun = cli_now();
    tb_route *route = tb_route_begin(b->session.router, b->session.list, &b->session.scratch,
                                     line->query.ptr, line->query.len, &how, err);
    double encoded = cli_now();
    if (!route || !tb_route_finish(route, &answer, err))
        return false;
    printf("{\"id\":%.*s,%.*s,\"ms\":{\"encode\":%.3f,\"decode\":%.3f}}\n", (int)line->id.len,
           line->id.ptr, (int)answer.len - 2, answer.ptr + 1, encoded - begun, cli_now() - encoded);
    return true;
}

int cli_batch(const cli_options *o)
{
    tb_error err = {0};
    batch b = {.options = o};
    bool needle, ok = cli_is_needle(o, &needle, &err);
    if (ok && needle)
        ok = cli_needle_batch(o, &err);
    else
        ok = ok && cli_open(&b.session, o, &err) && cli_each_line(route_line, &b, &err);
    free(b.tools);
    cli_close(&b.session);
    return ok ? 0 : cli_report(&err);
}
