/* The forward pass against numpy (tests/c/data/network_*, written by models/thimble/make_vectors.py),
 * the promises about memory and bits, and files and arguments that must be refused. Runs from the
 * repository's root. */
#include "../../src/model.h"
#include "test.h"

#include <math.h>

enum { MEMORY = 8 << 20, MOST_SEGMENTS = 8, MOST_ROWS = 80 };
static uint8_t arena_memory[MEMORY], scratch_memory[MEMORY];
static tb_arena arena, scratch;

typedef struct {
    uint32_t ids[MOST_ROWS];
    uint8_t classes[MOST_ROWS];
    size_t rows;
} input;

/* The rest of a line of numbers. */
static size_t read_floats(char *text, float *out, size_t room)
{
    size_t n = 0;
    char *end;
    for (float x = strtof(text, &end); end != text && n < room; x = strtof(text = end, &end))
        out[n++] = x;
    return n;
}

static input read_input(char *text)
{
    input in = {0};
    char *end;
    for (unsigned long id = strtoul(text, &end, 10); end != text; id = strtoul(text = end, &end, 10)) {
        in.ids[in.rows] = (uint32_t)id;
        in.classes[in.rows++] = *end == ':' ? (uint8_t)strtoul(end + 1, &end, 10) : 0;
    }
    return in;
}

/* Largest difference relative to the largest number. */
static double distance(const float *a, const float *b, size_t n)
{
    double most = 0, size = 1e-30;
    for (size_t i = 0; i < n; i++) {
        most = fmax(most, fabs((double)a[i] - b[i]));
        size = fmax(size, fabs((double)b[i]));
    }
    return most / size;
}

static uint8_t *model_file(const char *which, size_t *size)
{
    char path[128];
    snprintf(path, sizeof path, "tests/c/data/network_%s.safetensors", which);
    return (uint8_t *)test_read_file(path, size);
}

static tb_model *load(const char *which, const tb_kernels *kernels, tb_numeric numeric)
{
    size_t size, need;
    uint8_t *file = model_file(which, &size);
    tb_error err = {0};
    tb_model *m;
    tb_arena_init(&arena, arena_memory, sizeof arena_memory);
    tb_arena_init(&scratch, scratch_memory, sizeof scratch_memory);
    need = tb_model_load_bytes(file, size, &arena, &err);
    CHECK_INT(arena.used, 0);
    arena.peak = 0;
    m = tb_model_load(file, size, kernels, numeric, &arena, &err);
    if (!CHECK(m != NULL))
        printf("    %s\n", err.message);
    CHECK(arena.peak <= need && need <= arena.peak + 4096);
    return m; /* the file stays: the model reads its embedding there */
}

static tb_encoded encode(const tb_model *m, const input *in, const uint32_t *kept_rows, size_t kept,
                         const tb_encoded *const *seen, size_t seen_count, bool attendable)
{
    size_t floats = tb_encoded_floats(m, in->rows, kept, attendable), seen_rows = 0, need;
    float *block;
    tb_encoded s = {0};
    tb_error err = {0};
    for (size_t i = 0; i < seen_count; i++)
        seen_rows += seen[i]->rows;
    CHECK(floats > 0);
    block = tb_alloc(&arena, floats, sizeof *block, &err);
    CHECK(tb_encoded_bind(m, block, floats, in->rows, kept, attendable, &s, &err));
    need = tb_encode_bytes(m, in->rows, seen_rows);
    scratch.peak = 0;
    if (!CHECK(tb_encode(m, in->ids, in->classes, in->rows, kept_rows, seen, seen_count, &s, &scratch, &err)))
        printf("    %s\n", err.message);
    CHECK(scratch.peak <= need && need <= scratch.peak + 64 * (1 + seen_rows));
    CHECK_INT(scratch.used, 0);
    return s;
}

/* ---- thimble1 ------------------------------------------------------------------------------- */

typedef struct {
    input inputs[MOST_SEGMENTS]; /* tools, then the request */
    size_t count;
    struct {
        long position;
        unsigned kind;
        float exact[128], fast[128];
    } steps[16];
    size_t step_count, score_count;
} thimble1_case;

