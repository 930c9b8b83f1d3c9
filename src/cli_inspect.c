/* cli_inspect.c - the commands tokens, forward and inspect. */
#include "cli.h"
#include "tokenizer.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_IDS = 1024 };

/* ---- tokens ------------------------------------------------------------------------------------
 */

int cli_tokens(const cli_options *o)
{
    tb_error err = {0};
    cli_session session = {0};
    size_t count = 0, len = o->texts ? strlen(o->text[0]) : 0;
    tb_token *tokens = NULL;
    bool ok = o->texts ? true : tb_fail(&err, TB_E_OPTION, "tokens needs a text in quotes");
    ok = ok && cli_open(&session, o, &err) &&
         cli_provide(&session.scratch, 128 * len + (1 << 16), &err);
    if (ok) {
        tokens = malloc((len + 2) * sizeof *tokens);
        ok = tokens ? true : tb_fail(&err, TB_E_NOMEM, "no memory for the tokens");
    }
    ok = ok && tb_tokenize(tb_router_tokenizer(session.router), (tb_str){o->text[0], len}, tokens,
                           len + 2, &count, &session.scratch, &err);
    for (size_t i = 0; ok && i < count; i++)
        printf(i ? " %u" : "%u", tokens[i].id);
    if (ok)
        putchar('\n');
    free(tokens);
    cli_close(&session);
    return ok ? 0 : cli_report(&err);
}

/* ---- forward -----------------------------------------------------------------------------------
 */

/* "2,5,7" -> ids; each below `limit`. */
static bool read_ids(const char *text, const char *option, uint32_t limit, uint32_t *ids,
                     size_t *count, tb_error *err)
{
    *count = 0;
    while (*text) {
        char *end;
        unsigned long id = strtoul(text, &end, 10);
        if (end == text || (*end && *end != ',') || id >= limit || *count == MAX_IDS)
            return tb_fail(err, TB_E_OPTION,
                           "%s takes up to %d ids below %u with commas between, at \"%s\"", option,
                           MAX_IDS, limit, text);
        ids[(*count)++] = (uint32_t)id;
        text = *end ? end + 1 : end;
    }
    return *count ? true : tb_fail(err, TB_E_OPTION, "%s needs at least one id", option);
}

static void print_rows(const char *name, const float *values, size_t rows, size_t columns)
{
    printf("\"%s\":[", name);
    for (size_t i = 0; i < rows; i++) {
        for (size_t k = 0; k < columns; k++)
            printf("%s%.9g", k ? "," : i ? ",[" : "[", (double)values[i * columns + k]);
        putchar(']');
    }
    putchar(']');
}

/* thimble1: a tool segment of these ids; then, per decoder id, a step fed with that row (the first
 * with the start vector, kind 0; the others kind 1), and the scores of all rows and END. needle1:
 * tokens and logits. */
