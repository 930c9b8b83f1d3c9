/* attention.c - see attention.h. */
#include "attention.h"

/* Segments are merged into a job until it has this many own keys: too small a product wastes tiles,
 * too large a one computes scores that the mask throws away. */
enum { MERGE_KEYS = 64 };

void plan_make(Plan *p, Arena *a, const Config *c, int rows, int sets, int segments) {
    *p = (Plan){.rep = c->rep, .kv_heads = c->kv_heads};
    p->sets = arena_get(a, (size_t)sets * sizeof(JobSet));
    p->jobs = arena_get(a, (size_t)segments * sizeof(Job));
    p->lo = arena_ints(a, (size_t)rows);
    p->hi = arena_ints(a, (size_t)rows);
}

static size_t plan_rows(const Plan *p, int rows) {
    return (size_t)rows * (size_t)p->rep;
}

void plan_finish(Plan *p) {
    if (p->job_count) {
        Job *j = &p->jobs[p->job_count - 1];
        p->own_size =
            j->e + (size_t)p->kv_heads * plan_rows(p, j->rows) * (size_t)round_up(j->keys, 32);
    }
    if (p->set_count) {
        JobSet *s = &p->sets[p->set_count - 1];
        p->shared_size =
            s->e + (size_t)p->kv_heads * plan_rows(p, s->rows) * (size_t)round_up(s->keys, 32);
    }
}

void plan_set(Plan *p, int q0, int k0, int keys) {
    plan_finish(p);
    p->sets[p->set_count++] =
        (JobSet){.q0 = q0, .k0 = k0, .keys = keys, .job0 = p->job_count, .e = p->shared_size};
}

void plan_segment(Plan *p, int rows, int k0, int keys, bool causal) {
    if (!rows)
        return;
    JobSet *s = &p->sets[p->set_count - 1];
    Job *j = s->jobs ? &p->jobs[p->job_count - 1] : NULL;
    if (!j || j->keys + keys > MERGE_KEYS || j->k0 + j->keys != k0) {
        plan_finish(p);
        j = &p->jobs[p->job_count++];
        *j = (Job){.q0 = s->q0 + s->rows, .k0 = k0, .e = p->own_size};
        s->jobs++;
    }
    for (int i = 0; i < rows; i++) {
        p->lo[j->q0 + j->rows + i] = j->keys;
        p->hi[j->q0 + j->rows + i] = j->keys + (causal ? i + 1 : keys);
    }
    j->keys += keys;
    j->rows += rows;
    s->rows += rows;
}

static const real MASKED = (real)-1e30;

static void fill(real *p, int from, int to) {
    for (int i = from; i < to; i++)
        p[i] = MASKED;
}

static inline vec row_top(const real *s, int n, vec top) {
    for (int i = 0; i < n; i += LANES)
        top = vec_max(top, vec_load(s + i));
    return top;
}

static inline vec row_exp(const real *s, int n, vec top, act *e, vec sum) {
    for (int i = 0; i < n; i += LANES) {
        vec x = vec_exp(vec_load(s + i) - top);
        act_store(e + i, x);
        sum += x;
    }
    return sum;
}

/* One row of scores in two parts of padded widths; masked entries become exactly 0. Returns 1 /
 * sum. */
static inline real softmax_row(real *s1, int n1, act *e1, real *s2, int n2, act *e2) {
    vec top = vec_set(vec_top(row_top(s2, n2, row_top(s1, n1, vec_set(MASKED)))));
    vec sum = row_exp(s1, n1, top, e1, vec_set(0));
    return 1 / vec_sum(row_exp(s2, n2, top, e2, sum));
}

/* A key range of one KV head, packed as right operands. */
typedef struct {
    act *k_t, *v, *v_t, *k; /* K^T [hd][keys], V [keys][hd], V^T [hd][keys], K [keys][hd] */
} Packed;

static Packed pack_forward(Arena *a, const act *k, const act *v, int keys, int hd) {
    Packed p = {.k_t = arena_acts(a, gemm_packed_size(hd, keys)),
                .v = arena_acts(a, gemm_packed_size(keys, hd))};
    gemm_pack_t(p.k_t, k, hd, hd, keys);
    gemm_pack(p.v, v, hd, keys, hd);
    return p;
}

static Packed pack_backward(Arena *a, const act *k, const act *v, int keys, int hd) {
    Packed p = {.v_t = arena_acts(a, gemm_packed_size(hd, keys)),
                .k = arena_acts(a, gemm_packed_size(keys, hd))};
    gemm_pack_t(p.v_t, v, hd, hd, keys);
    gemm_pack(p.k, k, hd, keys, hd);
    return p;
}