static thimble1_case *read_thimble1(const char *which)
{
    char path[128], *save = NULL, *data;
    size_t size;
    thimble1_case *c = calloc(1, sizeof *c);
    snprintf(path, sizeof path, "tests/c/data/network_%s.txt", which);
    data = test_read_file(path, &size);
    for (char *line = strtok_r(data, "\n", &save); line != NULL; line = strtok_r(NULL, "\n", &save)) {
        if (strncmp(line, "tool ", 5) == 0 || strncmp(line, "query ", 6) == 0) {
            c->inputs[c->count++] = read_input(strchr(line, ' '));
        } else if (sscanf(line, "step %ld %u", &c->steps[c->step_count].position,
                          &c->steps[c->step_count].kind) == 2) {
            c->step_count++;
        } else if (strncmp(line, "exact ", 6) == 0) {
            c->score_count = read_floats(line + 6, c->steps[c->step_count - 1].exact, 128);
        } else {
            read_floats(line + 5, c->steps[c->step_count - 1].fast, 128);
        }
    }
    free(data);
    return c;
}

/* Runs a case and returns all scores, step after step. */
static float *run_thimble1(const tb_model *m, const thimble1_case *c)
{
    static float scores[16 * 128];
    static tb_encoded segments[MOST_SEGMENTS];
    const tb_encoded *list[MOST_SEGMENTS];
    tb_place places[128];
    size_t count = 0, rows = 0, tools = c->count - 1, need;
    tb_error err = {0};
    tb_decoder *d;
    for (size_t i = 0; i < tools; i++) {
        segments[i + 1] = encode(m, &c->inputs[i], NULL, c->inputs[i].rows, NULL, 0, true);
        list[i + 1] = &segments[i + 1];
    }
    segments[0] = encode(m, &c->inputs[tools], NULL, c->inputs[tools].rows, list + 1, tools, false);
    list[0] = &segments[0];
    for (uint32_t s = 0; s < c->count; s++)
        for (uint32_t r = 0; r < segments[s].rows; r++, rows++)
            places[count++] = (tb_place){s, r};
    places[count++] = (tb_place){TB_PLACE_END, 0};
    CHECK_INT(count, c->score_count);
    need = tb_decoder_bytes(m, rows, 16);
    size_t before = tb_arena_mark(&arena);
    d = tb_decoder_start(m, list, c->count, 16, &arena, &err);
    CHECK(d != NULL && arena.used - before <= need && need <= arena.used - before + 64 * rows);
    for (size_t i = 0; i < c->step_count; i++) {
        long p = c->steps[i].position;
        CHECK(tb_decoder_step(d, p < 0 ? NULL : &places[p], c->steps[i].kind, &err));
        CHECK(tb_decoder_score(d, places, count, scores + i * 128, &err));
    }
    CHECK_INT(tb_decoder_steps(d), c->step_count);
    return scores;
}

static void thimble1_like_numpy(void)
{
    static const char *const names[] = {"thimble1", "narrow"};
    for (int n = 0; n < 2; n++) {
        thimble1_case *c = read_thimble1(names[n]);
        double exact = 0, fast = 0;
        float *scores = run_thimble1(load(names[n], tb_kernels_at(0), TB_EXACT), c);
        CHECK(c->step_count == 9 && c->score_count > 3);
        for (size_t i = 0; i < c->step_count; i++)
            exact = fmax(exact, distance(scores + i * 128, c->steps[i].exact, c->score_count));
        scores = run_thimble1(load(names[n], tb_kernels_at(0), TB_FAST), c);
        for (size_t i = 0; i < c->step_count; i++)
            fast = fmax(fast, distance(scores + i * 128, c->steps[i].fast, c->score_count));
        printf("%s: largest difference from numpy: exact %.1e, fast %.1e\n", names[n], exact, fast);
        CHECK(exact < 1e-5);
        CHECK(fast < 2e-2); /* a number on the edge between two INT8 steps may fall either way */
        free(c);
    }
}

