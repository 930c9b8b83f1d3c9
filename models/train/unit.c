/* unit.c - see unit.h. */
#include "unit.h"

static void add_tokens(Unit *u, Cursor *in, int n) {
    const int32_t *t = cursor_skip(in, n);
    for (int i = 0; i < n; i++) {
        u->tokens[u->rows] = t[i];
        u->positions[u->rows++] = i;
    }
}

/* Decisions of one query whose rows, like those of the tools, are in place. */
static int add_decisions(Unit *u, Cursor *in, int query_row, int query_length, int tool_row,
                         int tool_length) {
    int m = cursor_next(in), previous = -1;
    for (int i = 0; i < m; i++) {
        Decision *d = &u->decisions[u->decision_count];
        *d = (Decision){.query = u->query_count,
                        .query_row = query_row,
                        .query_length = query_length,
                        .tool_row = tool_row,
                        .tool_length = tool_length,
                        .previous = previous};
        d->kind = cursor_next(in);
        d->target = cursor_next(in);
        d->weight = word_as_float(cursor_next(in));
        d->allowed_count = cursor_next(in);
        d->allowed = cursor_skip(in, d->allowed_count);
        previous = decision_row(d, d->target);
        u->steps[u->decision_count++] = i;
    }
    u->query_count++;
    return m;
}

static void add_group(Unit *u, const Group *g) {
    Cursor in = {g->words};
    int tools = cursor_next(&in), tool_row = u->rows;
    plan_set(&u->encoder, tool_row, 0, 0);
    for (int i = 0; i < tools; i++) {
        int n = cursor_next(&in), row = u->rows;
        u->tools[u->tool_count++] = (ToolRow){row, n, in.p};
        add_tokens(u, &in, n);
        plan_segment(&u->encoder, n, row, n, false);
    }
    int tool_length = u->rows - tool_row, queries = cursor_next(&in);
    plan_set(&u->encoder, u->rows, tool_row, tool_length);
    plan_set(&u->self, u->decision_count, 0, 0);
    plan_set(&u->cross, u->decision_count, tool_row, tool_length);
    for (int i = 0; i < queries; i++) {
        int n = cursor_next(&in), row = u->rows, first = u->decision_count;
        add_tokens(u, &in, n);
        plan_segment(&u->encoder, n, row, n, false);
        int m = add_decisions(u, &in, row, n, tool_row, tool_length);
        plan_segment(&u->self, m, first, m, true);
        plan_segment(&u->cross, m, row, n, false);
    }
}

int unit_tool(const Unit *u, int row) {
    int low = 0, high = u->tool_count;
    while (low < high) {
        int middle = (low + high) / 2;
        if (u->tools[middle].row < row)
            low = middle + 1;
        else
            high = middle;
    }
    return low < u->tool_count && u->tools[low].row == row ? low : -1;
}

/* Matches are segments of their own, behind all groups. */
static void add_matches(Unit *u) {
    plan_set(&u->encoder, u->rows, 0, 0);
    plan_set(&u->self, u->decision_count, 0, 0);
    plan_set(&u->cross, u->decision_count, 0, 0);
    for (int i = 0, next; i < u->decision_count; i = next) {
        const Decision *d = &u->decisions[i];
        for (next = i + 1; next < u->decision_count && u->decisions[next].query == d->query;)
            next++;
        if (unit_tool(u, decision_row(d, d->target)) < 0)
            continue;
        Cursor in = {u->tokens + d->query_row};
        int n = d->query_length, row = u->rows, step = u->decision_count + u->match_count;
        add_tokens(u, &in, n);
        plan_segment(&u->encoder, n, row, n, false);
        u->matches[u->match_count++] = (Match){i, next - i};
        u->steps[step] = 0;
        plan_segment(&u->self, 1, step, 1, false);
        plan_segment(&u->cross, 1, row, n, false);
    }
}

void unit_make(Unit *u, Arena *a, const Config *c, const Group *const *groups, int count, bool match) {
    int rows = 0, decisions = 0, queries = 0, tools = 0;
    for (int i = 0; i < count; i++) {
        rows += groups[i]->rows;
        decisions += groups[i]->decisions;
        queries += groups[i]->queries;
        tools += groups[i]->words[0];
    }
    int matches = match ? queries : 0;
    if (match) /* no more than once more all queries */
        rows *= 2;
    *u = (Unit){.tokens = arena_get(a, (size_t)rows * sizeof(int32_t)),
                .positions = arena_ints(a, (size_t)rows),
                .steps = arena_ints(a, (size_t)(decisions + matches)),
                .tools = arena_get(a, (size_t)tools * sizeof(ToolRow)),
                .decisions = arena_get(a, (size_t)decisions * sizeof(Decision)),
                .matches = arena_get(a, (size_t)matches * sizeof(Match))};
    plan_make(&u->encoder, a, c, rows, 2 * count + 1, tools + queries + matches);
    plan_make(&u->self, a, c, decisions + matches, count + 1, queries + matches);
    plan_make(&u->cross, a, c, decisions + matches, count + 1, queries + matches);
    for (int i = 0; i < count; i++)
        add_group(u, groups[i]);
    if (match)
        add_matches(u);
    plan_finish(&u->encoder);
    plan_finish(&u->self);
    plan_finish(&u->cross);
}
