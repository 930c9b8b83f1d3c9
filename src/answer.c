/* answer.c - the decided calls as JSON (the form is given in router.h). */
#include "elementary.h"
#include "router_inside.h"

enum { ROOM = 64 << 10, ROOM_PER_BYTE = 12 };

/* Confidence of decisions [first, end): the product of their probabilities, calibrated (p^a). */
static double confidence(const tb_route *route, uint32_t first, uint32_t end)
{
    double p = 1;
    for (uint32_t i = first; i < end; i++)
        p *= (double)route->probability[i];
    return p > 1e-300 ? tb_exp(route->router->calibration * tb_log(p)) : 0;
}

static void write_path(tb_json_writer *w, const tb_argument *argument)
{
    tb_json_raw(w, "[");
    for (uint32_t i = 0; i < argument->depth; i++) {
        if (i)
            tb_json_raw(w, ",");
        tb_json_string(w, argument->path[i]);
    }
    tb_json_raw(w, "]");
}

static void write_span(tb_json_writer *w, const tb_item *item)
{
    tb_json_raw(w, "[");
    tb_json_int(w, item->start);
    tb_json_raw(w, ",");
    tb_json_int(w, item->end);
    tb_json_raw(w, "]");
}

/* Where the value stands in the request: [s,e], for arrays one per item; null for enums and
 * booleans. */
static void write_spans(tb_json_writer *w, const tb_grammar *g, const tb_argument *argument,
                        const tb_taken *taken)
{
    const tb_item *items = &g->items[taken->first_item];
    if (argument->value_count) {
        tb_json_raw(w, "null");
    } else if (!argument->array) {
        write_span(w, items);
    } else {
        tb_json_raw(w, "[");
        for (uint32_t i = 0; i < taken->item_count; i++) {
            if (i)
                tb_json_raw(w, ",");
            write_span(w, &items[i]);
        }
        tb_json_raw(w, "]");
    }
}

static void write_call(tb_json_writer *w, const tb_route *route, const tb_call *call)
{
    const tb_grammar *g = route->grammar;
    const tb_tool *tool = &route->list->tools->tools[call->tool];
    tb_json_raw(w, "{\"name\":");
    tb_json_string(w, tool->name);
    tb_json_raw(w, ",\"arguments\":");
    tb_grammar_write_arguments(g, call, w);
    tb_json_raw(w, ",\"confidence\":");
    tb_json_fixed(w, confidence(route, call->first_decision, call->end_decision), 6);
    tb_json_raw(w, ",\"details\":[");
    for (uint32_t i = 0; i < call->taken_count; i++) {
        const tb_taken *taken = &g->taken[call->first_taken + i];
        const tb_argument *argument = &tool->arguments[taken->argument];
        tb_json_raw(w, i ? ",{\"path\":" : "{\"path\":");
        write_path(w, argument);
        tb_json_raw(w, ",\"span\":");
        write_spans(w, g, argument, taken);
        tb_json_raw(w, ",\"confidence\":");
        tb_json_fixed(w, confidence(route, taken->first_decision, taken->end_decision), 6);
        tb_json_raw(w, "}");
    }
    tb_json_raw(w, "]}");
}

static void write_incomplete(tb_json_writer *w, const tb_route *route)
{
    const tb_grammar *g = route->grammar;
    for (uint32_t i = 0; i < g->incomplete_count; i++) {
        const tb_tool *tool = &route->list->tools->tools[g->incomplete[i].tool];
        bool more = false;
        tb_json_raw(w, i ? ",{\"name\":" : "{\"name\":");
        tb_json_string(w, tool->name);
        tb_json_raw(w, ",\"missing\":[");
        for (uint32_t k = 0; k < tool->argument_count; k++) {
            if (!(g->incomplete[i].missing >> k & 1))
                continue;
            if (more)
                tb_json_raw(w, ",");
            write_path(w, &tool->arguments[k]);
            more = true;
        }
        tb_json_raw(w, "]}");
    }
}

