/* shortlist.c - long tool lists: every tool is scored against "none" among BATCH at a time, as many
 * as the model has seen together in training, and the best ones are decided among. Scores of
 * different batches compare because each is relative to the "none" of its own. Batches follow the
 * canonical order, so the order of the caller's tools changes nothing. */
#include "router_inside.h"

enum { BATCH = 16, SHORT = 16, ALIGNMENT = 64 };

size_t tb_shortlist_bytes(size_t count)
{
    size_t each = sizeof(tb_tool) + sizeof(tb_segment) + sizeof(tb_encoded) + sizeof(uint32_t *);
    return (count + 1) * sizeof(float) + sizeof(tb_list) + sizeof(tb_tools) +
           (BATCH + SHORT) * each + 16 * ALIGNMENT;
}

/* The list of the tools which[0..count), in that order. */
static const tb_list *part_of(const tb_list *list, const uint32_t *which, uint32_t count,
                              tb_arena *scratch, tb_error *err)
{
    tb_list *part = tb_alloc(scratch, 1, sizeof *part, err);
    tb_tools *tools = tb_alloc(scratch, 1, sizeof *tools, err);
    if (!part || !tools)
        return NULL;
    *part = *list;
    *tools = *list->tools;
    part->count = tools->count = count;
    part->tools = tools;
    part->rows = 0;
    tools->tools = tb_alloc(scratch, count, sizeof *tools->tools, err);
    part->segments = tb_alloc(scratch, count, sizeof *part->segments, err);
    part->encoded = tb_alloc(scratch, count, sizeof *part->encoded, err);
    part->kept = tb_alloc(scratch, count, sizeof *part->kept, err);
    if (!tools->tools || !part->segments || !part->encoded || !part->kept)
        return NULL;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t from = which[i];
        tools->tools[i] = list->tools->tools[from];
        part->segments[i] = list->segments[from];
        part->encoded[i] = list->encoded[from];
        part->kept[i] = list->kept[from];
        part->rows += list->encoded[from].rows;
    }
    return part;
}

/* fit[which[i]] for the tools of one batch. */
static bool score_batch(const tb_router *router, const tb_list *list, const uint32_t *which,
                        uint32_t count, tb_arena *scratch, const tb_query *query, float *fit,
                        tb_error *err)
{
    static const tb_route_options options = {0};
    static const tb_grammar_options grammar = {1, false, -1};
    size_t mark = tb_arena_mark(scratch);
    const tb_list *batch = part_of(list, which, count, scratch, err);
    tb_route *route =
        batch ? tb_route_open(router, batch, scratch, query, &options, &grammar, err) : NULL;
    if (!route || !tb_route_first(route, err))
        return false;
    for (uint32_t i = 0; i < count; i++)
        fit[which[i]] = route->scores[i] - route->scores[count];
    tb_arena_reset(scratch, mark);
    return true;
}

const tb_list *tb_shortlist(const tb_router *router, const tb_list *list, tb_arena *scratch,
                            const tb_query *query, float **out, tb_error *err)
{
    uint32_t which[BATCH > SHORT ? BATCH : SHORT], count = 0;
    float *fit = *out = tb_alloc(scratch, list->count + 1u, sizeof *fit, err);
    if (!fit)
        return NULL;
    fit[list->count] = 0;
    for (uint32_t at = 0; at < list->count; at += count) {
        for (count = 0; count < BATCH && at + count < list->count; count++)
            which[count] = at + count;
        if (!score_batch(router, list, which, count, scratch, query, fit, err))
            return NULL;
    }
    count = 0;
    /* Those that fewer than SHORT others beat. Weights can give NaN, which nothing beats: hence the
     * bound. */
    for (uint32_t t = 0; t < list->count && count < SHORT; t++) {
        uint32_t better = 0;
        for (uint32_t o = 0; o < list->count && better < SHORT; o++)
            better += fit[o] > fit[t] || (fit[o] == fit[t] && o < t);
        if (better < SHORT)
            which[count++] = t;
    }
    return part_of(list, which, count, scratch, err);
}
