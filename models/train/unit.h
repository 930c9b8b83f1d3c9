/* unit.h - several groups laid out as rows: what the network reads of the packed data. */
#ifndef THIMBLE_UNIT_H
#define THIMBLE_UNIT_H

#include <stdbool.h>

#include "attention.h"
#include "data.h"

typedef struct {
    const int32_t *allowed;
    int allowed_count, target; /* positions */
    int kind;
    int previous; /* encoder row chosen before; -1: start */
    float weight;
    int query;                   /* number within the unit */
    int query_row, query_length; /* rows of its query and of the group's tools, */
    int tool_row, tool_length;   /* for turning positions into rows */
} Decision;

/* A query that is to find its tools among all of the unit without having seen any: its tokens once more,
 * a segment by itself, and one decoder step over it (FORMAT.md 3, long lists). */
typedef struct {
    int first, count; /* decisions of the query; those that choose a tool say what it is to find */
} Match;

typedef struct {
    int row;               /* its first encoder row */
    int length;            /* tokens; as packed, before any noise: */
    const int32_t *tokens;
} ToolRow;

typedef struct {
    int rows, query_count;
    int decision_count, match_count; /* decoder rows: the decisions, then the matches */
    int tool_count;
    int32_t *tokens; /* per encoder row: id | class << 16; group after group, tools then queries; matches */
    int *positions;  /* per encoder row, for RoPE */
    int *steps;      /* per decoder row, for RoPE */
    ToolRow *tools;  /* ascending */
    Decision *decisions;
    Match *matches;
    Plan encoder, self, cross;
} Unit;

/* With `match`, a Match for each query that calls a tool. */
void unit_make(Unit *u, Arena *a, const Config *c, const Group *const *groups, int count, bool match);

/* Number in u->tools of the tool whose first row this is; -1: of none. */
int unit_tool(const Unit *u, int row);

/* Encoder row of a position; -1 for END. */
static inline int decision_row(const Decision *d, int position) {
    if (position < d->query_length)
        return d->query_row + position;
    position -= d->query_length;
    return position < d->tool_length ? d->tool_row + position : -1;
}
/* Forced decisions are fed, not trained. */
static inline bool decision_trained(int allowed_count, float weight) {
    return allowed_count > 1 && weight > 0;
}

#endif
