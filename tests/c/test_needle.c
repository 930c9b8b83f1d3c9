/* Needle 1 decoded by the engine in exact mode against the golden files of
 * models/needle1/golden.py: the same ids at every step. Runs from the repository's root; with
 * arguments, on those folders of golden files (`make golden`: build/golden) instead of the
 * committed ones. */
#include <math.h>

#include "golden.h"
#include "needle.h"

#ifdef __SANITIZE_ADDRESS__
#define EVERY 6
#else
#define EVERY 1
#endif

typedef struct {
    const char *name;
    tb_str weights, vocabulary;
    tb_json golden, requests;
    tb_arena arena, scratch;
    tb_needle *needle;
} fixture;

/* What was compared, over all models. */
static struct {
    long decodes, choices, near_ties, turned, forced, floats;
    double worst;
} seen;

static fixture open_fixture(const char *folder, const char *name, tb_numeric numeric,
                            const char *kernels)
{
    fixture f = {.name = name};
    tb_error err = {TB_OK, ""};
    char path[1100];
    size_t size;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    f.weights = file_text(path, "needle.safetensors");
    f.vocabulary = file_text(path, "vocab.txt");
    f.golden = file_json(path, "golden.json");
    f.requests = file_json(folder, "requests.json");
    f.scratch = arena_of(1 << 20);
    size = tb_needle_size(&f.scratch, (const uint8_t *)f.weights.ptr, f.weights.len,
                          f.vocabulary.len, &err);
    f.arena = arena_of(size);
    f.needle = tb_needle_open(&f.arena, (const uint8_t *)f.weights.ptr, f.weights.len,
                              f.vocabulary.ptr, f.vocabulary.len, numeric, kernels, &err);
    if (!CHECK(f.needle != NULL)) {
        printf("    %s: %s\n", path, err.message);
        exit(1);
    }
    memset((void *)(uintptr_t)f.weights.ptr, 0xa5, f.weights.len); /* neither is needed any more */
    memset((void *)(uintptr_t)f.vocabulary.ptr, 0xa5, f.vocabulary.len);
    f.scratch = arena_of((size_t)96 << 20);
    return f;
}

/* ---- forward pass ---------------------------------------------------------------------------- */

static void compare_floats(const float *got, const float *want, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        double difference = fabs((double)got[i] - (double)want[i]);
        seen.worst = difference > seen.worst ? difference : seen.worst;
    }
    seen.floats += (long)count;
}

static void forward(fixture *f)
{
    const tb_model *model = tb_needle_model(f->needle);
    const tb_config *c = tb_model_config(model);
    uint32_t list = member(&f->golden, 0, "forward");
    for (uint32_t i = list + 1; i < f->golden.nodes[list].next; i = f->golden.nodes[i].next) {
        tb_error err = {TB_OK, ""};
        size_t rows, steps, count, floats;
        uint32_t *ids = ids_at(&f->golden, member(&f->golden, i, "encoder"), &rows);
        uint32_t *output = ids_at(&f->golden, member(&f->golden, i, "decoder"), &steps);
        uint32_t states = member(&f->golden, i, "states"), logits = member(&f->golden, i, "logits");
        const tb_encoded *segments[1];
        tb_encoded encoded;
        tb_decoder *decoder;
        float *block, *got;
        tb_arena_reset(&f->scratch, 0);
        floats = tb_encoded_floats(model, rows, rows, false);
        block = tb_alloc(&f->scratch, floats, sizeof *block, &err);
        got = tb_alloc(&f->scratch, c->vocab_size, sizeof *got, &err);
        if (!CHECK(tb_encoded_bind(model, block, floats, rows, rows, false, &encoded, &err)) ||
            !CHECK(tb_encode(model, ids, NULL, rows, NULL, NULL, 0, &encoded, &f->scratch, &err)))
            return;
        for (uint32_t r = 0, n = f->golden.nodes[states].count; r < n; r++) {
            float *want = floats_at(&f->golden, item(&f->golden, states, r), &count);
            CHECK_INT(count, c->d_model);
            compare_floats(encoded.states + (rows - n + r) * c->d_model, want, count);
        }
        segments[0] = &encoded;
        decoder = tb_decoder_start(model, segments, 1, steps, &f->scratch, &err);
        for (uint32_t k = 0; k < steps; k++) {
            float *want = floats_at(&f->golden, item(&f->golden, logits, k), &count);
            CHECK(tb_decoder_token(decoder, output[k], &err) &&
                  tb_decoder_logits(decoder, got, &err));
            CHECK_INT(count, c->vocab_size);
            compare_floats(got, want, count);
        }
    }
}

/* ---- decodes --------------------------------------------------------------------------------- */

typedef struct {
    uint32_t *ids;
    size_t count;
    int32_t *forced; /* per id; -1 where it was chosen */
    double *gaps;    /* per id; infinite where it was fed */
    double end_gap;  /* of the choice of the end token */
} expected;