/* out rows of one job and KV head: o [rows * rep][hd] times inverse, to row-major out */
static void store_output(const Config *c, const Job *j, int head, const real *o,
                         const real *inverse, act *out) {
    int hd = c->head_dim;
    for (int i = 0; i < j->rows; i++)
        for (int r = 0; r < c->rep; r++) {
            vec f = vec_set(inverse[i * c->rep + r]);
            const real *from = o + (size_t)(i * c->rep + r) * (size_t)hd;
            act *to = out + (size_t)(j->q0 + i) * (size_t)c->d + (head * c->rep + r) * hd;
            for (int x = 0; x < hd; x += LANES)
                act_store(to + x, f * vec_load(from + x));
        }
}

static size_t head_offset(const Config *c, int head, int rows, int row) {
    return ((size_t)head * (size_t)rows + (size_t)row) * (size_t)c->rep;
}

static void job_forward(const Plan *p, const Config *c, Arena *a, const JobSet *s, const Job *j,
                        int head, int rows, int keys, const Packed *shared, const act *q,
                        const act *k, const act *v, Probabilities *e, act *out) {
    size_t mark = a->used, hd = (size_t)c->head_dim,
           key0 = ((size_t)head * (size_t)keys + (size_t)j->k0) * hd;
    int n = j->rows * c->rep, n1 = round_up(s->keys, 32), n2 = round_up(j->keys, 32), ld = n1 + n2;
    Packed own = pack_forward(a, k + key0, v + key0, j->keys, c->head_dim);
    int whole = round_up(
        n, 32); /* rows past the job's are computed and left alone: cheaper than cutting tiles */
    real *score = arena_reals(a, (size_t)whole * (size_t)ld),
         *o = arena_reals(a, (size_t)whole * hd);
    GemmRows left = gemm_rows(q + head_offset(c, head, rows, j->q0) * hd, c->head_dim);
    if (n1)
        gemm(whole, n1, c->head_dim, left, shared->k_t, score, ld, false);
    gemm(whole, n2, c->head_dim, left, own.k_t, score + n1, ld, false);

    act *e1 =
        e->shared + s->e +
        ((size_t)head * (size_t)s->rows + (size_t)(j->q0 - s->q0)) * (size_t)c->rep * (size_t)n1;
    act *e2 = e->own + j->e + (size_t)head * (size_t)n * (size_t)n2;
    real *inverse = e->inverse + head_offset(c, head, rows, j->q0);
    for (int i = 0; i < n; i++) {
        real *s1 = score + (size_t)i * (size_t)ld, *s2 = s1 + n1;
        int row = j->q0 + i / c->rep;
        fill(s1, s->keys, n1);
        fill(s2, 0, p->lo[row]);
        fill(s2, p->hi[row], n2);
        inverse[i] =
            softmax_row(s1, n1, e1 + (size_t)i * (size_t)n1, s2, n2, e2 + (size_t)i * (size_t)n2);
    }
    if (n1)
        gemm(whole, c->head_dim, n1, gemm_rows(e1, n1), shared->v, o, c->head_dim, false);
    gemm(whole, c->head_dim, n2, gemm_rows(e2, n2), own.v, o, c->head_dim, n1 > 0);
    store_output(c, j, head, o, inverse, out);
    a->used = mark;
}

void attention_forward(const Plan *p, const Config *c, Arena *scratch, int rows, int keys,
                       const act *q, const act *k, const act *v, Probabilities *e, act *out) {
    for (int i = 0; i < p->set_count; i++)
        for (int head = 0; head < c->kv_heads; head++) {
            const JobSet *s = &p->sets[i];
            size_t mark = scratch->used,
                   key0 = ((size_t)head * (size_t)keys + (size_t)s->k0) * (size_t)c->head_dim;
            Packed shared = {0};
            if (s->keys)
                shared = pack_forward(scratch, k + key0, v + key0, s->keys, c->head_dim);
            for (int x = 0; x < s->jobs; x++)
                job_forward(p, c, scratch, s, &p->jobs[s->job0 + x], head, rows, keys, &shared, q,
                            k, v, e, out);
            scratch->used = mark;
        }
}

/* ds = e (dp - delta), for n rows of padded width w */
static void score_gradient(const act *e, const real *dp, int ld, const real *delta, int n, int w,
                           act *ds) {
    for (int i = 0; i < n; i++) {
        vec d = vec_set(delta[i]);
        for (int x = 0; x < w; x += LANES) {
            size_t at = (size_t)i * (size_t)w + (size_t)x;
            act_store(ds + at, act_load(e + at) * (vec_load(dp + (size_t)i * (size_t)ld + x) - d));
        }
    }
}

/* dk += ds^T q, dv += e^T d_out for w keys and n rows; w is padded: the last keys' columns are
 * zero, so that what lies after the keys in dk and dv stays as it is */
