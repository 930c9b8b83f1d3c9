/* needle.c - opening Needle 1's files; a request: encode, then one token after another. */
#include "needle_inside.h"

#include <string.h>

#include "needle_json.h"
#include "needle_strict.h"

enum {
    SLACK = 64 << 10,     /* for rounding small blocks up to 64 bytes, and the smaller tables */
    BYTES_PER_PIECE = 48, /* tables of tokenizer and token texts, without the texts */
    /* Scratch per byte of a tool list: JSON nodes (one per two bytes at the densest), twice when it
     * is made flat, names, keys, its text escaped to up to six times its size; of a query:
     * tokenizing. */
    BYTES_PER_TOOL_LETTER = 320,
    BYTES_PER_QUERY_LETTER = 96
};

/* ---- opening --------------------------------------------------------------------------------- */

static bool open_weights(tb_arena *arena, const uint8_t *weights, size_t len, tb_weights *out,
                         tb_error *err)
{
    if (!tb_weights_open(weights, len, arena, out, err))
        return false;
    return out->config.format == TB_NEEDLE1 ||
           tb_fail(err, TB_E_FORMAT,
                   "these weights are no Needle 1 model: metadata format is thimble1");
}

size_t tb_needle_size(tb_arena *scratch, const uint8_t *weights, size_t weights_len,
                      size_t vocabulary_len, tb_error *err)
{
    size_t mark = tb_arena_mark(scratch), sum = 0;
    size_t model = tb_model_load_bytes(weights, weights_len, scratch, err);
    tb_weights w;
    if (model != 0 && open_weights(scratch, weights, weights_len, &w, err) &&
        (!tb_add(model, (size_t)w.config.vocab_size * BYTES_PER_PIECE, &sum) ||
         !tb_add(sum, tb_needle_head_bytes(&w), &sum) ||
         /* a second table of tensors stays beside the model's; byte pieces' texts are short */
         !tb_add(sum, tb_arena_mark(scratch) - mark, &sum) || !tb_add(sum, vocabulary_len, &sum) ||
         !tb_add(sum, vocabulary_len, &sum) || !tb_add(sum, SLACK, &sum)))
        tb_fail(err, TB_E_TOO_LONG, "weights and vocabulary are too large for this machine");
    tb_arena_reset(scratch, mark);
    return err->status == TB_OK ? sum : 0;
}

tb_needle *tb_needle_open(tb_arena *arena, const uint8_t *weights, size_t weights_len,
                          const char *vocabulary, size_t vocabulary_len, tb_numeric numeric,
                          const char *kernels, tb_error *err)
{
    tb_needle *needle = tb_alloc(arena, 1, sizeof *needle, err);
    const tb_kernels *table = tb_kernels_select(kernels, err);
    char *pieces = tb_alloc(arena, vocabulary_len, 1, err);
    tb_str text = {pieces, vocabulary_len};
    tb_weights w;
    if (needle == NULL || table == NULL || pieces == NULL ||
        !open_weights(arena, weights, weights_len, &w, err))
        return NULL;
    if (vocabulary_len > 0)
        memcpy(pieces, vocabulary, vocabulary_len);
    needle->model = tb_model_load(weights, weights_len, table, numeric, arena, err);
    if (needle->model == NULL || !tb_needle_head_open(arena, &w, &needle->head, err) ||
        !tb_tokenizer_open(text, TB_NEEDLE1, w.config.vocab_size, arena, &needle->tokenizer, err) ||
        !tb_needle_texts_open(&needle->tokenizer, arena, &needle->texts, err))
        return NULL;
    return needle;
}

const tb_model *tb_needle_model(const tb_needle *needle)
{
    return needle->model;
}

const tb_tokenizer *tb_needle_tokenizer(const tb_needle *needle)
{
    return &needle->tokenizer;
}

/* ---- encoding -------------------------------------------------------------------------------- */

