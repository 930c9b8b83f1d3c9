/* trainer.c - see trainer.h. */
#include "trainer.h"

#include <stdlib.h>

#include "muon.h"

enum { CHUNK = 1 << 16, EMBEDDING_ROWS = 256 };

static const size_t ARENA_BYTES = (size_t)12
                                  << 30; /* address space; what is touched depends on the unit */

static real *flat(size_t n) {
    Arena a = arena_make(n * sizeof(real) + 64);
    return arena_reals(&a, n);
}

void trainer_make(Trainer *t, Model *m, int threads, Settings s) {
    *t = (Trainer){.model = m,
                   .pool = pool_make(threads),
                   .settings = s,
                   .momentum = flat(m->size),
                   .square = flat(m->size)};
    t->gradients = get_memory((size_t)threads * sizeof *t->gradients);
    t->arenas = get_memory((size_t)threads * sizeof *t->arenas);
    for (int i = 0; i < threads; i++) {
        t->gradients[i] = flat(m->size);
        t->arenas[i] = arena_make(ARENA_BYTES);
    }
    trainer_refresh(t, false);
}

/* ---- jobs over parts of tensors ---- */

typedef struct {
    int tensor, row0, rows;
} Part;

/* Tensor parts as separate jobs: matrices first (they take longest), the embedding in strips. */
static int list_parts(const Model *m, Part *parts) {
    int n = 0;
    for (int kind = MATRIX; kind >= 0; kind--)
        for (int i = 0; i < m->tensor_count; i++) {
            const Tensor *t = &m->tensors[i];
            if ((int)t->kind == kind)
                parts[n++] = (Part){i, 0, t->rows};
        }
    const Tensor *e = &m->tensors[m->embedding];
    for (int r = 0; r < e->rows; r += EMBEDDING_ROWS)
        parts[n++] =
            (Part){m->embedding, r, e->rows - r < EMBEDDING_ROWS ? e->rows - r : EMBEDDING_ROWS};
    return n;
}

static int part_room(const Model *m) {
    return m->tensor_count + m->config.vocab / EMBEDDING_ROWS + 1;
}

typedef struct {
    Trainer *t;
    const Part *parts;
    double clip, factor;
} PartWork;

static void refresh_job(void *context, int worker, int index) {
    (void)worker;
    PartWork *w = context;
    Part p = w->parts[index];
    model_set_value(w->t->model, p.tensor, p.row0, p.rows, w->t->quantise);
}

static void pack_job(void *context, int worker, int index) {
    Trainer *t = context;
    t->arenas[worker].used = 0;
    model_pack(t->model, index, &t->arenas[worker]);
}

static void run_parts(Trainer *t, PoolJob job, double clip, double factor) {
    Part *parts = get_memory((size_t)part_room(t->model) * sizeof *parts);
    PartWork w = {t, parts, clip, factor};
    pool_run(t->pool, job, &w, list_parts(t->model, parts));
    free(parts);
    pool_run(t->pool, pack_job, t, model_pack_jobs(t->model));
}

void trainer_refresh(Trainer *t, bool quantise) {
    t->quantise = quantise;
    run_parts(t, refresh_job, 0, 0);
}

/* Rare words get few, noisy gradients, and Adam makes each a full step: without a pull their vectors end up far from
 * what they began as, and what the model learnt of other words no longer holds for them. */
static void pull(size_t n, real *w, const real *anchor, double part) {
    for (size_t i = 0; i < n; i++)
        w[i] += (real)part * (anchor[i] - w[i]);
}

static void update_job(void *context, int worker, int index) {
    PartWork *w = context;
    Trainer *t = w->t;
    const Settings *s = &t->settings;
    Part p = w->parts[index];
    const Tensor *x = &t->model->tensors[p.tensor];
    size_t at = x->offset + (size_t)p.row0 * (size_t)x->columns,
           n = (size_t)p.rows * (size_t)x->columns;
    real *g = t->gradients[0] + at;
    if (x->kind == MATRIX) {
        t->arenas[worker].used = 0;
        muon_update(&t->arenas[worker], x->rows, x->columns, t->model->master + at,
                    t->momentum + at, g, w->clip, s->muon_rate * w->factor, s->weight_decay);
    } else {
        double rate = p.tensor == t->model->embedding ? s->embedding_rate : s->adam_rate;
        adam_update(n, t->model->master + at, t->momentum + at, t->square + at, g, w->clip,
                    rate * w->factor, t->step);
        if (p.tensor == t->model->embedding && s->anchor)
            pull(n, t->model->master + at, s->anchor + (at - x->offset), s->embedding_pull * w->factor);
    }
    memset(g, 0, n * sizeof(real));
    model_set_value(t->model, p.tensor, p.row0, p.rows, t->quantise);
}

void trainer_step(Trainer *t, double norm, double factor) {
    double clip = t->settings.clip > 0 && norm > t->settings.clip ? t->settings.clip / norm : 1;
    t->step++;
    run_parts(t, update_job, clip, factor);
}

void trainer_drop(Trainer *t) {
    memset(t->gradients[0], 0, t->model->size * sizeof(real));
}

/* ---- passes over groups ---- */

typedef struct {
    int first, count;
} Span;

