/* grammar.h - what may be chosen next, and what the choices mean (design 2.3). It knows nothing of
 * how likely anything is.
 *
 *     tb_grammar *g = tb_grammar_begin(arena, &query, segments, count, &options, err);
 *     while (!g->done) {
 *         ... g->kind, g->allowed[0..g->allowed_count) ...
 *         tb_grammar_choose(g, one of them);
 *     }
 *     for (i < g->call_count) tb_grammar_write_arguments(g, &g->calls[i], writer);
 *
 * Positions: the request's rows 0..n-1 (row 0 is <query>), the rows of all tools in canonical
 * order, then END (g->end). Every path of choices ends after at most TB_MAX_DECISIONS, and its
 * calls validate against their schemas. */
#ifndef THIMBLE_GRAMMAR_H
#define THIMBLE_GRAMMAR_H

#include "base.h"
#include "json.h"
#include "schema.h"
#include "segment.h"
#include "spans.h"

enum { TB_MAX_CALLS = 8, TB_MAX_DECISIONS = 256 };

/* Kinds of decision, numbered as in models/FORMAT.md 3. */
typedef enum {
    TB_DECIDE_FIRST, /* first tool or END */
    TB_DECIDE_NEXT,  /* argument, tool or END */
    TB_DECIDE_START, /* first token of a piece of the request */
    TB_DECIDE_END,   /* its last token */
    TB_DECIDE_VALUE, /* value of an enum or boolean */
    TB_DECIDE_ITEM   /* after an item of a list: another one, or as TB_DECIDE_NEXT */
} tb_decision_kind;

/* One value: a piece of the request (as text or as number) or a value of the schema. */
typedef struct {
    const tb_value *value; /* enum and boolean; else NULL */
    uint32_t start, end;   /* else: bytes of the request */
    tb_number number;      /* if the argument is a number or integer */
} tb_item;

/* An argument that was used. Decisions [first_decision, end_decision) chose it and its items. */
typedef struct {
    uint32_t argument; /* index in the tool */
    uint32_t first_item, item_count;
    uint32_t first_decision, end_decision;
} tb_taken;

/* Decisions [first_decision, end_decision): from the choice of the tool up to and without the
 * choice of the next tool, but with that of END. */
typedef struct {
    uint32_t tool;                     /* index in canonical order */
    uint32_t first_taken, taken_count; /* in g->taken, by argument */
    uint32_t first_decision, end_decision;
} tb_call;

/* A call that was dropped because the request does not give all that its tool requires. */
typedef struct {
    uint32_t tool;
    uint64_t missing; /* bit i: argument i */
} tb_incomplete;

typedef struct {
    uint32_t max_calls; /* 1..TB_MAX_CALLS */
    bool must_call;     /* END may not be the first choice (if there are tools) */
    int32_t only_tool;  /* the only one that may be called, or -1 */
} tb_grammar_options;

typedef struct {
    /* The decision at hand: */
    tb_decision_kind kind;
    int32_t *allowed; /* never empty until done */
    uint32_t allowed_count;
    bool done;
    bool cut;           /* done because of TB_MAX_DECISIONS */
    uint32_t decisions; /* made so far */
    int32_t end;        /* the position END */
    /* The result, complete when done. Of the call in work: the last one. */
    tb_call calls[TB_MAX_CALLS];
    uint32_t call_count;
    tb_taken taken[TB_MAX_DECISIONS];
    uint32_t taken_count;
    tb_item items[TB_MAX_DECISIONS];
    uint32_t item_count;
    tb_incomplete incomplete[TB_MAX_DECISIONS];
    uint32_t incomplete_count;
    /* Private: */
    tb_spans spans;
    const tb_segment *segments;
    uint32_t segment_count;
    tb_grammar_options options;
    int32_t *offsets;         /* (segment_count): position of each tool's first row */
    uint32_t *first_argument; /* (segment_count): arguments of the tools before */
    uint8_t *satisfiable;     /* per argument: 0 not looked at, 1 no, 2 yes */
    int32_t *room;            /* for tokens, while counting */
    int32_t argument;         /* last one used in the current call, -1 before */
    int32_t span_start, span_end;
} tb_grammar;

/* segments: in canonical order; they and the query's text must outlive the grammar. */
tb_grammar *tb_grammar_begin(tb_arena *arena, const tb_query *query, const tb_segment *segments,
                             uint32_t count, const tb_grammar_options *options, tb_error *err);

/* Makes a decision. False, and nothing happens, if `position` is not allowed. */
bool tb_grammar_choose(tb_grammar *g, int32_t position);

/* Writes {"key": value, ...} of a call, in canonical order; numbers are spelled exactly, strings
 * are the request's own bytes. Objects that are required are there even if empty. */
void tb_grammar_write_arguments(const tb_grammar *g, const tb_call *call, tb_json_writer *w);
/* Writes one item as JSON. */
void tb_grammar_write_item(const tb_grammar *g, const tb_argument *argument, const tb_item *item,
                           tb_json_writer *w);

#endif
