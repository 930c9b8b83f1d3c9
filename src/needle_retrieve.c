/* needle_retrieve.c - the retrieval head: texts to unit vectors, tools by likeness to a query. */
#include <string.h>

#include "elementary.h"
#include "needle_inside.h"
#include "needle_json.h"

enum { MAX_ROWS = 256 /* tokens of a text that are read */ };

/* ---- loading --------------------------------------------------------------------------------- */

/* Sizes of the head in the file, 0 and 0 if it has none. */
static bool head_sizes(tb_weights *w, uint32_t *hidden, uint32_t *width, tb_error *err)
{
    const tb_tensor *first = tb_weights_find(w, "contrastive_hidden_kernel");
    const tb_tensor *bias = tb_weights_find(w, "contrastive_hidden_bias");
    const tb_tensor *last = tb_weights_find(w, "contrastive_proj_kernel");
    *hidden = *width = 0;
    if (first == NULL && bias == NULL && last == NULL)
        return true;
    if (first == NULL || bias == NULL || last == NULL)
        return tb_fail(err, TB_E_FORMAT,
                       "retrieval head: contrastive_hidden_kernel, contrastive_hidden_bias and "
                       "contrastive_proj_kernel come together or not at all");
    if (first->columns == 0 || last->columns == 0 || first->columns > 65536 ||
        last->columns > 65536)
        return tb_fail(err, TB_E_FORMAT, "retrieval head: its sizes are %u and %u", first->columns,
                       last->columns);
    *hidden = first->columns;
    *width = last->columns;
    return true;
}

bool tb_needle_head_open(tb_arena *arena, tb_weights *w, tb_needle_head *out, tb_error *err)
{
    uint32_t d = w->config.d_model;
    memset(out, 0, sizeof *out);
    if (!head_sizes(w, &out->hidden, &out->width, err))
        return false;
    if (out->hidden == 0)
        return true;
    out->hidden_kernel = tb_alloc(arena, (size_t)d * out->hidden, sizeof(float), err);
    out->hidden_bias = tb_alloc(arena, out->hidden, sizeof(float), err);
    out->out_kernel = tb_alloc(arena, (size_t)out->hidden * out->width, sizeof(float), err);
    return out->hidden_kernel != NULL && out->hidden_bias != NULL && out->out_kernel != NULL &&
           tb_weights_floats(w, "contrastive_hidden_kernel", d, out->hidden, out->hidden_kernel,
                             err) &&
           tb_weights_floats(w, "contrastive_hidden_bias", 1, out->hidden, out->hidden_bias, err) &&
           tb_weights_floats(w, "contrastive_proj_kernel", out->hidden, out->width, out->out_kernel,
                             err);
}

size_t tb_needle_head_bytes(tb_weights *w)
{
    tb_error ignored = {TB_OK, ""};
    uint32_t hidden, width;
    if (!head_sizes(w, &hidden, &width, &ignored))
        return 0; /* opening will say what is wrong */
    return ((size_t)w->config.d_model * hidden + hidden + (size_t)hidden * width) * sizeof(float) +
           3 * 64;
}

/* ---- running --------------------------------------------------------------------------------- */

uint32_t tb_needle_embedding_size(const tb_needle *needle)
{
    return needle->head.width;
}

/* y (out) = x (in) W */
static void product(const float *x, const float *w, size_t in, size_t out, float *y)
{
    memset(y, 0, out * sizeof *y);
    for (size_t i = 0; i < in; i++)
        for (size_t o = 0; o < out; o++)
            y[o] += x[i] * w[i * out + o];
}

