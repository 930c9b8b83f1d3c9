/* pointer.c - see pointer.h. Each decision allows few positions, so scores are single dot products.
 */
#include "pointer.h"

typedef struct {
    double sum, log_sum; /* sum of exp(score - top); logsumexp */
    real top, target;    /* largest score, score of the target */
} Softmax;

static Softmax decision_scores(const Model *m, const Decision *d, const real *query,
                               const real *key, real *score) {
    int n = m->config.d;
    const real *end = model_value(m, m->end);
    real scale = (real)(1 / sqrt((double)n));
    Softmax s = {.top = (real)-1e30};
    for (int j = 0; j < d->allowed_count; j++) {
        int row = decision_row(d, d->allowed[j]);
        score[j] = scale * vec_dot(query, row < 0 ? end : key + (size_t)row * (size_t)n, n);
        if (score[j] > s.top)
            s.top = score[j];
        if (d->allowed[j] == d->target)
            s.target = score[j];
    }
    for (int j = 0; j < d->allowed_count; j++)
        s.sum += exp((double)(score[j] - s.top));
    s.log_sum = log(s.sum) + (double)s.top;
    return s;
}

static void decision_gradient(const Model *m, const Decision *d, const Softmax *s,
                              const real *score, const PassOptions *o, const real *query,
                              const real *key, real *d_query, real *d_key) {
    int n = m->config.d;
    double f = (double)d->weight * o->loss_scale, scale = 1 / sqrt((double)n);
    for (int j = 0; j < d->allowed_count; j++) {
        double p = exp((double)score[j] - s->log_sum);
        double g = f * (p * (1 + 2 * o->z_loss * s->log_sum) - (d->allowed[j] == d->target));
        int row = decision_row(d, d->allowed[j]);
        const real *k = row < 0 ? model_value(m, m->end) : key + (size_t)row * (size_t)n;
        real *dk =
            row < 0 ? o->gradient + m->tensors[m->end].offset : d_key + (size_t)row * (size_t)n;
        vec_add_two(d_query, k, dk, query, (real)(g * scale), n);
    }
}

Tally pointer_loss(const Model *m, Arena *a, const Unit *u, const real *query, const real *key,
                   const PassOptions *o, real *d_query, real *d_key) {
    Tally t = {.examples = u->query_count};
    int most = 0, query_now = -1;
    bool whole = false;
    for (int i = 0; i < u->decision_count; i++)
        if (u->decisions[i].allowed_count > most)
            most = u->decisions[i].allowed_count;
    size_t mark = a->used, n = (size_t)m->config.d;
    real *score = arena_reals(a, (size_t)most);
    for (int i = 0; i < u->decision_count; i++) {
        const Decision *d = &u->decisions[i];
        bool trained = decision_trained(d->allowed_count, d->weight);
        if (!trained && !o->dump)
            continue;
        const real *q = query + (size_t)i * n;
        Softmax s = decision_scores(m, d, q, key, score);
        if (o->dump)
            for (int j = 0; j < d->allowed_count; j++) {
                float f = (float)score[j];
                fwrite(&f, sizeof f, 1, o->dump);
            }
        if (!trained)
            continue;
        bool right = s.target >= s.top;
        if (d->query != query_now) {
            t.whole += whole;
            t.queries++;
            query_now = d->query;
            whole = true;
        }
        whole &= right;
        t.right += right;
        t.decisions++;
        t.loss += (double)d->weight * (s.log_sum - (double)s.target);
        t.weight += (double)d->weight;
        t.z += (double)d->weight * s.log_sum * s.log_sum;
        if (o->gradient)
            decision_gradient(m, d, &s, score, o, q, key, d_query + (size_t)i * n, d_key);
    }
    t.whole += whole;
    a->used = mark;
    return t;
}