typedef struct {
    Trainer *t;
    const Group **groups;
    Span *units;
    bool train;
    double loss_scale;
    Tally *tallies; /* per worker */
} PassWork;

static void pass_job(void *context, int worker, int index) {
    PassWork *w = context;
    Trainer *t = w->t;
    Noise noise = t->settings.noise;
    noise.seed = (uint64_t)t->step << 20 | (uint64_t)index;
    PassOptions o = {.loss_scale = w->loss_scale,
                     .z_loss = t->settings.z_loss,
                     .match_weight = t->settings.match_weight,
                     .gradient = w->train ? t->gradients[worker] : NULL,
                     .noise = w->train ? &noise : NULL};
    Tally y = network_pass(t->model, &t->arenas[worker], w->groups + w->units[index].first,
                           w->units[index].count, &o);
    tally_add(&w->tallies[worker], &y);
}

static int by_rows_descending(const void *a, const void *b) {
    const Group *x = *(const Group *const *)a, *y = *(const Group *const *)b;
    return x->rows != y->rows ? (x->rows < y->rows) - (x->rows > y->rows)
                              : (x->words > y->words) - (x->words < y->words);
}

/* Cuts the groups into units of about unit_rows rows; towards the end smaller ones, so that all
 * threads end together. */
static int cut_units(const Trainer *t, const Group *const *groups, int count, Span *units) {
    long left = 0;
    for (int i = 0; i < count; i++)
        left += groups[i]->rows;
    int n = 0;
    for (int i = 0; i < count;) {
        long want = left / (2 * pool_threads(t->pool)), rows = 0;
        if (want > t->settings.unit_rows)
            want = t->settings.unit_rows;
        int first = i;
        do {
            rows += groups[i++]->rows;
        } while (i < count && rows + groups[i]->rows <= want);
        units[n++] = (Span){first, i - first};
        left -= rows;
    }
    return n;
}

static Tally pass(Trainer *t, const Group *const *groups, int count, bool train,
                  double loss_scale) {
    int threads = pool_threads(t->pool);
    size_t n = (size_t)count;
    const Group **sorted = get_memory(n * sizeof *sorted);
    memcpy(sorted, groups, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, by_rows_descending);
    PassWork w = {t,     sorted,     get_memory(n * sizeof(Span)),
                  train, loss_scale, calloc((size_t)threads, sizeof(Tally))};
    if (!w.tallies)
        fail("out of memory");
    pool_run(t->pool, pass_job, &w, cut_units(t, sorted, count, w.units));
    Tally sum = {0};
    for (int i = 0; i < threads; i++)
        tally_add(&sum, &w.tallies[i]);
    free(sorted);
    free(w.units);
    free(w.tallies);
    return sum;
}

Tally trainer_evaluate(Trainer *t, const Group *const *groups, int count) {
    return pass(t, groups, count, false, 0);
}

static void reduce_job(void *context, int worker, int index) {
    (void)worker;
    Trainer *t = context;
    size_t from = (size_t)index * CHUNK,
           to = from + CHUNK < t->model->size ? from + CHUNK : t->model->size;
    for (int k = 1; k < pool_threads(t->pool); k++) {
        for (size_t i = from; i < to; i += (size_t)LANES)
            vec_store(t->gradients[0] + i,
                      vec_load(t->gradients[0] + i) + vec_load(t->gradients[k] + i));
        memset(t->gradients[k] + from, 0, (to - from) * sizeof(real));
    }
}

static void unfold_job(void *context, int worker, int index) {
    (void)worker;
    Trainer *t = context;
    model_unfold(t->model, index, t->gradients[0]);
}

static int chunks(const Trainer *t) {
    return (int)((t->model->size + CHUNK - 1) / CHUNK);
}

Tally trainer_gradient(Trainer *t, const Group *const *groups, int count) {
    double weight = 0;
    for (int i = 0; i < count; i++)
        weight += group_weight(groups[i]);
    Tally y = pass(t, groups, count, true, weight > 0 ? 1 / weight : 0);
    if (pool_threads(t->pool) > 1)
        pool_run(t->pool, reduce_job, t, chunks(t));
    pool_run(t->pool, unfold_job, t, model_pack_jobs(t->model));
    return y;
}

typedef struct {
    Trainer *t;
    double *sums;
} NormWork;

static void norm_job(void *context, int worker, int index) {
    (void)worker;
    NormWork *w = context;
    size_t from = (size_t)index * CHUNK, size = w->t->model->size,
           to = from + CHUNK < size ? from + CHUNK : size;
    vec s = vec_set(0);
    for (size_t i = from; i < to; i += (size_t)LANES)
        s += vec_load(w->t->gradients[0] + i) * vec_load(w->t->gradients[0] + i);
    w->sums[index] = (double)vec_sum(s);
}

double trainer_norm(Trainer *t) {
    NormWork w = {t, get_memory((size_t)chunks(t) * sizeof(double))};
    pool_run(t->pool, norm_job, &w, chunks(t));
    double s = 0;
    for (int i = 0; i < chunks(t); i++)
        s += w.sums[i];
    free(w.sums);
    uint64_t bits; /* -ffast-math takes isfinite() for true: look at the exponent */
    memcpy(&bits, &s, sizeof bits);
    return (bits >> 52 & 0x7ff) == 0x7ff ? -1 : sqrt(s);
}