bool tb_needle_ids(const tb_needle *needle, tb_arena *scratch, tb_str text, size_t limit,
                   uint32_t *out, size_t *count, tb_error *err)
{
    size_t mark = tb_arena_mark(scratch);
    tb_token *tokens = tb_alloc(scratch, limit, sizeof *tokens, err);
    bool good =
        tokens != NULL && tb_tokenize(&needle->tokenizer, text, tokens, limit, count, scratch, err);
    if (good && *count > limit)
        *count = limit;
    for (size_t i = 0; good && i < *count; i++)
        out[i] = tokens[i].id;
    tb_arena_reset(scratch, mark);
    return good;
}

bool tb_needle_encode(const tb_needle *needle, tb_arena *scratch, const uint32_t *ids, size_t rows,
                      size_t kept, tb_encoded *out, tb_error *err)
{
    size_t floats = tb_encoded_floats(needle->model, rows, kept, false);
    float *block = tb_alloc(scratch, floats, sizeof *block, err);
    return block != NULL &&
           tb_encoded_bind(needle->model, block, floats, rows, kept, false, out, err) &&
           tb_encode(needle->model, ids, NULL, rows, NULL, NULL, 0, out, scratch, err);
}

/* ---- a request ------------------------------------------------------------------------------- */

struct tb_needle_run {
    const tb_needle *needle;
    tb_arena *scratch;
    tb_needle_options options;
    tb_needle_tools tools;
    tb_encoded memory;
    const tb_encoded *segments[1];
    uint32_t *input; /* encoder tokens */
    size_t input_count;
    tb_needle_guide guide;    /* grammar needle1 */
    bool *allowed;            /* (vocabulary) */
    tb_needle_strict *strict; /* grammar strict */
    bool stuck;               /* it came to a dead end */
    tb_decoder *decoder;
    float *logits;    /* (vocabulary) */
    uint32_t *tokens; /* (max_tokens) */
    size_t count;
    bool done, ended;
    tb_decoding decoding;
    char *text; /* all that was decoded */
    size_t text_len, shown;
};

/* Bytes from the moment that everything is read: `rows` encoder rows, `steps` decoder steps. */
static size_t running_size(const tb_needle *needle, size_t rows, size_t steps)
{
    size_t sum = 0, floats = tb_encoded_floats(needle->model, rows, 0, false);
    size_t tables = (size_t)needle->texts.size * (sizeof(float) + sizeof(bool));
    size_t encode = tb_encode_bytes(needle->model, rows, 0);
    size_t decode = tb_decoder_bytes(needle->model, rows, steps);
    /* the text, as it is, as JSON nodes and with other names; tokens */
    if (!tb_add(encode > decode ? encode : decode, steps * (TB_DECODE_ROOM * 10 + 4), &sum) ||
        !tb_add(sum, floats * sizeof(float), &sum) || !tb_add(sum, tables, &sum))
        return SIZE_MAX;
    return sum;
}

size_t tb_needle_reading_size(const tb_needle *needle, size_t query_len, size_t tools_len)
{
    const tb_config *c = tb_model_config(needle->model);
    size_t strict = (size_t)c->max_decoder * TB_MAX_PIECE + (size_t)c->vocab_size * 12;
    if (query_len > TB_MAX_TEXT || tools_len > TB_MAX_TEXT)
        return SIZE_MAX;
    return SLACK + strict + query_len * BYTES_PER_QUERY_LETTER + tools_len * BYTES_PER_TOOL_LETTER +
           c->max_encoder * (sizeof(tb_token) + sizeof(uint32_t));
}

size_t tb_needle_scratch_size(const tb_needle *needle, size_t query_len, size_t tools_len)
{
    const tb_config *c = tb_model_config(needle->model);
    size_t rows, sum, reading = tb_needle_reading_size(needle, query_len, tools_len);
    if (reading == SIZE_MAX)
        return SIZE_MAX;
    rows = query_len + 6 * tools_len + 8; /* a byte gives one token at most, escaped ones six */
    rows = rows < c->max_encoder ? rows : c->max_encoder;
    return tb_add(reading, running_size(needle, rows, c->max_decoder), &sum) ? sum : SIZE_MAX;
}