/* The same bits from every kernel table, in both numerics. */
static void thimble1_same_bits(void)
{
    static float first[16 * 128];
    thimble1_case *c = read_thimble1("thimble1");
    for (int numeric = TB_FAST; numeric <= TB_EXACT; numeric++)
        for (size_t k = 0; k < tb_kernels_count(); k++) {
            float *scores = run_thimble1(load("thimble1", tb_kernels_at(k), (tb_numeric)numeric), c);
            if (k == 0)
                memcpy(first, scores, sizeof first);
            CHECK(memcmp(first, scores, sizeof first) == 0);
        }
    free(c);
}

/* Anchors alone give the same states as all rows; a block survives being copied and bound again. */
static void segments_can_be_stored(void)
{
    thimble1_case *c = read_thimble1("thimble1");
    tb_model *m = load("thimble1", tb_kernels_at(0), TB_FAST);
    const input *in = &c->inputs[2];
    const uint32_t anchors[3] = {0, 7, 29};
    tb_encoded all = encode(m, in, NULL, in->rows, NULL, 0, true), some = encode(m, in, anchors, 3, NULL, 0, true), copy;
    size_t floats = tb_encoded_floats(m, in->rows, 3, true), layers = 3 + 2;
    tb_error err = {0};
    float *block = tb_alloc(&arena, floats, sizeof *block, &err);
    CHECK_INT(floats, layers * 2 * 32 * in->rows + 2 * 3 * 64);
    CHECK(memcmp(all.keys, some.keys, layers * 2 * 32 * in->rows * sizeof(float)) == 0);
    for (int i = 0; i < 3; i++) {
        CHECK(memcmp(all.states + anchors[i] * 64, some.states + i * 64, 64 * sizeof(float)) == 0);
        CHECK(memcmp(all.pointer_keys + anchors[i] * 64, some.pointer_keys + i * 64, 64 * sizeof(float)) == 0);
    }
    memcpy(block, some.keys, floats * sizeof *block);
    CHECK(tb_encoded_bind(m, block, floats, in->rows, 3, true, &copy, &err));
    CHECK(memcmp(copy.pointer_keys, some.pointer_keys, 3 * 64 * sizeof(float)) == 0);
    CHECK_INT(copy.pointer_keys + 3 * 64 - block, floats);
    free(c);
}

