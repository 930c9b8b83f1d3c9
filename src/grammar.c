/* grammar.c - the port of models/thimble/grammar.py: the same positions in the same order. */
#include "grammar.h"

static const tb_tool *tool_of(const tb_grammar *g, const tb_call *call)
{
    return g->segments[call->tool].tool;
}

static tb_call *current_call(tb_grammar *g)
{
    return &g->calls[g->call_count - 1];
}

static const tb_argument *current_argument(tb_grammar *g)
{
    return &tool_of(g, current_call(g))->arguments[g->argument];
}

/* ---- what a call holds ---------------------------------------------------------------------- */

static const tb_taken *find_taken(const tb_grammar *g, const tb_call *call, uint32_t argument)
{
    for (uint32_t i = 0; i < call->taken_count; i++)
        if (g->taken[call->first_taken + i].argument == argument)
            return &g->taken[call->first_taken + i];
    return NULL;
}

static bool is_complete(const tb_grammar *g, const tb_call *call, uint32_t argument)
{
    const tb_taken *taken = find_taken(g, call, argument);
    uint32_t least = tool_of(g, call)->arguments[argument].min_items;
    return taken != NULL && taken->item_count >= (least > 1 ? least : 1);
}

static bool is_inside(const tb_tool *tool, uint32_t object, uint32_t outer)
{
    while (object != outer && object != 0)
        object = tool->objects[object].parent;
    return object == outer;
}

/* Whether an object is certain to be in the output: the root, required in an open one, or with
 * something in it. */
static bool is_open(const tb_grammar *g, const tb_call *call, uint32_t object)
{
    const tb_tool *tool = tool_of(g, call);
    if (object == 0)
        return true;
    if (tool->objects[object].required && is_open(g, call, tool->objects[object].parent))
        return true;
    for (uint32_t i = 0; i < call->taken_count; i++)
        if (is_inside(tool, tool->arguments[g->taken[call->first_taken + i].argument].object,
                      object))
            return true;
    return false;
}

/* Whether `outer`, once it is in the output, brings `object` with it: itself, or required objects
 * all the way. */
static bool comes_with(const tb_tool *tool, uint32_t object, uint32_t outer)
{
    while (object != outer && object != 0 && tool->objects[object].required)
        object = tool->objects[object].parent;
    return object == outer;
}

static bool is_due(const tb_grammar *g, const tb_call *call, uint32_t argument)
{
    const tb_argument *a = &tool_of(g, call)->arguments[argument];
    return a->required && is_open(g, call, a->object);
}

/* Whether the request holds an allowed value for an argument. */
static bool can_satisfy(tb_grammar *g, uint32_t tool, uint32_t argument)
{
    uint8_t *known = &g->satisfiable[g->first_argument[tool] + argument];
    if (*known == 0) {
        const tb_argument *a = &g->segments[tool].tool->arguments[argument];
        uint32_t least = a->min_items > 1 ? a->min_items : 1;
        /* In a list each value of an enum is taken once. */
        bool enough =
            a->max_items != 0 &&
            (a->value_count > 0 ? a->value_count
                                : tb_spans_starts(&g->spans, a, -1, least, g->room)) >= least;
        *known = enough ? 2 : 1;
    }
    return *known == 2;
}

/* Whether using this argument keeps every object that it opens completable: nothing that they
 * require was passed over. */
static bool is_enterable(tb_grammar *g, const tb_call *call, uint32_t argument)
{
    const tb_tool *tool = tool_of(g, call);
    uint32_t object = tool->arguments[argument].object;
    while (object != 0 && !is_open(g, call, object)) {
        for (uint32_t i = 0; i < tool->argument_count; i++) {
            const tb_argument *other = &tool->arguments[i];
            if (i != argument && other->required && comes_with(tool, other->object, object) &&
                (i < argument || !can_satisfy(g, call->tool, i)))
                return false;
        }
        object = tool->objects[object].parent;
    }
    return true;
}

/* ---- what is allowed ------------------------------------------------------------------------ */

static void become(tb_grammar *g, tb_decision_kind kind)
{
    g->kind = kind;
    g->allowed_count = 0;
}

static void allow(tb_grammar *g, int32_t position)
{
    g->allowed[g->allowed_count++] = position;
}

static void allow_tools(tb_grammar *g)
{
    for (uint32_t i = 0; i < g->segment_count; i++)
        if (g->options.only_tool < 0 || (uint32_t)g->options.only_tool == i)
            allow(g, g->offsets[i]);
}

