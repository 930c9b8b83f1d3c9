/* cli_bench.c - the command bench: speeds of this machine, and of plain C beside them. */
#include "cli.h"
#include "kernels.h"

#include <stdlib.h>
#include <string.h>

/* A slow kernel is measured for SECOND milliseconds a figure, but LEAST times. */
enum { ROUNDS = 15, LEAST = 3, SECOND = 1000, STEPS = 24, MAX_ROWS = 800 };

static bool enough(int rounds, double since)
{
    return rounds == ROUNDS || (rounds >= LEAST && cli_now() - since > SECOND);
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, size_t n)
{
    qsort(values, n, sizeof *values, compare);
    return values[n / 2];
}

typedef struct {
    double load, encode[4], step;
    size_t memory;
} speeds;

static const size_t ROWS[4] = {50, 150, 400, 800};

/* Milliseconds per token of a segment of `rows` tokens, median. Leaves it encoded in *out. */
static bool time_encoder(cli_session *s, size_t rows, tb_encoded *out, double *ms, tb_error *err)
{
    const tb_model *model = tb_router_model(s->router);
    const tb_config *config = tb_model_config(model);
    uint32_t ids[MAX_ROWS];
    uint8_t classes[MAX_ROWS] = {0};
    double times[ROUNDS];
    for (size_t i = 0; i < rows; i++)
        ids[i] = (uint32_t)(297 + i * 7919 % (config->vocab_size - 297));
    size_t floats = tb_encoded_floats(model, rows, rows, true);
    float *block = tb_alloc(&s->scratch, floats, sizeof *block, err);
    if (!block || !tb_encoded_bind(model, block, floats, rows, rows, true, out, err))
        return false;
    size_t rounds = 0;
    for (double since = cli_now(); !enough((int)rounds, since); rounds++) {
        size_t mark = tb_arena_mark(&s->scratch);
        double begun = cli_now();
        const uint8_t *c = config->format == TB_THIMBLE1 ? classes : NULL;
        if (!tb_encode(model, ids, c, rows, NULL, NULL, 0, out, &s->scratch, err))
            return false;
        times[rounds] = (cli_now() - begun) / (double)rows;
        tb_arena_reset(&s->scratch, mark);
    }
    *ms = median(times, rounds);
    return true;
}

/* Milliseconds per decoder step over one encoded segment, the choice among all its rows included.
 */
static bool time_decoder(cli_session *s, const tb_encoded *encoded, double *ms, tb_error *err)
{
    const tb_model *model = tb_router_model(s->router);
    const tb_config *config = tb_model_config(model);
    size_t width = config->format == TB_THIMBLE1 ? encoded->rows : config->vocab_size;
    float *scores = tb_alloc(&s->scratch, width, sizeof *scores, err);
    tb_place *places = tb_alloc(&s->scratch, encoded->rows, sizeof *places, err);
    double times[ROUNDS];
    if (!scores || !places)
        return false;
    for (uint32_t i = 0; i < encoded->rows; i++)
        places[i] = (tb_place){0, i};
    size_t rounds = 0;
    for (double since = cli_now(); !enough((int)rounds, since); rounds++) {
        size_t mark = tb_arena_mark(&s->scratch);
        double begun = cli_now();
        tb_decoder *d = tb_decoder_start(model, &encoded, 1, STEPS, &s->scratch, err);
        if (!d)
            return false;
        for (uint32_t i = 0; i < STEPS; i++) {
            bool ok = config->format == TB_THIMBLE1
                          ? tb_decoder_step(d, i ? &places[i] : NULL, 1, err) &&
                                tb_decoder_score(d, places, width, scores, err)
                          : tb_decoder_token(d, 297 + i, err) && tb_decoder_logits(d, scores, err);
            if (!ok)
                return false;
        }
        times[rounds] = (cli_now() - begun) / STEPS;
        tb_arena_reset(&s->scratch, mark);
    }
    *ms = median(times, rounds);
    return true;
}

static bool measure(const cli_options *o, speeds *out, tb_error *err)
{
    cli_session s;
    if (!cli_open(&s, o, err))
        return false;
    const tb_model *model = tb_router_model(s.router);
    uint32_t longest = tb_model_config(model)->max_encoder;
    bool ok = true;
    out->load = s.open_ms;
    out->memory = s.router_arena.used;
    for (int i = 0; ok && i < 4; i++) {
        size_t rows = ROWS[i] < longest ? ROWS[i] : longest;
        size_t need = tb_encode_bytes(model, rows, 0) + tb_decoder_bytes(model, rows, STEPS) +
                      tb_encoded_floats(model, rows, rows, true) * sizeof(float) + (1 << 20);
        tb_encoded encoded;
        ok = cli_provide(&s.scratch, need, err) &&
             time_encoder(&s, rows, &encoded, &out->encode[i], err);
        if (ok && i == 1)
            ok = time_decoder(&s, &encoded, &out->step, err);
    }
    cli_close(&s);
    return ok;
}