static void refuses_arguments(void)
{
    thimble1_case *c = read_thimble1("thimble1");
    tb_model *m = load("thimble1", tb_kernels_at(0), TB_FAST);
    input *in = &c->inputs[0];
    tb_encoded s = encode(m, in, NULL, in->rows, NULL, 0, false);
    const tb_encoded *list[1] = {&s};
    tb_place outside = {0, (uint32_t)in->rows}, nowhere = {1, 0}, end = {TB_PLACE_END, 0};
    uint32_t far[1] = {(uint32_t)in->rows};
    tb_error err = {0};
    float score;
    tb_decoder *d;
#define REFUSE(call, code)          \
    do {                            \
        tb_error none = {0};        \
        err = none;                 \
        CHECK(!(call));             \
        CHECK_INT(err.status, code); \
    } while (0)
    CHECK_INT(tb_encoded_floats(m, 0, 0, true), 0);
    CHECK_INT(tb_encoded_floats(m, 641, 0, true), 0);
    CHECK_INT(tb_encoded_floats(m, 5, 6, true), 0);
    CHECK(tb_encode_bytes(m, 641, 0) == SIZE_MAX && tb_encode_bytes(m, 1, TB_MAX_KEYS) == SIZE_MAX);
    CHECK(tb_decoder_bytes(m, 0, 5) == SIZE_MAX && tb_decoder_bytes(m, 5, 513) == SIZE_MAX);
    REFUSE(tb_encoded_bind(m, s.keys, 10, in->rows, 0, true, &s, &err), TB_E_INTERNAL);
    REFUSE(tb_encode(m, in->ids, in->classes, in->rows, NULL, list, 1, &s, &scratch, &err), TB_E_INTERNAL);
    REFUSE(tb_encode(m, in->ids, in->classes, in->rows - 1, NULL, NULL, 0, &s, &scratch, &err), TB_E_INTERNAL);
    in->ids[3] = 320;
    REFUSE(tb_encode(m, in->ids, in->classes, in->rows, NULL, NULL, 0, &s, &scratch, &err), TB_E_INTERNAL);
    in->ids[3] = 319;
    in->classes[3] = 3;
    REFUSE(tb_encode(m, in->ids, in->classes, in->rows, NULL, NULL, 0, &s, &scratch, &err), TB_E_INTERNAL);
    in->classes[3] = 2;
    s.kept = 1;
    REFUSE(tb_encode(m, in->ids, in->classes, in->rows, far, NULL, 0, &s, &scratch, &err), TB_E_INTERNAL);
    s.kept = (uint32_t)in->rows;
    REFUSE(tb_decoder_start(m, list, 1, 0, &arena, &err), TB_E_TOO_LONG);
    REFUSE(tb_decoder_start(m, list, 1, 513, &arena, &err), TB_E_TOO_LONG);
    REFUSE(tb_decoder_start(m, list, 0, 2, &arena, &err), TB_E_TOO_LONG);
    err.status = TB_OK;
    d = tb_decoder_start(m, list, 1, 2, &arena, &err);
    REFUSE(tb_decoder_score(d, &end, 1, &score, &err), TB_E_INTERNAL);
    REFUSE(tb_decoder_step(d, &end, 0, &err), TB_E_INTERNAL);
    REFUSE(tb_decoder_step(d, &outside, 0, &err), TB_E_INTERNAL);
    REFUSE(tb_decoder_step(d, &nowhere, 0, &err), TB_E_INTERNAL);
    REFUSE(tb_decoder_step(d, NULL, 6, &err), TB_E_INTERNAL);
    REFUSE(tb_decoder_token(d, 1, &err), TB_E_INTERNAL);
    err.status = TB_OK;
    CHECK(tb_decoder_step(d, NULL, 0, &err) && tb_decoder_step(d, NULL, 1, &err));
    REFUSE(tb_decoder_score(d, &outside, 1, &score, &err), TB_E_INTERNAL);
    REFUSE(tb_decoder_step(d, NULL, 1, &err), TB_E_TOO_LONG);
    s.pointer_keys[0] = NAN; /* prepared tools that were tampered with */
    outside.row = 0;
    REFUSE(tb_decoder_score(d, &outside, 1, &score, &err), TB_E_FORMAT);
    free(c);
}

/* ---- needle1 -------------------------------------------------------------------------------- */

/* Loads, encodes and decodes the recorded case; with `check`, compares. Returns the logits. */
static float *run_needle1(const tb_kernels *kernels, tb_numeric numeric, bool check)
{
    static float logits[16][300], want[80 * 64];
    size_t size, steps = 0;
    char *data = test_read_file("tests/c/data/network_needle1.txt", &size), *save = NULL;
    tb_model *m = load("needle1", kernels, numeric);
    tb_error err = {0};
    tb_encoded s = {0};
    const tb_encoded *list[1] = {&s};
    tb_decoder *d = NULL;
    double encoder = 0, worst = 0;
    for (char *line = strtok_r(data, "\n", &save); line != NULL; line = strtok_r(NULL, "\n", &save)) {
        unsigned id;
        if (strncmp(line, "input ", 6) == 0) {
            input in = read_input(line + 6);
            s = encode(m, &in, NULL, in.rows, NULL, 0, false);
            d = tb_decoder_start(m, list, 1, 16, &arena, &err);
        } else if (strncmp(line, "encoder ", 8) == 0 && numeric == TB_EXACT) {
            encoder = distance(s.states, want, read_floats(line + 8, want, 80 * 64));
        } else if (sscanf(line, "step %u", &id) == 1) {
            CHECK(tb_decoder_token(d, id, &err) && tb_decoder_logits(d, logits[steps++], &err));
        } else if (strncmp(line, numeric == TB_EXACT ? "exact" : "fast ", 5) == 0) {
            CHECK_INT(read_floats(line + 5, want, 80 * 64), 300);
            worst = fmax(worst, distance(logits[steps - 1], want, 300));
        }
    }
    if (check) {
        printf("needle1 %s: largest difference from numpy: encoder %.1e, logits %.1e\n",
               numeric == TB_EXACT ? "exact" : "fast", encoder, worst);
        CHECK_INT(steps, 8);
        CHECK(encoder < 1e-5 && worst < (numeric == TB_EXACT ? 1e-5 : 2e-2));
    }
    free(data);
    return logits[0];
}

