/* spans.c - the port of models/thimble/spans.py. */
#include "spans.h"

#include <string.h>

#include "text.h"

/* ---- reading a request ---------------------------------------------------------------------- */

static bool cuts_word(tb_str text, size_t at)
{
    return at > 0 && at < text.len && tb_is_word_char(tb_char_before(text, at)) &&
           tb_is_word_char(tb_char_at(text, at));
}

static size_t char_bytes(tb_str text, size_t at)
{
    uint32_t c;
    size_t n = tb_utf8_decode(text.ptr + at, text.len - at, &c);
    return n > 0 ? n : 1;
}

static bool starts_text(tb_str text, const tb_token *t)
{
    if (t->end <= t->start || !tb_is_boundary(text, t->start) || cuts_word(text, t->start))
        return false;
    return tb_may_start(tb_char_at(text, t->start),
                        tb_char_at(text, t->start + char_bytes(text, t->start)));
}

static bool ends_text(tb_str text, const tb_token *t)
{
    return t->end > t->start && tb_is_boundary(text, t->end) && !cuts_word(text, t->end) &&
           tb_may_end(tb_char_before(text, t->end));
}

/* See tb_spans.opener. */
static uint32_t opener_of(tb_str text, const tb_token *t)
{
    uint32_t opener;
    if (t->end <= t->start || !tb_is_boundary(text, t->end))
        return 0;
    opener = tb_opener(tb_char_before(text, t->end));
    if (opener == 0)
        return 0;
    for (uint32_t at = t->end - 1; at > 0; at--) /* closers are one byte */
        if ((uint8_t)text.ptr[at - 1] == opener)
            return at;
    return UINT32_MAX;
}

static bool check_tokens(const tb_query *q, tb_error *err)
{
    uint32_t last = 0;
    if (q->count > TB_QUERY_ROWS || q->text.len > TB_QUERY_BYTES ||
        tb_utf8_check(q->text.ptr, q->text.len) != q->text.len)
        return tb_fail(err, TB_E_INTERNAL, "a request that is too long or not UTF-8 got this far");
    for (uint32_t i = 0; i < q->count; i++) {
        const tb_token *t = &q->tokens[i];
        if (t->start < last || t->end < t->start || t->end > q->text.len)
            return tb_fail(err, TB_E_INTERNAL, "token %u does not lie in the request", (unsigned)i);
        last = t->end;
    }
    return true;
}

/* Characters that begin in text[from..to). */
static uint32_t count_chars(tb_str text, uint32_t from, uint32_t to)
{
    uint32_t n = 0;
    for (; from < to; from++)
        n += tb_is_boundary(text, from);
    return n;
}

static bool number_head(uint32_t c)
{
    return tb_is_digit(c) || tb_is_alpha(c) || c == '-' || c == '+' || c == '.';
}

/* Appends the numbers that begin with token `start`; lower: the request in small letters. */
static void add_numbers(tb_spans *s, tb_str lower, uint32_t start)
{
    const tb_token *tokens = s->query.tokens;
    uint32_t from = tokens[start].start, last = start + TB_NUMBER_TOKENS;
    if (tokens[start].end == from || !tb_is_boundary(lower, from) ||
        !number_head(tb_char_at(lower, from)) || !tb_number_may_begin(lower, from))
        return;
    if (last > s->query.count)
        last = s->query.count;
    for (uint32_t end = start; end < last; end++) {
        uint32_t to = tokens[end].end;
        tb_number value;
        if (to > from && tb_is_boundary(lower, to) && tb_number_may_end(lower, to) &&
            tb_number_parse((tb_str){lower.ptr + from, to - from}, &value))
            s->numbers[s->number_count++] = (tb_number_span){(uint16_t)start, (uint16_t)end, value};
    }
}

bool tb_spans_read(tb_spans *s, const tb_query *query, tb_arena *arena, tb_error *err)
{
    tb_str text = query->text;
    size_t n = query->count;
    uint32_t at = 0, chars = 0;
    char *lower;
    memset(s, 0, sizeof *s);
    s->query = *query;
    if (!check_tokens(query, err))
        return false;
    s->chars_before = tb_alloc(arena, n, sizeof *s->chars_before, err);
    s->chars_to = tb_alloc(arena, n, sizeof *s->chars_to, err);
    s->opener = tb_alloc(arena, n, sizeof *s->opener, err);
    s->starts = tb_alloc(arena, n, sizeof *s->starts, err);
    s->ends = tb_alloc(arena, n, sizeof *s->ends, err);
    s->numbers = tb_alloc(arena, n * TB_NUMBER_TOKENS, sizeof *s->numbers, err);
    lower = tb_alloc(arena, text.len, 1, err);
    if (!s->chars_before || !s->chars_to || !s->opener || !s->starts || !s->ends || !s->numbers ||
        !lower)
        return false;
    for (size_t i = 0; i < text.len; i++)
        lower[i] = (char)tb_lower((uint8_t)text.ptr[i]);
    for (uint32_t i = 0; i < n; i++) {
        const tb_token *t = &query->tokens[i];
        s->chars_before[i] = chars + count_chars(text, at, t->start);
        s->chars_to[i] = chars = s->chars_before[i] + count_chars(text, t->start, t->end);
        at = t->end;
        s->opener[i] = opener_of(text, t);
        if (starts_text(text, t))
            s->starts[s->start_count++] = (uint16_t)i;
        if (ends_text(text, t))
            s->ends[s->end_count++] = (uint16_t)i;
        add_numbers(s, (tb_str){lower, text.len}, i);
    }
    return true;
}