static expected read_expected(fixture *f, uint32_t decode)
{
    const tb_json *j = &f->golden;
    expected e = {0};
    size_t count;
    uint32_t gap = member(j, decode, "gaps") + 1;
    uint32_t *forced = ids_at(j, member(j, decode, "forced"), &count);
    e.ids = ids_at(j, member(j, decode, "ids"), &e.count);
    e.forced = golden_alloc((e.count + 1) * sizeof *e.forced);
    e.gaps = golden_alloc((e.count + 1) * sizeof *e.gaps);
    for (size_t i = 0; i < e.count; i++)
        e.forced[i] = -1;
    for (size_t i = 0; i < count; i++)
        e.forced[forced[i]] = (int32_t)e.ids[forced[i]];
    for (size_t i = 0; i <= e.count; i++) {
        e.gaps[i] = INFINITY;
        if ((i < e.count && e.forced[i] >= 0) || gap >= j->nodes[member(j, decode, "gaps")].next)
            continue;
        if (j->nodes[gap].type == TB_JSON_NUMBER)
            e.gaps[i] = number_at(j, gap);
        gap = j->nodes[gap].next;
    }
    return e;
}

/* Compares step by step; a different choice is a failure unless the reference's was a near-tie. */
static bool same_steps(tb_needle_run *run, const expected *e, bool ended)
{
    tb_error err = {TB_OK, ""};
    for (size_t i = 0; i <= e->count; i++) {
        tb_needle_piece piece;
        bool near_tie = e->gaps[i] < 1e-4;
        if (i == e->count && !ended)
            return true;
        if (!tb_needle_next(run, &piece, &err)) {
            printf("    %s\n", err.message);
            return CHECK(false);
        }
        seen.near_ties += near_tie;
        if (i < e->count && e->forced[i] >= 0)
            seen.forced++;
        else
            seen.choices++;
        if (piece.token != (i < e->count ? e->ids[i] : TB_ID_END)) {
            if (near_tie) {
                seen.turned++;
                return false;
            }
            return CHECK_INT(piece.token, i < e->count ? e->ids[i] : TB_ID_END);
        }
        if (e->gaps[i] < INFINITY &&
            !(fabs((double)piece.lead - e->gaps[i]) < 1e-3 + e->gaps[i] * 0.01))
            CHECK((double)piece.lead == e->gaps[i]);
    }
    return true;
}

/* `input`: the request's entry in "inputs". */
static void one_decode(fixture *f, uint32_t decode, uint32_t input)
{
    const tb_json *j = &f->golden;
    tb_error err = {TB_OK, ""};
    uint32_t request = item(&f->requests, 0, uint_at(j, member(j, decode, "request")));
    tb_str query = f->requests.nodes[request + 1].text, tools = f->requests.nodes[request + 2].text;
    bool constrained = j->nodes[member(j, decode, "constrained")].type == TB_JSON_TRUE;
    bool ended = j->nodes[member(j, decode, "ended")].type == TB_JSON_TRUE;
    expected e = read_expected(f, decode);
    tb_needle_options options = {.grammar = constrained ? TB_NEEDLE_NEEDLE1 : TB_NEEDLE_FREE,
                                 .keep_tools = true,
                                 .max_tokens = uint_at(j, member(j, decode, "limit")),
                                 .forced = e.forced,
                                 .forced_count = e.count};
    tb_needle_answer answer;
    tb_needle_run *run;
    /* neither size may be too small: the one for any such texts, and the one for just these */
    size_t sizes[] = {tb_needle_scratch_size(f->needle, query.len, tools.len),
                      tb_needle_exact_size(f->needle,
                                           &(tb_arena){f->scratch.base, f->scratch.size, 0, 0},
                                           query, tools, &options, &err)};
    tb_arena scratch = {f->scratch.base, sizes[seen.decodes % 2], 0, 0};
    CHECK(sizes[1] <= sizes[0]);
    run = tb_needle_begin(f->needle, &scratch, query, tools, &options, &err);
    seen.decodes++;
    if (!CHECK(run != NULL)) {
        printf("    %s: request %u: %s\n", f->name, uint_at(j, member(j, decode, "request")),
               err.message);
        return;
    }
    CHECK_INT(uint_at(j, item(j, input, 0)), uint_at(j, member(j, decode, "request")));
    if (!same_steps(run, &e, ended))
        return;
    if (CHECK(tb_needle_finish(run, &answer, &err))) {
        CHECK_INT(answer.input_count, uint_at(j, item(j, input, 1)));
        CHECK(check_of(answer.input, answer.input_count) == uint_at(j, item(j, input, 2)));
        CHECK_INT(answer.ended, ended);
        CHECK_INT(answer.token_count, e.count);
        check_text(answer.text, j->nodes[member(j, decode, "text")].text, "text of an answer");
    }
}

