/* cli_needle.c - route and batch with Needle 1's weights. */
#include "cli.h"
#include "needle.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
    const cli_options *options;
    tb_arena arena, scratch;
    tb_needle *needle;
    double load_ms;
} session;

bool cli_is_needle(const cli_options *o, bool *needle, tb_error *err)
{
    cli_file weights;
    tb_arena table = {0};
    tb_weights opened;
    if (!cli_read_weights(o->model, &weights, err))
        return false;
    bool ok = cli_provide(&table, TB_ROUTER_SCRATCH, err) &&
              tb_weights_open(weights.bytes, weights.size, &table, &opened, err);
    *needle = ok && opened.config.format == TB_NEEDLE1;
    free(table.base);
    free(weights.bytes);
    return ok;
}

static bool open_needle(session *s, const cli_options *o, tb_error *err)
{
    cli_file weights = {0}, vocabulary = {0};
    double begun = cli_now();
    bool ok = cli_read_weights(o->model, &weights, err) &&
              cli_read_vocabulary(o->model, &vocabulary, err) &&
              cli_provide(&s->scratch, TB_ROUTER_SCRATCH, err);
    size_t size =
        ok ? tb_needle_size(&s->scratch, weights.bytes, weights.size, vocabulary.size, err) : 0;
    s->options = o;
    if (size && cli_provide(&s->arena, size, err))
        s->needle = tb_needle_open(
            &s->arena, weights.bytes, weights.size, (char *)vocabulary.bytes, vocabulary.size,
            strcmp(o->numeric, "exact") ? TB_FAST : TB_EXACT, o->kernels, err);
    s->load_ms = cli_now() - begun;
    free(weights.bytes);
    free(vocabulary.bytes);
    return s->needle != NULL;
}

static void close_needle(session *s)
{
    free(s->arena.base);
    free(s->scratch.base);
}

/* encode, decode: milliseconds. */
static bool answer_to(session *s, tb_str query, tb_str tools, tb_needle_answer *answer,
                      double *encode, double *decode, tb_error *err)
{
    bool original = !strcmp(s->options->grammar, "needle1");
    tb_needle_options how = {.grammar = original ? TB_NEEDLE_NEEDLE1 : TB_NEEDLE_STRICT,
                             .keep_tools = original,
                             .lenient = s->options->lenient};
    size_t size = tb_needle_scratch_size(s->needle, query.len, tools.len);
    if (size == SIZE_MAX)
        return tb_fail(err, TB_E_TOO_LONG, "%zu bytes of tools are too many", tools.len);
    if (!cli_provide(&s->scratch, size + tools.len * 8 + (1 << 20), err))
        return false;
    double begun = cli_now();
    tb_needle_run *run = tb_needle_begin(s->needle, &s->scratch, query, tools, &how, err);
    *encode = cli_now() - begun;
    bool ok = run && tb_needle_finish(run, answer, err);
    *decode = cli_now() - begun - *encode;
    return ok;
}

bool cli_needle_route(const cli_options *o, tb_str tools, tb_error *err)
{
    session s = {0};
    tb_needle_answer answer;
    tb_json json;
    double encode = 0, decode = 0;
    tb_str query = {o->text[0], strlen(o->text[0])};
    bool ok = open_needle(&s, o, err) &&
              answer_to(&s, query, tools, &answer, &encode, &decode, err) &&
              tb_json_parse(&s.scratch, &s.scratch, answer.calls.ptr, answer.calls.len, &json, err);
    if (ok)
        cli_print_calls(answer.calls, &json, 0, o->openai);
    if (ok && o->time)
        printf("load %.1f ms, encode %.2f ms, decode %.2f ms\n", s.load_ms, encode, decode);
    close_needle(&s);
    return ok;
}

static bool needle_line(void *context, const cli_line *line, tb_error *err)
{
    session *s = context;
    tb_needle_answer answer;
    tb_json_writer w;
    tb_str text;
    double encode = 0, decode = 0;
    if (!answer_to(s, line->query, line->tools, &answer, &encode, &decode, err) ||
        !tb_json_writer_begin(&w, &s->scratch, answer.text.len * 6 + 16, err))
        return false;
    tb_json_string(&w, answer.text);
    if (!tb_json_writer_end(&w, &text, err))
        return false;
    printf("{\"id\":%.*s,\"calls\":%.*s,\"text\":%.*s,\"tokens\":[", (int)line->id.len,
           line->id.ptr, (int)answer.calls.len, answer.calls.ptr, (int)text.len, text.ptr);
    for (size_t i = 0; i < answer.token_count; i++)
        printf(i ? ",%u" : "%u", answer.tokens[i]);
    printf("],\"ms\":{\"encode\":%.3f,\"decode\":%.3f}}\n", encode, decode);
    return true;
}

bool cli_needle_batch(const cli_options *o, tb_error *err)
{
    session s = {0};
    bool ok = open_needle(&s, o, err) && cli_each_line(needle_line, &s, err);
    close_needle(&s);
    return ok;
}
