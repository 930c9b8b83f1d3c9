/* match.c - see match.h. */
#include "match.h"

typedef struct {
    double log_all, log_wanted; /* logsumexp of all scores, of those wanted */
    bool right;                 /* the best tool is wanted */
} Sums;

/* The same words: one tool in two groups. */
static bool same_tool(const ToolRow *a, const ToolRow *b) {
    return a->length == b->length && !memcmp(a->tokens, b->tokens, (size_t)a->length * sizeof *a->tokens);
}

/* wanted[tool] for the tools that the query of a match calls, wherever they stand. */
static void mark_wanted(const Unit *u, const Match *x, bool *wanted) {
    memset(wanted, 0, (size_t)u->tool_count * sizeof *wanted);
    for (int i = 0; i < x->count; i++) {
        const Decision *d = &u->decisions[x->first + i];
        int tool = unit_tool(u, decision_row(d, d->target));
        for (int t = 0; tool >= 0 && t < u->tool_count; t++)
            wanted[t] |= same_tool(&u->tools[t], &u->tools[tool]);
    }
}

static Sums sum_up(const real *score, const bool *wanted, int count) {
    double top = -1e30, top_wanted = -1e30, all = 0, part = 0;
    for (int t = 0; t < count; t++) {
        if (score[t] > top)
            top = score[t];
        if (wanted[t] && score[t] > top_wanted)
            top_wanted = score[t];
    }
    for (int t = 0; t < count; t++) {
        double e = exp((double)score[t] - top);
        all += e;
        part += wanted[t] ? e : 0;
    }
    return (Sums){log(all) + top, log(part) + top, top_wanted >= top};
}

void match_loss(const Model *m, Arena *a, const Unit *u, const real *query, const real *key,
                const PassOptions *o, real *d_query, real *d_key, Tally *tally) {
    int n = m->config.d;
    double scale = 1 / sqrt(n), weight = o->match_weight * o->loss_scale * scale;
    size_t mark = a->used;
    real *score = arena_reals(a, (size_t)u->tool_count);
    bool *wanted = arena_get(a, (size_t)u->tool_count * sizeof *wanted);
    for (int i = 0; i < u->match_count; i++) {
        size_t row = (size_t)(u->decision_count + i) * (size_t)n;
        mark_wanted(u, &u->matches[i], wanted);
        for (int t = 0; t < u->tool_count; t++)
            score[t] = (real)scale * vec_dot(query + row, key + (size_t)u->tools[t].row * (size_t)n, n);
        Sums s = sum_up(score, wanted, u->tool_count);
        tally->match_loss += s.log_all - s.log_wanted;
        tally->matches++;
        tally->match_right += s.right;
        for (int t = 0; o->gradient && t < u->tool_count; t++) {
            size_t at = (size_t)u->tools[t].row * (size_t)n;
            double g = exp((double)score[t] - s.log_all) - (wanted[t] ? exp((double)score[t] - s.log_wanted) : 0);
            vec_add_two(d_query + row, key + at, d_key + at, query + row, (real)(weight * g), n);
        }
    }
    a->used = mark;
}