/* The mean state of the rows through the head, made a unit vector. `hidden` is room. */
static void embed_states(const tb_needle *needle, const tb_encoded *rows, float *mean,
                         float *hidden, float *out)
{
    const tb_needle_head *head = &needle->head;
    size_t d = tb_model_config(needle->model)->d_model;
    float square = 0.0f;
    memset(mean, 0, d * sizeof *mean);
    for (size_t r = 0; r < rows->rows; r++)
        for (size_t i = 0; i < d; i++)
            mean[i] += rows->states[r * d + i];
    for (size_t i = 0; i < d; i++)
        mean[i] /= (float)rows->rows;
    product(mean, head->hidden_kernel, d, head->hidden, hidden);
    for (size_t i = 0; i < head->hidden; i++) {
        hidden[i] += head->hidden_bias[i];
        hidden[i] = hidden[i] > 0.0f ? hidden[i] : 0.0f;
    }
    product(hidden, head->out_kernel, head->hidden, head->width, out);
    for (size_t i = 0; i < head->width; i++)
        square += out[i] * out[i];
    square = tb_sqrt(square + 1e-12f);
    for (size_t i = 0; i < head->width; i++)
        out[i] /= square;
}

bool tb_needle_embed(const tb_needle *needle, tb_arena *scratch, tb_str text, float *out,
                     tb_error *err)
{
    size_t mark = tb_arena_mark(scratch), count, d = tb_model_config(needle->model)->d_model;
    uint32_t limit = tb_model_config(needle->model)->max_encoder;
    uint32_t *ids;
    float *mean, *hidden;
    tb_encoded rows;
    bool good;
    if (needle->head.width == 0)
        return tb_fail(err, TB_E_OPTION,
                       "these weights hold no retrieval head, so nothing can be embedded");
    limit = limit < MAX_ROWS ? limit : MAX_ROWS;
    ids = tb_alloc(scratch, limit, sizeof *ids, err);
    mean = tb_alloc(scratch, d, sizeof *mean, err);
    hidden = tb_alloc(scratch, needle->head.hidden, sizeof *hidden, err);
    good = ids != NULL && mean != NULL && hidden != NULL &&
           tb_needle_ids(needle, scratch, text, limit, ids, &count, err);
    if (good && count == 0)
        good = tb_fail(err, TB_E_QUERY, "a text to embed is empty");
    good = good && tb_needle_encode(needle, scratch, ids, count, count, &rows, err);
    if (good)
        embed_states(needle, &rows, mean, hidden, out);
    tb_arena_reset(scratch, mark);
    return good;
}

/* Puts a match among the best so far, behind those that are as good. */
static void insert(tb_needle_match *out, size_t room, size_t *count, tb_needle_match m)
{
    size_t at = *count;
    while (at > 0 && out[at - 1].score < m.score)
        at--;
    if (at == room)
        return;
    if (*count < room)
        (*count)++;
    memmove(out + at + 1, out + at, (*count - at - 1) * sizeof *out);
    out[at] = m;
}

bool tb_needle_retrieve(const tb_needle *needle, tb_arena *scratch, tb_str query, tb_str tools,
                        bool flat, tb_needle_match *out, size_t room, size_t *count, tb_error *err)
{
    size_t mark = tb_arena_mark(scratch), width = needle->head.width;
    float *wanted = tb_alloc(scratch, width, sizeof *wanted, err);
    float *vector = tb_alloc(scratch, width, sizeof *vector, err);
    tb_needle_tools list;
    tb_py_json json;
    bool valid, good;
    *count = 0;
    good = wanted != NULL && vector != NULL &&
           tb_needle_embed(needle, scratch, query, wanted, err) &&
           tb_needle_tools_read(scratch, tools, flat, &list, err) &&
           tb_py_parse(scratch, list.text, &json, &valid, err);
    if (good && (!valid || json.nodes[0].type != TB_PY_ARRAY))
        good = tb_fail(err, TB_E_TOOLS, "the tools to choose from are no JSON list");
    for (uint32_t at = 1, i = 0; good && at < json.nodes[0].next; at = json.nodes[at].next, i++) {
        size_t here = tb_arena_mark(scratch);
        tb_needle_match m = {i, 0.0f};
        tb_str text;
        good = tb_py_dump(scratch, &json, at, &text, err) &&
               tb_needle_embed(needle, scratch, text, vector, err);
        for (size_t k = 0; good && k < width; k++)
            m.score += wanted[k] * vector[k];
        if (good)
            insert(out, room, count, m);
        tb_arena_reset(scratch, here);
    }
    tb_arena_reset(scratch, mark);
    return good;
}