static bool check_options(const tb_needle *needle, tb_str query, tb_needle_options *o,
                          tb_error *err)
{
    uint32_t most = tb_model_config(needle->model)->max_decoder - 1;
    size_t valid = tb_utf8_check(query.ptr, query.len);
    if (o->grammar > TB_NEEDLE_FREE)
        return tb_fail(err, TB_E_OPTION, "grammar %d does not exist", (int)o->grammar);
    if (o->max_tokens == 0)
        o->max_tokens = most;
    if (o->max_tokens > most || most == 0)
        return tb_fail(err, TB_E_OPTION, "max_tokens is %u: this model writes 1 to %u",
                       o->max_tokens, most);
    if (valid != query.len)
        return tb_fail(err, TB_E_QUERY, "the request is not UTF-8 from byte %zu on", valid);
    return true;
}

/* query + <tools> + tools: the query cut two short of the limit, the tools at what is left. */
static bool read_input(tb_needle_run *run, tb_str query, tb_error *err)
{
    size_t limit = tb_model_config(run->needle->model)->max_encoder, head, tail = 0;
    uint32_t *ids;
    if (limit < 3)
        return tb_fail(err, TB_E_FORMAT, "metadata max_enc_len is %zu: no request fits", limit);
    ids = tb_alloc(run->scratch, limit, sizeof *ids, err);
    if (ids == NULL || !tb_needle_ids(run->needle, run->scratch, query, limit - 2, ids, &head, err))
        return false;
    ids[head] = TB_ID_TOOLS;
    if (!tb_needle_ids(run->needle, run->scratch, run->tools.text, limit - head - 1, ids + head + 1,
                       &tail, err))
        return false;
    run->input = ids;
    run->input_count = head + 1 + tail;
    return true;
}

static bool begin_grammar(tb_needle_run *run, tb_str tools, tb_error *err)
{
    const tb_needle *needle = run->needle;
    if (run->options.grammar == TB_NEEDLE_STRICT) {
        run->strict = tb_needle_strict_begin(run->scratch, &needle->tokenizer, tools,
                                             run->options.lenient, run->options.max_tokens, err);
        return run->strict != NULL;
    }
    return tb_needle_guide_begin(run->scratch, &needle->texts, &run->tools, &run->guide, err);
}

/* Everything but the network's part. */
static tb_needle_run *read_request(const tb_needle *needle, tb_arena *scratch, tb_str query,
                                   tb_str tools, const tb_needle_options *options, tb_error *err)
{
    tb_needle_run *run = tb_alloc(scratch, 1, sizeof *run, err);
    if (run == NULL)
        return NULL;
    run->needle = needle;
    run->scratch = scratch;
    run->options = *options;
    if (!check_options(needle, query, &run->options, err) ||
        !tb_needle_tools_read(scratch, tools, !options->keep_tools, &run->tools, err) ||
        !begin_grammar(run, tools, err) || !read_input(run, query, err))
        return NULL;
    return run;
}

size_t tb_needle_exact_size(const tb_needle *needle, tb_arena *scratch, tb_str query, tb_str tools,
                            const tb_needle_options *options, tb_error *err)
{
    size_t mark = tb_arena_mark(scratch), sum = 0;
    const tb_needle_run *run = read_request(needle, scratch, query, tools, options, err);
    /* reading: what it keeps, and once more the tokenizer's needs, which it gave back */
    if (run != NULL &&
        (!tb_add(running_size(needle, run->input_count, run->options.max_tokens),
                 tb_arena_mark(scratch) - mark, &sum) ||
         !tb_add(sum, SLACK + (query.len + run->tools.text.len) * BYTES_PER_QUERY_LETTER, &sum)))
        tb_fail(err, TB_E_TOO_LONG, "this request is too long");
    tb_arena_reset(scratch, mark);
    return err->status == TB_OK ? sum : 0;
}