/* ---- whole routes -------------------------------------------------------------------------------
 */

static const char HOME[] = "[{\"name\":\"set_thermostat\",\"description\":\"Set the target "
                           "temperature of a room\",\"parameters\":{\"type\":"
                           "\"object\",\"properties\":{\"room\":{\"type\":\"string\","
                           "\"description\":\"Which room\"},\"temperature\":{\"type\":"
                           "\"number\",\"description\":\"Target temperature in "
                           "degrees\"}},\"required\":[\"temperature\"]}},"
                           "{\"name\":\"set_light\",\"description\":\"Turn the lights of a room on "
                           "or off\",\"parameters\":{\"type\":\"object\","
                           "\"properties\":{\"room\":{\"type\":\"string\"},\"state\":{\"type\":"
                           "\"string\",\"enum\":[\"on\",\"off\"]}},"
                           "\"required\":[\"state\"]}},"
                           "{\"name\":\"play_music\",\"description\":\"Play a song, an album or an "
                           "artist\",\"parameters\":{\"type\":\"object\","
                           "\"properties\":{\"title\":{\"type\":\"string\",\"description\":\"What "
                           "to play\"}},\"required\":[\"title\"]}}]";
static const char REQUEST[] = "make it 21 in the nursery and play Clair de Lune";

static bool time_routes(const cli_options *o, tb_error *err)
{
    cli_session s;
    double cold[ROUNDS], encode[ROUNDS], decode[ROUNDS];
    bool ok = cli_open(&s, o, err);
    for (int round = 0; ok && round < ROUNDS; round++) {
        tb_route_options how = {0};
        tb_str answer;
        double begun = cli_now();
        ok = cli_prepare(&s, HOME, sizeof HOME - 1, false, err) &&
             cli_ready(&s, sizeof REQUEST, err);
        double prepared = cli_now();
        tb_route *route = ok ? tb_route_begin(s.router, s.list, &s.scratch, REQUEST,
                                              sizeof REQUEST - 1, &how, err)
                             : NULL;
        double encoded = cli_now();
        ok = route && tb_route_finish(route, &answer, err);
        double decoded = cli_now();
        cold[round] = decoded - begun;
        encode[round] = encoded - prepared;
        decode[round] = decoded - encoded;
    }
    if (ok) {
        double e = median(encode, ROUNDS), d = median(decode, ROUNDS);
        printf("route, 3 tools, 2 calls: cold %.2f ms, prepared %.2f ms (encode %.2f, decode "
               "%.2f), n %d\n",
               median(cold, ROUNDS), e + d, e, d, ROUNDS);
        printf("memory: list %zu KB, scratch %zu KB\n", s.list_arena.used >> 10,
               s.scratch.peak >> 10);
    }
    cli_close(&s);
    return ok;
}

int cli_bench(const cli_options *o)
{
    tb_error err = {0};
    speeds c = {0}, here;
    cli_options plain = *o;
    plain.kernels = "c";
    if (!measure(&plain, &c, &err))
        return cli_report(&err);
    printf("%-8s %8s  %s%9s %9s   (medians of %d at most; ms per encoder token by segment length, "
           "ms per "
           "step at 150; load: from bytes in memory)\n",
           "kernels", "load ms", "   50      150      400      800", "step", "model KB", ROUNDS);
    for (size_t i = tb_kernels_count(); i-- > 0;) {
        cli_options one = *o;
        one.kernels = tb_kernels_at(i)->name;
        if (o->kernels && strcmp(o->kernels, one.kernels) && strcmp("c", one.kernels))
            continue;
        if (!strcmp(one.kernels, "c"))
            here = c;
        else if (!measure(&one, &here, &err))
            return cli_report(&err);
        printf("%-8s %8.2f  ", one.kernels, here.load);
        for (int k = 0; k < 4; k++)
            printf("%7.4f  ", here.encode[k]);
        printf("%9.4f %9zu   encoder x%.1f, step x%.1f of plain C\n", here.step, here.memory >> 10,
               c.encode[1] / here.encode[1], c.step / here.step);
    }
    bool needle;
    if (!cli_is_needle(o, &needle, &err))
        return cli_report(&err);
    return needle || time_routes(o, &err) ? 0 : cli_report(&err);
}