static void needle1_like_numpy(void)
{
    static float first[16 * 300];
    for (int numeric = TB_FAST; numeric <= TB_EXACT; numeric++)
        for (size_t k = 0; k < tb_kernels_count(); k++) {
            float *logits = run_needle1(tb_kernels_at(k), (tb_numeric)numeric, k == 0);
            if (k == 0)
                memcpy(first, logits, sizeof first);
            CHECK(memcmp(first, logits, sizeof first) == 0);
        }
}

/* ---- files that must be refused ------------------------------------------------------------- */

/* Replaces text in the header by text of the same length. */
static void refuse_edit(const char *which, const char *from, const char *to, const char *why)
{
    size_t size;
    uint8_t *file = model_file(which, &size), *at = file;
    tb_error err = {0};
    while (at + strlen(from) < file + size && memcmp(at, from, strlen(from)) != 0)
        at++;
    CHECK(at + strlen(from) < file + size && strlen(from) == strlen(to));
    memcpy(at, to, strlen(to));
    tb_arena_init(&arena, arena_memory, sizeof arena_memory);
    CHECK(tb_model_load(file, size, tb_kernels_c(), TB_FAST, &arena, &err) == NULL);
    CHECK_INT(err.status, TB_E_FORMAT);
    if (!CHECK(strstr(err.message, why) != NULL))
        printf("    got \"%s\", want \"%s\"\n", err.message, why);
    free(file);
}

static void refuses_files(void)
{
    refuse_edit("thimble1", "encoder.1.norm", "encoder.7.norm", "tensor encoder.1.norm");
    refuse_edit("thimble1", "\"num_encoder_layers\":\"3\"", "\"num_encoder_layers\":\"2\"", "not part of this format");
    refuse_edit("thimble1", "\"num_encoder_layers\":\"3\"", "\"num_encoder_layers\":\"4\"", "tensor encoder.3.norm");
    refuse_edit("thimble1", "\"num_kv_heads\":\"2\"", "\"num_kv_heads\":\"4\"", "self_attn.wk");
    refuse_edit("thimble1", "\"num_heads\":\"4\"", "\"num_heads\":\"8\"", "self_attn.wk");
    refuse_edit("thimble1", "\"d_model\":\"64\"", "\"d_model\":\"32\"", "tensor embedding");
    refuse_edit("thimble1", "\"vocab_size\":\"320\"", "\"vocab_size\":\"321\"", "tensor embedding");
    refuse_edit("thimble1", "thimble1\"", "thimble9\"", "metadata format");
    refuse_edit("thimble1", "pointer.end", "pointer.ned", "tensor pointer.end");
    refuse_edit("needle1", "\"no_feedforward\":\"True\"", "\"no_feedforward\":\"0\"   ", "ffn_norm");
    refuse_edit("needle1", "decoder.1.cross_attn.wo.scale", "decoder.1.cross_attn.wo.skale", "wo.scale");
}

/* An arena of any size: a model or TB_E_NOMEM, never more. */
static void small_arenas(void)
{
    size_t size, need;
    uint8_t *file = model_file("narrow", &size);
    tb_error err = {0};
    tb_arena_init(&arena, arena_memory, sizeof arena_memory);
    need = tb_model_load_bytes(file, size, &arena, &err);
    for (size_t room = 0; room < need; room += room < 20000 ? 64 : 4096) {
        tb_error e = {0};
        tb_arena_init(&arena, arena_memory, room);
        CHECK(tb_model_load(file, size, tb_kernels_c(), TB_FAST, &arena, &e) == NULL);
        CHECK_INT(e.status, TB_E_NOMEM);
    }
    free(file);
}

int main(void)
{
    RUN(thimble1_like_numpy);
    RUN(thimble1_same_bits);
    RUN(segments_can_be_stored);
    RUN(refuses_arguments);
    RUN(needle1_like_numpy);
    RUN(refuses_files);
    RUN(small_arenas);
    return test_end();
}
