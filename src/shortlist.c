/* shortlist.c - long tool lists: the request, encoded by itself, says once what it looks for; that is
 * compared with what `prepare` kept of every tool, and the SHORT best are decided among (FORMAT.md
 * section 6). The order of the caller's tools changes nothing: ties go by the canonical one. */
#include "router_inside.h"

enum { SHORT = 8, ALIGNMENT = 64 };

size_t tb_shortlist_bytes(size_t count)
{
    size_t each = sizeof(tb_tool) + sizeof(tb_segment) + sizeof(tb_encoded) + sizeof(uint32_t *) +
                  sizeof(uint32_t);
    return 2 * (count + 1) * sizeof(float) + 2 * (sizeof(tb_list) + sizeof(tb_tools)) + SHORT * each +
           24 * ALIGNMENT;
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

/* match[t]: how well tool t fits the request, before any tool was read with it. */
static bool match_all(const tb_router *router, const tb_list *list, tb_arena *scratch,
                      const tb_query *query, float *match, tb_error *err)
{
    static const tb_route_options options = {0};
    static const tb_grammar_options grammar = {1, false, -1};
    size_t mark = tb_arena_mark(scratch);
    const tb_list *none = part_of(list, NULL, 0, scratch, err);
    tb_route *route =
        none ? tb_route_open(router, none, scratch, query, &options, &grammar, err) : NULL;
    bool ok = route && tb_route_first(route, err) &&
              tb_decoder_match(route->decoder, list->encoded, list->count, match, err);
    tb_arena_reset(scratch, mark);
    return ok;
}

/* The numbers of the SHORT largest of `match`, ascending; how many there are. */
static uint32_t best_of(const float *match, uint32_t count, uint32_t *which)
{
    uint32_t chosen = 0;
    for (uint32_t t = 0; t < count && chosen < SHORT; t++) {
        uint32_t better = 0;
        for (uint32_t o = 0; o < count && better < SHORT; o++)
            better += match[o] > match[t] || (match[o] == match[t] && o < t);
        if (better < SHORT)
            which[chosen++] = t;
    }
    return chosen;
}

tb_route *tb_shortlist_open(const tb_router *router, const tb_list *list, tb_arena *scratch,
                            const tb_query *query, const tb_route_options *options,
                            const tb_grammar_options *grammar, tb_error *err)
{
    float *match = tb_alloc(scratch, list->count + 1u, sizeof *match, err);
    uint32_t *which = tb_alloc(scratch, SHORT, sizeof *which, err);
    if (!match || !which || !match_all(router, list, scratch, query, match, err))
        return NULL;
    uint32_t count = best_of(match, list->count, which);
    const tb_list *best = part_of(list, which, count, scratch, err);
    tb_route *route =
        best ? tb_route_open(router, best, scratch, query, options, grammar, err) : NULL;
    if (route) {
        route->whole = list;
        route->match = match;
        route->which = which;
    }
    return route;
}

float *tb_shortlist_rank(const tb_route *route)
{
    uint32_t count = route->list->count, all = route->whole->count;
    float *fit = route->match, none = route->scores[count], edge = 0, low = 0;
    for (uint32_t i = 0; i < count; i++) {
        float score = route->scores[i] - none, match = fit[route->which[i]];
        low = i == 0 || score < low ? score : low;
        edge = i == 0 || match < edge ? match : edge;
    }
    for (uint32_t t = 0; t < all; t++)
        fit[t] += low - edge;
    for (uint32_t i = 0; i < count; i++)
        fit[route->which[i]] = route->scores[i] - none;
    fit[all] = 0;
    return fit;
}