tb_needle_run *tb_needle_begin(const tb_needle *needle, tb_arena *scratch, tb_str query,
                               tb_str tools, const tb_needle_options *options, tb_error *err)
{
    uint32_t vocabulary = tb_model_config(needle->model)->vocab_size;
    tb_needle_run *run = read_request(needle, scratch, query, tools, options, err);
    if (run == NULL ||
        !tb_needle_encode(needle, scratch, run->input, run->input_count, 0, &run->memory, err))
        return NULL;
    run->segments[0] = &run->memory;
    run->allowed = tb_alloc(scratch, vocabulary, sizeof *run->allowed, err);
    run->logits = tb_alloc(scratch, vocabulary, sizeof *run->logits, err);
    run->tokens = tb_alloc(scratch, run->options.max_tokens, sizeof *run->tokens, err);
    run->text = tb_alloc(scratch, (size_t)run->options.max_tokens + 1, TB_DECODE_ROOM, err);
    run->decoder =
        tb_decoder_start(needle->model, run->segments, 1, run->options.max_tokens, scratch, err);
    if (run->allowed == NULL || run->logits == NULL || run->tokens == NULL || run->text == NULL ||
        run->decoder == NULL)
        return NULL;
    return run;
}

/* The largest allowed logit, the lowest id on ties. `allowed` may be NULL. */
static uint32_t best_of(const float *logits, const bool *allowed, uint32_t size, float *lead)
{
    float first = -__builtin_inff(), second = first;
    uint32_t best = size;
    for (uint32_t id = 0; id < size; id++) {
        if (allowed != NULL && !allowed[id])
            continue;
        if (logits[id] > first) {
            second = first;
            first = logits[id];
            best = id;
        } else if (logits[id] > second) {
            second = logits[id];
        }
    }
    *lead = first - second;
    return best;
}

/* Runs the decoder over the token before and, unless the next one is known, gives its logits. */
static bool decode(tb_needle_run *run, bool logits, tb_error *err)
{
    uint32_t before = run->count > 0 ? run->tokens[run->count - 1] : TB_ID_END;
    return tb_decoder_token(run->decoder, before, err) &&
           (!logits || tb_decoder_logits(run->decoder, run->logits, err));
}

static bool choose(tb_needle_run *run, tb_needle_piece *piece, tb_error *err)
{
    bool masked;
    if (!decode(run, true, err))
        return false;
    masked = run->options.grammar == TB_NEEDLE_NEEDLE1 &&
             tb_needle_guide_mask(&run->guide, run->allowed);
    piece->token =
        best_of(run->logits, masked ? run->allowed : NULL, run->needle->texts.size, &piece->lead);
    return true;
}

/* A dead end finishes the answer without a token. */
static bool choose_strictly(tb_needle_run *run, tb_needle_piece *piece, tb_error *err)
{
    uint32_t left = run->options.max_tokens - (uint32_t)run->count;
    tb_strict_outlook outlook = tb_needle_strict_look(run->strict, left, &piece->token);
    if (outlook == TB_STRICT_ONE)
        return piece->token == TB_ID_END || decode(run, false, err);
    if (outlook == TB_STRICT_SEVERAL && !decode(run, true, err))
        return false;
    run->stuck = outlook == TB_STRICT_DEAD_END ||
                 !tb_needle_strict_choose(run->strict, run->logits, left, &piece->token);
    return true;
}

static bool choose_any(tb_needle_run *run, tb_needle_piece *piece, tb_error *err)
{
    size_t i = run->count;
    piece->lead = __builtin_inff();
    if (i < run->options.forced_count && run->options.forced[i] >= 0) {
        piece->token = (uint32_t)run->options.forced[i];
        if (piece->token >= run->needle->texts.size)
            return tb_fail(err, TB_E_OPTION, "token %u is not in the vocabulary", piece->token);
        return decode(run, false, err);
    }
    return run->strict != NULL ? choose_strictly(run, piece, err) : choose(run, piece, err);
}

/* Adds a token to the answer. */
static bool take(tb_needle_run *run, uint32_t token, tb_error *err)
{
    run->tokens[run->count++] = token;
    if (run->strict == NULL)
        tb_needle_guide_feed(&run->guide, token);
    else if (!tb_needle_strict_feed(run->strict, token))
        return tb_fail(err, TB_E_OPTION, "token %u does not fit the strict grammar here", token);
    run->text_len +=
        tb_decode(&run->needle->tokenizer, &run->decoding, token, run->text + run->text_len);
    run->done = run->count == run->options.max_tokens;
    return true;
}