static void key_gradient(Arena *a, int n, int w, int hd, const act *ds, const act *e,
                         const act *q_packed, const act *d_out_packed, real *dk, real *dv) {
    size_t mark = a->used;
    act *t = arena_acts(a, gemm_packed_size(n, w));
    gemm(w, hd, n, gemm_pack_rows_t(t, ds, w, n, w), q_packed, dk, hd, true);
    gemm(w, hd, n, gemm_pack_rows_t(t, e, w, n, w), d_out_packed, dv, hd, true);
    a->used = mark;
}

/* ds_shared: where the job's rows of the set's score gradient go */
static void job_backward(const Config *c, Arena *a, const JobSet *s, const Job *j, int head,
                         int rows, int keys, const Packed *shared, const act *q, const act *k,
                         const act *v, const Probabilities *e, const act *d_out, const real *delta,
                         act *ds_shared, real *dq, real *dk, real *dv) {
    int hd = c->head_dim, n = j->rows * c->rep, n1 = round_up(s->keys, 32),
        n2 = round_up(j->keys, 32), ld = n1 + n2;
    size_t mark = a->used, key0 = ((size_t)head * (size_t)keys + (size_t)j->k0) * (size_t)hd,
           row0 = head_offset(c, head, rows, j->q0);
    const act *g = d_out + row0 * (size_t)hd, *qj = q + row0 * (size_t)hd;
    const act *e1 =
        e->shared + s->e +
        ((size_t)head * (size_t)s->rows + (size_t)(j->q0 - s->q0)) * (size_t)c->rep * (size_t)n1;
    const act *e2 = e->own + j->e + (size_t)head * (size_t)n * (size_t)n2;
    Packed own = pack_backward(a, k + key0, v + key0, j->keys, hd);
    int whole = round_up(n, 32); /* rows past the job's are overwritten when their own job comes */
    real *dp = arena_reals(a, (size_t)whole * (size_t)ld), *dqj = dq + row0 * (size_t)hd;
    act *ds = arena_acts(a, (size_t)n * (size_t)n2);
    if (n1) {
        gemm(whole, n1, hd, gemm_rows(g, hd), shared->v_t, dp, ld, false);
        score_gradient(e1, dp, ld, delta + row0, n, n1, ds_shared);
        gemm(whole, hd, n1, gemm_rows(ds_shared, n1), shared->k, dqj, hd, false);
    }
    gemm(whole, n2, hd, gemm_rows(g, hd), own.v_t, dp + n1, ld, false);
    score_gradient(e2, dp + n1, ld, delta + row0, n, n2, ds);
    gemm(whole, hd, n2, gemm_rows(ds, n2), own.k, dqj, hd, n1 > 0);

    act *q_packed = arena_acts(a, gemm_packed_size(n, hd)),
        *g_packed = arena_acts(a, gemm_packed_size(n, hd));
    gemm_pack(q_packed, qj, hd, n, hd);
    gemm_pack(g_packed, g, hd, n, hd);
    key_gradient(a, n, n2, hd, ds, e2, q_packed, g_packed, dk + key0, dv + key0);
    a->used = mark;
}

void attention_backward(const Plan *p, const Config *c, Arena *scratch, int rows, int keys,
                        const act *q, const act *k, const act *v, const Probabilities *e,
                        const act *d_out, const real *delta, real *dq, real *dk, real *dv) {
    int hd = c->head_dim;
    for (int head = 0; head < c->kv_heads; head++)
        for (int i = 0; i < p->set_count; i++) {
            const JobSet *s = &p->sets[i];
            size_t mark = scratch->used,
                   key0 = ((size_t)head * (size_t)keys + (size_t)s->k0) * (size_t)hd;
            int n = s->rows * c->rep, n1 = round_up(s->keys, 32);
            Packed shared = {0};
            if (n1)
                shared = pack_backward(scratch, k + key0, v + key0, s->keys, hd);
            act *ds = arena_acts(scratch, (size_t)n * (size_t)n1);
            for (int x = 0; x < s->jobs; x++) {
                const Job *j = &p->jobs[s->job0 + x];
                job_backward(c, scratch, s, j, head, rows, keys, &shared, q, k, v, e, d_out, delta,
                             ds + (size_t)(j->q0 - s->q0) * (size_t)c->rep * (size_t)n1, dq, dk,
                             dv);
            }
            if (n1) {
                size_t row0 = head_offset(c, head, rows, s->q0) * (size_t)hd;
                act *q_packed = arena_acts(scratch, gemm_packed_size(n, hd)),
                    *g_packed = arena_acts(scratch, gemm_packed_size(n, hd));
                gemm_pack(q_packed, q + row0, hd, n, hd);
                gemm_pack(g_packed, d_out + row0, hd, n, hd);
                key_gradient(scratch, n, n1, hd, ds,
                             e->shared + s->e + (size_t)head * (size_t)n * (size_t)n1, q_packed,
                             g_packed, dk + key0, dv + key0);
            }
            scratch->used = mark;
        }
}