static bool forward(cli_session *s, const uint32_t *encoder, size_t rows, const uint32_t *decoder,
                    size_t steps, tb_error *err)
{
    const tb_model *model = tb_router_model(s->router);
    const tb_config *config = tb_model_config(model);
    bool thimble = config->format == TB_THIMBLE1;
    size_t floats = tb_encoded_floats(model, rows, rows, thimble);
    size_t width = thimble ? rows + 1 : config->vocab_size;
    size_t need = tb_encode_bytes(model, rows, 0) + tb_decoder_bytes(model, rows, steps) +
                  floats * sizeof(float) + (steps * width + rows * 4) * sizeof(float) +
                  rows * sizeof(tb_place) + (1 << 16);
    if (!cli_provide(&s->scratch, need, err))
        return false;
    float *block = tb_alloc(&s->scratch, floats, sizeof *block, err);
    float *scores = tb_alloc(&s->scratch, steps * width, sizeof *scores, err);
    uint8_t *classes = tb_alloc(&s->scratch, rows, 1, err);
    tb_place *places = tb_alloc(&s->scratch, rows + 1, sizeof *places, err);
    tb_encoded encoded;
    const tb_encoded *segments[] = {&encoded};
    if (!block || !scores || !classes || !places ||
        !tb_encoded_bind(model, block, floats, rows, rows, thimble, &encoded, err) ||
        !tb_encode(model, encoder, thimble ? classes : NULL, rows, NULL, NULL, 0, &encoded,
                   &s->scratch, err))
        return false;
    for (size_t i = 0; i < rows; i++)
        places[i] = (tb_place){0, (uint32_t)i};
    places[rows] = (tb_place){TB_PLACE_END, 0};
    tb_decoder *d = tb_decoder_start(model, segments, 1, steps, &s->scratch, err);
    if (!d)
        return false;
    for (size_t i = 0; i < steps; i++) {
        float *out = scores + i * width;
        bool ok = thimble ? tb_decoder_step(d, i ? &places[decoder[i]] : NULL, i ? 1 : 0, err) &&
                                tb_decoder_score(d, places, width, out, err)
                          : tb_decoder_token(d, decoder[i], err) && tb_decoder_logits(d, out, err);
        if (!ok)
            return false;
    }
    putchar('{');
    print_rows("encoder", encoded.states, rows, config->d_model);
    putchar(',');
    print_rows(thimble ? "scores" : "logits", scores, steps, width);
    puts("}");
    return true;
}

int cli_forward(const cli_options *options)
{
    cli_options exact = *options;
    exact.numeric = "exact"; /* a parity check compares with f32 */
    tb_error err = {0};
    cli_session session = {0};
    uint32_t encoder[MAX_IDS], decoder[MAX_IDS];
    size_t rows = 0, steps = 0;
    bool ok = options->encoder && options->decoder
                  ? true
                  : tb_fail(&err, TB_E_OPTION, "forward needs --encoder IDS and --decoder IDS");
    ok = ok && cli_open(&session, &exact, &err);
    if (ok) {
        const tb_config *config = tb_model_config(tb_router_model(session.router));
        uint32_t vocab = config->vocab_size;
        ok = read_ids(options->encoder, "--encoder", vocab, encoder, &rows, &err) &&
             read_ids(options->decoder, "--decoder",
                      config->format == TB_THIMBLE1 ? (uint32_t)rows : vocab, decoder, &steps,
                      &err) &&
             forward(&session, encoder, rows, decoder, steps, &err);
    }
    cli_close(&session);
    return ok ? 0 : cli_report(&err);
}

/* ---- inspect ------------------------------------------------------------------------------------
 */

int cli_inspect(const cli_options *o)
{
    static const char *const DTYPES[] = {"F32", "F16", "BF16", "I4"};
    tb_error err = {0};
    cli_session session = {0};
    tb_weights weights;
    bool ok = cli_open(&session, o, &err) &&
              cli_provide(&session.scratch, TB_ROUTER_SCRATCH, &err) &&
              tb_weights_open(session.weights.bytes, session.weights.size, &session.scratch,
                              &weights, &err);
    if (ok) {
        const tb_config *c = &weights.config;
        printf("format %s, name %.*s, %zu bytes\n",
               c->format == TB_THIMBLE1 ? "thimble1" : "needle1", (int)c->name.len, c->name.ptr,
               session.weights.size);
        printf("d_model %u, heads %u/%u of %u, layers %u+%u, vocabulary %u\n", c->d_model, c->heads,
               c->kv_heads, c->head_dim, c->encoder_layers, c->decoder_layers, c->vocab_size);
        printf("kernels %s, loaded in %.1f ms into %zu bytes\n",
               tb_model_kernels(tb_router_model(session.router))->name, session.load_ms,
               session.router_arena.used);
        for (size_t i = 0; i < weights.count; i++)
            printf("%-40.*s %-4s %u x %u\n", (int)weights.tensors[i].name.len,
                   weights.tensors[i].name.ptr, DTYPES[weights.tensors[i].dtype],
                   weights.tensors[i].rows, weights.tensors[i].columns);
    }
    cli_close(&session);
    return ok ? 0 : cli_report(&err);
}
