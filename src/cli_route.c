/* cli_route.c - the commands route and prepare. */
#include "cli.h"
#include "json.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_TOOLS_FILE = 256 << 20 };

static bool run_route(cli_session *s, const char *request, const cli_options *o, tb_error *err)
{
    tb_route_options how = {0};
    tb_str answer;
    tb_json json;
    if (!cli_ready(s, strlen(request), err))
        return false;
    if (!cli_min_confidence(o, tb_router_min_confidence(s->router), &how.min_confidence, err))
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
    cli_print_calls(answer, &json, tb_json_get(&json, 0, tb_str_of("calls")), o->openai);
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
    bool ok = true, needle = false;
    if (!o->tools)
        ok = tb_fail(&err, TB_E_OPTION, "route needs --tools FILE");
    if (ok && !o->texts)
        ok = tb_fail(&err, TB_E_OPTION, "route needs a request in quotes");
    ok = ok && cli_read(o->tools, MAX_TOOLS_FILE, &tools, &err) && cli_is_needle(o, &needle, &err);
    if (ok && needle)
        ok = cli_needle_route(o, (tb_str){(char *)tools.bytes, tools.size}, &err);
    else
        ok = ok && cli_open(&session, o, &err) &&
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