/* ---- what an argument allows ---------------------------------------------------------------- */

tb_str tb_spans_text(const tb_spans *s, uint32_t start, uint32_t end)
{
    uint32_t from = s->query.tokens[start].start;
    return (tb_str){s->query.text.ptr + from, s->query.tokens[end].end - from};
}

/* The first number that begins at token `start` or later. */
static uint32_t first_number(const tb_spans *s, uint32_t start)
{
    uint32_t low = 0, high = s->number_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (s->numbers[middle].start < start)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const tb_number_span *tb_spans_number(const tb_spans *s, uint32_t start, uint32_t end)
{
    for (uint32_t i = first_number(s, start); i < s->number_count && s->numbers[i].start == start;
         i++)
        if (s->numbers[i].end == end)
            return &s->numbers[i];
    return NULL;
}

static uint32_t number_ends(const tb_spans *s, const tb_argument *a, uint32_t start, int32_t *out)
{
    uint32_t used = 0;
    for (uint32_t i = first_number(s, start); i < s->number_count && s->numbers[i].start == start;
         i++)
        if (tb_number_fits(a, s->numbers[i].value))
            out[used++] = s->numbers[i].end;
    return used;
}

/* Drops from the ends those whose piece the pattern is not found in. */
static uint32_t keep_matching(const tb_spans *s, const tb_pattern *pattern, uint32_t start,
                              int32_t *ends, uint32_t count)
{
    size_t offsets[TB_SPAN_TOKENS];
    bool fits[TB_SPAN_TOKENS];
    uint32_t from = s->query.tokens[start].start, used = 0;
    if (count == 0)
        return 0;
    for (uint32_t i = 0; i < count; i++)
        offsets[i] = s->query.tokens[ends[i]].end - from;
    tb_pattern_scan(pattern, s->query.text.ptr + from, offsets, count, fits);
    for (uint32_t i = 0; i < count; i++)
        if (fits[i])
            ends[used++] = ends[i];
    return used;
}

/* At most `most` of them, unless a pattern has to see them all. */
static uint32_t text_ends(const tb_spans *s, const tb_argument *a, uint32_t start, uint32_t most,
                          int32_t *out)
{
    uint32_t used = 0, low = 0, high = s->end_count, from = s->query.tokens[start].start;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (s->ends[middle] < start)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < s->end_count && s->ends[low] < start + TB_SPAN_TOKENS; low++) {
        uint32_t end = s->ends[low];
        if (used == most && a->pattern == NULL)
            break;
        if (s->opener[end] != 0 && (s->opener[end] == UINT32_MAX || s->opener[end] - 1 < from))
            continue;
        if (tb_length_fits(a, s->chars_to[end] - s->chars_before[start]) &&
            tb_format_fits(a->format, tb_spans_text(s, start, end)))
            out[used++] = (int32_t)end;
    }
    return a->pattern != NULL ? keep_matching(s, a->pattern, start, out, used) : used;
}

uint32_t tb_spans_ends(const tb_spans *s, const tb_argument *a, uint32_t start, int32_t *out)
{
    return a->type == TB_STRING ? text_ends(s, a, start, UINT32_MAX, out)
                                : number_ends(s, a, start, out);
}

uint32_t tb_spans_starts(const tb_spans *s, const tb_argument *a, int32_t after, uint32_t most,
                         int32_t *out)
{
    int32_t ends[TB_SPAN_TOKENS];
    uint32_t used = 0;
    if (a->type == TB_STRING) {
        for (uint32_t i = 0; i < s->start_count && used < most; i++)
            if (s->starts[i] > after && text_ends(s, a, s->starts[i], 1, ends) > 0)
                out[used++] = s->starts[i];
        return used;
    }
    for (uint32_t i = 0; i < s->number_count && used < most; i++) {
        const tb_number_span *n = &s->numbers[i];
        if (n->start > after && (used == 0 || out[used - 1] != n->start) &&
            tb_number_fits(a, n->value))
            out[used++] = n->start;
    }
    return used;
}