static void write_usage(tb_json_writer *w, const tb_route *route)
{
    tb_json_raw(w, "],\"usage\":{\"promptTokens\":");
    tb_json_int(w, route->query.count);
    tb_json_raw(w, ",\"decisions\":");
    tb_json_int(w, route->grammar->decisions);
    tb_json_raw(w, ",\"forced\":");
    tb_json_int(w, route->forced);
    tb_json_raw(w, "},\"ignored\":[");
    const tb_tools *tools = route->list->tools;
    for (uint32_t i = 0; i < tools->ignored_count && i < TB_MAX_IGNORED; i++) {
        if (i)
            tb_json_raw(w, ",");
        tb_json_string(w, tools->ignored[i]);
    }
    tb_json_raw(w, "]");
}

static void write_steps(tb_json_writer *w, const tb_route *route)
{
    tb_json_raw(w, ",\"steps\":[");
    for (uint32_t i = 0; i < route->grammar->decisions; i++) {
        if (i)
            tb_json_raw(w, ",");
        tb_json_int(w, route->steps[i] == route->grammar->end ? -1 : route->steps[i]);
    }
    tb_json_raw(w, "]");
}

/* How many of the decided calls are given out: all, or none if the answer is not sure enough. */
static uint32_t calls_kept(const tb_route *route, double sure)
{
    bool free = route->options.tool_choice == TB_CHOICE_AUTO;
    return free && sure < route->options.min_confidence ? 0 : route->grammar->call_count;
}

bool tb_answer_write(tb_route *route, tb_str *answer, tb_error *err)
{
    const tb_grammar *g = route->grammar;
    double sure = confidence(route, 0, g->decisions);
    uint32_t kept = calls_kept(route, sure);
    tb_json_writer w;
    size_t room = ROOM + ROOM_PER_BYTE * route->query.text.len;
    if (!tb_json_writer_begin(&w, route->scratch, room, err))
        return false;
    tb_json_raw(&w, "{\"calls\":[");
    for (uint32_t i = 0; i < kept; i++) {
        if (i)
            tb_json_raw(&w, ",");
        write_call(&w, route, &g->calls[i]);
    }
    tb_json_raw(&w, kept ? "],\"abstained\":false" : "],\"abstained\":true");
    tb_json_raw(&w, g->cut ? ",\"stop\":\"length\",\"confidence\":"
                           : ",\"stop\":\"end\",\"confidence\":");
    tb_json_fixed(&w, sure, 6);
    tb_json_raw(&w, ",\"incomplete\":[");
    write_incomplete(&w, route);
    write_usage(&w, route);
    if (route->options.decisions)
        write_steps(&w, route);
    tb_json_raw(&w, "}");
    return tb_json_writer_end(&w, answer, err);
}

bool tb_rank_write(tb_route *route, float *scores, unsigned k, tb_str *answer, tb_error *err)
{
    const tb_list *list = route->whole;
    float sum = tb_model_kernels(route->router->model)->softmax(scores, list->count + 1u);
    tb_json_writer w;
    if (!tb_json_writer_begin(&w, route->scratch, ROOM, err))
        return false;
    tb_json_raw(&w, "{\"tools\":[");
    for (unsigned i = 0; i < k && i < list->count; i++) {
        uint32_t best = 0;
        for (uint32_t t = 1; t < list->count; t++)
            if (scores[t] > scores[best])
                best = t;
        tb_json_raw(&w, i ? ",{\"name\":" : "{\"name\":");
        tb_json_string(&w, list->tools->tools[best].name);
        tb_json_raw(&w, ",\"score\":");
        tb_json_fixed(&w, (double)(scores[best] / sum), 6);
        tb_json_raw(&w, "}");
        scores[best] = -1;
    }
    tb_json_raw(&w, "]}");
    return tb_json_writer_end(&w, answer, err);
}