bool tb_needle_next(tb_needle_run *run, tb_needle_piece *piece, tb_error *err)
{
    if (run->done)
        return tb_fail(err, TB_E_INTERNAL, "this answer is complete already");
    if (!choose_any(run, piece, err))
        return false;
    if (run->stuck)
        piece->token = TB_ID_END;
    if (piece->token == TB_ID_END)
        run->done = true;
    else if (!take(run, piece->token, err))
        return false;
    run->ended = piece->token == TB_ID_END && !run->stuck;
    if (run->done)
        run->text_len += tb_decode_end(&run->decoding, run->text + run->text_len);
    piece->text = (tb_str){run->text + run->shown, run->text_len - run->shown};
    run->shown = run->text_len;
    piece->last = run->done;
    return true;
}

/* ---- the answer ------------------------------------------------------------------------------ */

static bool is_call(const tb_needle_tools *tools, const tb_py_json *j, uint32_t at)
{
    uint32_t name = tb_py_get(j, at, "name"), arguments = tb_py_get(j, at, "arguments");
    if (name == 0 || arguments == 0 || j->nodes[name].type != TB_PY_STRING ||
        j->nodes[arguments].type != TB_PY_OBJECT)
        return false;
    for (uint32_t i = 0; i < tools->name_count; i++)
        if (tb_str_equal(tools->names[i].name, j->nodes[name].text))
            return true;
    return false;
}

/* Writes the calls among the elements of the list; *other: something else was there too. */
static void put_calls(tb_py_writer *w, const tb_needle_tools *tools, const tb_py_json *j,
                      bool *other)
{
    bool first = true;
    tb_py_put(w, "[", 1);
    for (uint32_t i = 1; i < j->nodes[0].next; i = j->nodes[i].next) {
        if (!is_call(tools, j, i)) {
            *other = true;
            continue;
        }
        tb_py_put(w, &",{\"name\":"[first], 9u - first);
        tb_py_put_node(w, j, tb_py_get(j, i, "name"));
        tb_py_put(w, ",\"arguments\":", 13);
        tb_py_put_node(w, j, tb_py_get(j, i, "arguments"));
        tb_py_put(w, "}", 1);
        first = false;
    }
    tb_py_put(w, "]", 1);
}

static bool read_calls(tb_needle_run *run, tb_needle_answer *answer, tb_error *err)
{
    tb_py_writer w = {NULL, 0};
    tb_py_json json;
    bool valid, other = false;
    char *text;
    answer->calls = tb_str_of("[]");
    answer->valid = false;
    if (!tb_py_parse(run->scratch, answer->text, &json, &valid, err))
        return false;
    if (!valid || json.nodes[0].type != TB_PY_ARRAY)
        return true;
    put_calls(&w, &run->tools, &json, &other);
    text = tb_alloc(run->scratch, w.used, 1, err);
    if (text == NULL)
        return false;
    w = (tb_py_writer){text, 0};
    put_calls(&w, &run->tools, &json, &other);
    answer->calls = (tb_str){text, w.used};
    answer->valid = !other;
    return true;
}

bool tb_needle_finish(tb_needle_run *run, tb_needle_answer *answer, tb_error *err)
{
    tb_str raw;
    tb_needle_piece piece;
    while (!run->done)
        if (!tb_needle_next(run, &piece, err))
            return false;
    raw = run->strict != NULL ? tb_needle_strict_text(run->strict)
                              : (tb_str){run->text, run->text_len};
    memset(answer, 0, sizeof *answer);
    answer->ended = run->ended;
    answer->tokens = run->tokens;
    answer->token_count = run->count;
    answer->input = run->input;
    answer->input_count = run->input_count;
    if (!tb_needle_restore(run->scratch, raw, &run->tools, &answer->text, err) ||
        !read_calls(run, answer, err))
        return false;
    if (run->strict != NULL) /* after a dead end the text holds the calls before it */
        answer->valid = answer->ended = tb_needle_strict_complete(run->strict);
    return true;
}