/* Two decodes of each request; the sanitizers, ten times slower, see every sixth request. */
static void decodes(fixture *f)
{
    const tb_json *j = &f->golden;
    uint32_t list = member(j, 0, "decodes"), n = 0, input = member(j, 0, "inputs") + 1;
    CHECK(j->nodes[list].count >= 100);
    for (uint32_t i = list + 1; i < j->nodes[list].next; i = j->nodes[i].next, n++) {
        if (n > 0 && n % 2 == 0)
            input = j->nodes[input].next;
        if (n / 2 % EVERY == 0)
            one_decode(f, i, input);
    }
}

/* ---- the tokenizer --------------------------------------------------------------------------- */

static void tokens(fixture *f)
{
    static tb_token got[4096];
    const tb_json *j = &f->golden;
    const tb_tokenizer *t = tb_needle_tokenizer(f->needle);
    uint32_t list = member(j, 0, "tokens"), decoded = member(j, 0, "decoded");
    tb_error err = {TB_OK, ""};
    size_t count, wanted;
    for (uint32_t i = list + 1; i < j->nodes[list].next; i = j->nodes[i].next) {
        uint32_t *ids = ids_at(j, item(j, i, 1), &wanted);
        CHECK(tb_tokenize(t, j->nodes[i + 1].text, got, 4096, &count, &f->scratch, &err));
        if (CHECK_INT(count, wanted))
            for (size_t k = 0; k < count; k++)
                CHECK_INT(got[k].id, ids[k]);
    }
    for (uint32_t i = decoded + 1; i < j->nodes[decoded].next; i = j->nodes[i].next) {
        static char text[1 << 16];
        size_t len = 0;
        tb_decoding state = {0};
        uint32_t *ids = ids_at(j, item(j, i, 0), &count);
        for (size_t k = 0; k < count; k++) {
            len += tb_decode(t, &state, ids[k], text + len);
            CHECK(tb_utf8_check(text, len) == len); /* what is not whole yet is held back */
        }
        len += tb_decode_end(&state, text + len);
        check_text((tb_str){text, len}, j->nodes[item(j, i, 1)].text, "decoded");
    }
}

/* ---- retrieval ------------------------------------------------------------------------------- */

static void retrieval(fixture *f)
{
    const tb_json *j = &f->golden;
    uint32_t width = tb_needle_embedding_size(f->needle),
             list = tb_json_get(j, 0, tb_str_of("embed"));
    tb_error err = {TB_OK, ""};
    float out[256];
    size_t count, wanted;
    tb_arena_reset(&f->scratch, 0);
    if (list == TB_JSON_NONE) {
        CHECK_INT(width, 0);
        CHECK(!tb_needle_embed(f->needle, &f->scratch, tb_str_of("x"), out, &err) &&
              err.status == TB_E_OPTION);
        return;
    }
    for (uint32_t i = list + 1; i < j->nodes[list].next; i = j->nodes[i].next) {
        float *want = floats_at(j, item(j, i, 1), &count);
        if (CHECK(tb_needle_embed(f->needle, &f->scratch, j->nodes[i + 1].text, out, &err)) &&
            CHECK_INT(width, count))
            compare_floats(out, want, count);
    }
    list = member(j, 0, "retrieve");
    for (uint32_t i = list + 1; i < j->nodes[list].next; i = j->nodes[i].next) {
        tb_needle_match best[64];
        float *want = floats_at(j, item(j, i, 2), &wanted);
        if (!CHECK(tb_needle_retrieve(f->needle, &f->scratch, j->nodes[i + 1].text,
                                      j->nodes[i + 2].text, false, best, 64, &count, &err)) ||
            !CHECK_INT(count, wanted))
            continue;
        for (size_t k = 0; k < count; k++) {
            compare_floats(&best[k].score, &want[best[k].tool], 1);
            CHECK(k == 0 || best[k - 1].score >= best[k].score);
        }
    }
    CHECK(!tb_needle_embed(f->needle, &f->scratch, tb_str_of("  "), out, &err) &&
          err.status == TB_E_QUERY);
}

/* ---- all ------------------------------------------------------------------------------------- */

static void whole(const char *folder, const char *name)
{
    fixture f = open_fixture(folder, name, TB_EXACT, NULL);
    long choices = seen.choices, near_ties = seen.near_ties, turned = seen.turned;
    test_name = name;
    forward(&f);
    tokens(&f);
    decodes(&f);
    retrieval(&f);
    printf("%s: %ld choices, %ld of them near-ties, %ld turned out otherwise; largest difference "
           "so far %.1e\n",
           name, seen.choices - choices, seen.near_ties - near_ties, seen.turned - turned,
           seen.worst);
    CHECK(seen.worst < 2e-4);
}

int main(int argc, char **argv)
{
    for (int i = 2; i < argc; i++)
        whole(argv[1], argv[i]);
    if (argc < 3) {
        whole("tests/golden/needle1", "plain");
        whole("tests/golden/needle1", "odd");
    }
    printf("%ld decodes, %ld choices equal but %ld near-ties, %ld fed, %ld floats within %.1e\n",
           seen.decodes, seen.choices, seen.turned, seen.forced, seen.floats, seen.worst);
    return test_end();
}
