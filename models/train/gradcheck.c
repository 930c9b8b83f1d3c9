/* gradcheck.c - thimble-gradcheck: the backward pass against central finite differences, in double.
 * Exit status 1 if any relative error is above 1e-4. */
#include <stdio.h>
#include <stdlib.h>

#include "network.h"

#ifndef REAL64
#error "build with -DREAL64"
#endif

enum { GROUPS = 5, PER_TENSOR = 24 };
static const double STEP = 1e-5, LIMIT = 1e-4, Z_LOSS = 1e-2, MATCH_WEIGHT = 0.5;

typedef struct {
    int32_t *words;
    size_t count;
    uint64_t random;
} Writer;

static void put(Writer *w, int32_t x) {
    w->words = resize_memory(w->words, (w->count + 1) * sizeof *w->words);
    w->words[w->count++] = x;
}

static int below(Writer *w, int n) {
    return (int)random_below(&w->random, (uint64_t)n);
}

static int put_tokens(Writer *w, int vocab, int longest) {
    int n = 1 + below(w, longest);
    put(w, n);
    for (int i = 0; i < n; i++)
        put(w, below(w, vocab) | below(w, CASES) << 16);
    return n;
}

/* end: the position END; only the last decision may choose it. first_tool: that of a tool, or -1. Some
 * decisions are forced, some weigh nothing. */
static void put_decision(Writer *w, int end, bool last, int first_tool) {
    int target = first_tool >= 0 ? first_tool : last && below(w, 4) ? end : below(w, end),
        others = below(w, 4) ? 1 + below(w, 6) : 0;
    union {
        float f;
        int32_t i;
    } weight = {below(w, 6) ? (float)(0.2 + random_unit(&w->random)) : 0};
    put(w, below(w, KINDS));
    put(w, target);
    put(w, weight.i);
    size_t at = w->count;
    put(w, 1);
    put(w, target);
    for (int i = 0; i < others; i++) {
        int p = below(w, end + 1);
        bool seen = false;
        for (size_t k = at + 1; k < w->count; k++)
            seen |= w->words[k] == p;
        if (seen)
            continue;
        put(w, p);
        w->words[at]++;
    }
}

/* writes groups to a file, so that they are read as training data are */
static void write_groups(const char *path, int vocab) {
    static const int tools[GROUPS] = {3, 0, 1, 2, 4}, queries[GROUPS] = {3, 2, 1, 1, 4};
    Writer w = {.random = 7};
    for (int g = 0; g < GROUPS; g++) {
        int rows = 0, longest = g == 4 ? 40 : 7;
        put(&w, tools[g]);
        for (int i = 0; i < tools[g]; i++)
            rows += put_tokens(&w, vocab, longest);
        put(&w, queries[g]);
        for (int i = 0; i < queries[g]; i++) {
            int n = put_tokens(&w, vocab, longest), m = g == 4 && i == 1 ? 0 : 1 + below(&w, 7);
            put(&w, m);
            for (int k = 0; k < m; k++)
                put_decision(&w, n + rows, k == m - 1, k == 0 && rows && below(&w, 3) ? n : -1);
        }
    }
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(w.words, 4, w.count, f) != w.count || fclose(f))
        fail("cannot write %s", path);
}

static void set_random(Model *m, uint64_t seed) {
    for (int i = 0; i < m->tensor_count; i++) {
        const Tensor *t = &m->tensors[i];
        double scale = t->kind == VECTOR ? 0.8 : 2 / sqrt(m->config.d);
        for (size_t k = 0; k < t->count; k++)
            m->master[t->offset + k] = scale * (random_unit(&seed) * 2 - 1);
    }
}

typedef struct {
    Model *model;
    Arena arena, scratch;
    const Group *groups[GROUPS];
    double scale;
    long matches;
} Check;

/* The trained quantity: mean loss plus z-loss and that of the matches. With `gradient` (zero on entry) also its gradient.
 */
static double total_loss(Check *c, real *gradient) {
    Model *m = c->model;
    for (int i = 0; i < m->tensor_count; i++)
        model_set_value(m, i, 0, m->tensors[i].rows, false);
    for (int i = 0; i < model_pack_jobs(m); i++)
        model_pack(m, i, &c->scratch);
    Noise noise = {.dropout = 0.2, .seed = 5};
    PassOptions o = {.loss_scale = c->scale, .z_loss = Z_LOSS, .match_weight = MATCH_WEIGHT, .gradient = gradient, .noise = &noise};
    Tally t = network_pass(m, &c->arena, c->groups, GROUPS, &o);
    c->matches = t.matches;
    if (gradient)
        for (int i = 0; i < model_pack_jobs(m); i++)
            model_unfold(m, i, gradient);
    return (t.loss + Z_LOSS * t.z + MATCH_WEIGHT * t.match_loss) * c->scale;
}

static double check_tensor(Check *c, const Tensor *t, const real *gradient) {
    uint64_t random = t->offset + 1;
    const real *g = gradient + t->offset;
    double largest = 0, worst = 0;
    for (size_t i = 0; i < t->count; i++)
        largest = fabs(g[i]) > largest ? fabs(g[i]) : largest;
    for (int k = 0; k < PER_TENSOR && k < (int)t->count; k++) {
        size_t i = t->count <= PER_TENSOR ? (size_t)k : random_below(&random, t->count);
        real *w = c->model->master + t->offset + i, old = *w;
        *w = old + STEP;
        double high = total_loss(c, NULL);
        *w = old - STEP;
        double low = total_loss(c, NULL);
        *w = old;
        double slope = (high - low) / (2 * STEP),
               error = fabs(slope - g[i]) / (fabs(slope) + fabs(g[i]) + 1e-3 * largest + 1e-12);
        if (error > worst)
            worst = error;
    }
    if (largest == 0)
        fail("tensor %s has no gradient at all", t->name);
    return worst;
}

int main(int count, char **arguments) {
    if (count != 2)
        fail("usage: thimble-gradcheck SCRATCHFILE");
    Model m;
    model_make(&m, (Config){.vocab = 40,
                            .d = 128,
                            .heads = 4,
                            .kv_heads = 2,
                            .encoder_layers = 2,
                            .decoder_layers = 2,
                            .rope_theta = 10000});
    set_random(&m, 3);
    write_groups(arguments[1], m.config.vocab);
    Dataset d = {0};
    data_add(&d, arguments[1], m.config.vocab, 0);
    Check c = {
        .model = &m, .arena = arena_make((size_t)1 << 30), .scratch = arena_make((size_t)64 << 20)};
    double weight = 0;
    for (int i = 0; i < GROUPS; i++) {
        c.groups[i] = &d.groups[i];
        weight += group_weight(c.groups[i]);
    }
    c.scale = 1 / weight;
    real *gradient = calloc(m.size, sizeof(real));
    if (!gradient)
        fail("out of memory");
    printf("loss %.6f over %zu groups\n", total_loss(&c, gradient), d.count);
    if (!c.matches)
        fail("no match among the groups: their loss is not checked");
    double worst = 0;
    for (int i = 0; i < m.tensor_count; i++) {
        double e = check_tensor(&c, &m.tensors[i], gradient);
        printf("  %-36s %.2e\n", m.tensors[i].name, e);
        if (!(e <= worst))
            worst = e;
    }
    printf("worst relative error %.3e (limit %.0e)\n", worst, LIMIT);
    return worst <= LIMIT ? 0 : 1;
}