static void allow_next(tb_grammar *g)
{
    const tb_call *call = current_call(g);
    const tb_segment *segment = &g->segments[call->tool];
    for (uint32_t i = (uint32_t)(g->argument + 1); i < segment->tool->argument_count; i++) {
        if (!can_satisfy(g, call->tool, i) || !is_enterable(g, call, i))
            continue;
        allow(g, g->offsets[call->tool] + segment->arguments[i]);
        if (is_due(g, call, i))
            return;
    }
    if (g->call_count < g->options.max_calls)
        allow_tools(g);
    allow(g, g->end);
}

/* The values of the current argument; in a list those not taken yet. */
static void allow_values(tb_grammar *g)
{
    const tb_call *call = current_call(g);
    const tb_argument *a = current_argument(g);
    const tb_taken *taken = &g->taken[g->taken_count - 1];
    const uint16_t *rows = g->segments[call->tool].values + a->first_value;
    for (uint32_t v = 0; v < a->value_count; v++) {
        bool used = false;
        for (uint32_t i = 0; a->array && i < taken->item_count; i++)
            used = used || g->items[taken->first_item + i].value == &a->values[v];
        if (!used)
            allow(g, g->offsets[call->tool] + rows[v]);
    }
}

static void allow_items(tb_grammar *g)
{
    const tb_argument *a = current_argument(g);
    uint32_t taken = g->taken[g->taken_count - 1].item_count;
    become(g, TB_DECIDE_ITEM);
    if (a->max_items == TB_NO_LIMIT || taken < a->max_items) {
        if (a->value_count > 0)
            allow_values(g);
        else
            g->allowed_count = tb_spans_starts(&g->spans, a, g->span_end, UINT32_MAX, g->allowed);
    }
    if (g->allowed_count == 0 || taken >= a->min_items)
        allow_next(g);
}

/* ---- transitions ---------------------------------------------------------------------------- */

/* Leaves optional arguments that stayed too short out of the current call, whose decisions end at
 * `end`, and moves it to `incomplete` if a due one is missing. */
static void close_call(tb_grammar *g, uint32_t end)
{
    tb_call *call;
    const tb_tool *tool;
    uint64_t drop = 0, missing = 0;
    uint32_t kept = 0;
    if (g->call_count == 0)
        return;
    call = current_call(g);
    tool = tool_of(g, call);
    for (uint32_t i = 0; i < call->taken_count; i++) {
        uint32_t argument = g->taken[call->first_taken + i].argument;
        if (!is_due(g, call, argument) && !is_complete(g, call, argument))
            drop |= UINT64_C(1) << argument;
    }
    for (uint32_t i = 0; i < call->taken_count; i++) {
        tb_taken taken = g->taken[call->first_taken + i];
        if ((drop >> taken.argument & 1) == 0)
            g->taken[call->first_taken + kept++] = taken;
    }
    call->taken_count = kept;
    g->taken_count = call->first_taken + kept;
    call->end_decision = end;
    for (uint32_t i = 0; i < tool->argument_count; i++)
        if (is_due(g, call, i) && !is_complete(g, call, i))
            missing |= UINT64_C(1) << i;
    if (missing != 0) {
        g->incomplete[g->incomplete_count++] = (tb_incomplete){call->tool, missing};
        g->call_count--;
    }
}

static void finish(tb_grammar *g)
{
    close_call(g, g->decisions);
    become(g, TB_DECIDE_NEXT);
    g->done = true;
}

static void open_call(tb_grammar *g, uint32_t tool)
{
    close_call(g, g->decisions - 1);
    g->calls[g->call_count++] = (tb_call){tool, g->taken_count, 0, g->decisions - 1, g->decisions};
    g->argument = -1;
    become(g, TB_DECIDE_NEXT);
    allow_next(g);
}

static void open_argument(tb_grammar *g, uint32_t argument)
{
    const tb_argument *a;
    g->argument = (int32_t)argument;
    g->taken[g->taken_count++] =
        (tb_taken){argument, g->item_count, 0, g->decisions - 1, g->decisions};
    current_call(g)->taken_count++;
    a = current_argument(g);
    if (a->value_count > 0) {
        become(g, TB_DECIDE_VALUE);
        allow_values(g);
    } else {
        become(g, TB_DECIDE_START);
        g->allowed_count = tb_spans_starts(&g->spans, a, -1, UINT32_MAX, g->allowed);
    }
}

/* The tool whose first row is at `position`, or -1. */
static int32_t tool_at(const tb_grammar *g, int32_t position)
{
    uint32_t low = 0, high = g->segment_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (g->offsets[middle] == position)
            return (int32_t)middle;
        if (g->offsets[middle] < position)
            low = middle + 1;
        else
            high = middle;
    }
    return -1;
}

static void choose_next(tb_grammar *g, int32_t position)
{
    const tb_segment *segment;
    int32_t tool = tool_at(g, position), row;
    if (position == g->end) {
        finish(g);
        return;
    }
    if (tool >= 0) {
        open_call(g, (uint32_t)tool);
        return;
    }
    segment = &g->segments[current_call(g)->tool];
    row = position - g->offsets[current_call(g)->tool];
    for (uint32_t i = 0; i < segment->tool->argument_count; i++) {
        if (segment->arguments[i] == row) {
            open_argument(g, i);
            return;
        }
    }
}

static bool same_item(const tb_grammar *g, const tb_argument *a, const tb_item *x, const tb_item *y)
{
    const char *text = g->spans.query.text.ptr;
    if (x->value != NULL)
        return x->value == y->value;
    if (a->type == TB_STRING)
        return tb_str_equal((tb_str){text + x->start, x->end - x->start},
                            (tb_str){text + y->start, y->end - y->start});
    return x->number.mantissa == y->number.mantissa && x->number.scale == y->number.scale;
}

static void take(tb_grammar *g, tb_item item)
{
    const tb_argument *a = current_argument(g);
    tb_taken *taken = &g->taken[g->taken_count - 1];
    bool again = false;
    for (uint32_t i = 0; a->unique_items && i < taken->item_count; i++)
        again = again || same_item(g, a, &item, &g->items[taken->first_item + i]);
    if (!again) {
        g->items[g->item_count++] = item;
        taken->item_count++;
    }
    taken->end_decision = g->decisions;
    if (a->array) {
        allow_items(g);
    } else {
        become(g, TB_DECIDE_NEXT);
        allow_next(g);
    }
}

static void open_span(tb_grammar *g, int32_t position)
{
    g->span_start = position;
    become(g, TB_DECIDE_END);
    g->allowed_count =
        tb_spans_ends(&g->spans, current_argument(g), (uint32_t)position, g->allowed);
}

static void close_span(tb_grammar *g, int32_t position)
{
    const tb_token *tokens = g->spans.query.tokens;
    tb_item item = {NULL, tokens[g->span_start].start, tokens[position].end, {0, 0}};
    if (current_argument(g)->type != TB_STRING)
        item.number =
            tb_spans_number(&g->spans, (uint32_t)g->span_start, (uint32_t)position)->value;
    g->span_end = position;
    take(g, item);
}

/* The value of the current argument whose <val> is at `position`, or NULL. */
static const tb_value *value_at(tb_grammar *g, int32_t position)
{
    const tb_call *call = current_call(g);
    const tb_argument *a = current_argument(g);
    const uint16_t *rows = g->segments[call->tool].values + a->first_value;
    for (uint32_t v = 0; v < a->value_count; v++)
        if (g->offsets[call->tool] + rows[v] == position)
            return &a->values[v];
    return NULL;
}

static void choose_item(tb_grammar *g, int32_t position)
{
    const tb_value *value;
    if (position < (int32_t)g->spans.query.count)
        open_span(g, position);
    else if ((value = value_at(g, position)) != NULL)
        take(g, (tb_item){value, 0, 0, {0, 0}});
    else
        choose_next(g, position);
}

static bool is_allowed(const tb_grammar *g, int32_t position)
{
    for (uint32_t i = 0; i < g->allowed_count; i++)
        if (g->allowed[i] == position)
            return true;
    return false;
}

bool tb_grammar_choose(tb_grammar *g, int32_t position)
{
    if (g->done || !is_allowed(g, position))
        return false;
    g->decisions++;
    switch (g->kind) {
    case TB_DECIDE_FIRST:
    case TB_DECIDE_NEXT: choose_next(g, position); break;
    case TB_DECIDE_START: open_span(g, position); break;
    case TB_DECIDE_END: close_span(g, position); break;
    case TB_DECIDE_VALUE: take(g, (tb_item){value_at(g, position), 0, 0, {0, 0}}); break;
    case TB_DECIDE_ITEM: choose_item(g, position); break;
    }
    if (!g->done && g->decisions >= TB_MAX_DECISIONS) {
        finish(g);
        g->cut = true;
    }
    return true;
}

tb_grammar *tb_grammar_begin(tb_arena *arena, const tb_query *query, const tb_segment *segments,
                             uint32_t count, const tb_grammar_options *options, tb_error *err)
{
    tb_grammar *g = tb_alloc(arena, 1, sizeof *g, err);
    uint32_t arguments = 0;
    int32_t row = (int32_t)query->count;
    if (g == NULL)
        return NULL;
    if (options->max_calls < 1 || options->max_calls > TB_MAX_CALLS || count > TB_MAX_TOOLS ||
        options->only_tool >= (int32_t)count) {
        tb_fail(err, TB_E_INTERNAL, "grammar: options out of range");
        return NULL;
    }
    g->segments = segments;
    g->segment_count = count;
    g->options = *options;
    g->argument = g->span_start = g->span_end = -1;
    g->offsets = tb_alloc(arena, count, sizeof *g->offsets, err);
    g->first_argument = tb_alloc(arena, count, sizeof *g->first_argument, err);
    if (g->offsets == NULL || g->first_argument == NULL)
        return NULL;
    for (uint32_t i = 0; i < count; i++) {
        g->offsets[i] = row;
        g->first_argument[i] = arguments;
        row += (int32_t)segments[i].count;
        arguments += segments[i].tool->argument_count;
    }
    g->end = row;
    g->satisfiable = tb_alloc(arena, arguments, sizeof *g->satisfiable, err);
    g->room = tb_alloc(arena, query->count, sizeof *g->room, err);
    /* At most: tokens to start with or values, then arguments, tools, END. */
    g->allowed =
        tb_alloc(arena, (size_t)query->count + TB_MAX_VALUES + TB_MAX_ARGUMENTS + count + 1,
                 sizeof *g->allowed, err);
    if (g->satisfiable == NULL || g->room == NULL || g->allowed == NULL ||
        !tb_spans_read(&g->spans, query, arena, err))
        return NULL;
    become(g, TB_DECIDE_FIRST);
    allow_tools(g);
    if (!options->must_call || count == 0)
        allow(g, g->end);
    return g;
}

/* ---- results -------------------------------------------------------------------------------- */

void tb_grammar_write_item(const tb_grammar *g, const tb_argument *a, const tb_item *item,
                           tb_json_writer *w)
{
    char digits[TB_NUMBER_ROOM];
    if (item->value != NULL && item->value->type == TB_VALUE_STRING)
        tb_json_string(w, item->value->text);
    else if (item->value != NULL)
        tb_json_bytes(w, item->value->text);
    else if (a->type == TB_STRING)
        tb_json_string(w, (tb_str){g->spans.query.text.ptr + item->start, item->end - item->start});
    else
        tb_json_bytes(w, (tb_str){digits, tb_number_spell(item->number, digits)});
}

static void write_key(tb_str key, bool *first, tb_json_writer *w)
{
    if (!*first)
        tb_json_raw(w, ",");
    *first = false;
    tb_json_string(w, key);
    tb_json_raw(w, ":");
}

static void write_argument(const tb_grammar *g, const tb_argument *a, const tb_taken *taken,
                           tb_json_writer *w)
{
    if (a->array)
        tb_json_raw(w, "[");
    for (uint32_t i = 0; i < taken->item_count; i++) {
        if (i > 0)
            tb_json_raw(w, ",");
        tb_grammar_write_item(g, a, &g->items[taken->first_item + i], w);
    }
    if (a->array)
        tb_json_raw(w, "]");
}

/* At most TB_MAX_DEPTH deep. */
static void write_object(const tb_grammar *g, const tb_call *call, uint32_t object,
                         tb_json_writer *w)
{
    const tb_tool *tool = tool_of(g, call);
    uint32_t inner = 1, next = 0;
    bool first = true;
    tb_json_raw(w, "{");
    while (inner < tool->object_count || next < call->taken_count) {
        const tb_taken *taken = &g->taken[call->first_taken + next];
        /* An object goes before the arguments that it stands before. */
        if (inner < tool->object_count &&
            (next == call->taken_count || tool->objects[inner].first <= taken->argument)) {
            if (tool->objects[inner].parent == object && is_open(g, call, inner)) {
                write_key(tool->objects[inner].key, &first, w);
                write_object(g, call, inner, w);
            }
            inner++;
        } else {
            const tb_argument *a = &tool->arguments[taken->argument];
            if (a->object == object) {
                write_key(a->path[a->depth - 1], &first, w);
                write_argument(g, a, taken, w);
            }
            next++;
        }
    }
    tb_json_raw(w, "}");
}

void tb_grammar_write_arguments(const tb_grammar *g, const tb_call *call, tb_json_writer *w)
{
    write_object(g, call, 0, w);
}
