/* weights.c - the SafeTensors reader. One pass over the JSON header with a cursor that knows its end;
 * the header's grammar is so small that no general JSON parser is needed. */
#include "weights.h"

#include <string.h>

enum {
    MAX_HEADER = 1 << 20,
    MAX_TENSORS = 4096,
    MAX_DIM = 1 << 24,
    MAX_NAME = 96,
    THIMBLE_ROWS = 640, /* FORMAT.md section 2 */
    THIMBLE_STEPS = 512
};

/* ---- the header's text ---------------------------------------------------------------------- */

typedef struct {
    const char *at, *end;
    tb_arena *arena;
    tb_error *err;
} cursor;

static void skip_space(cursor *c)
{
    while (c->at < c->end && (*c->at == ' ' || *c->at == '\n' || *c->at == '\r' || *c->at == '\t'))
        c->at++;
}

/* Is the next character `wanted`? Then takes it. */
static bool take(cursor *c, char wanted)
{
    skip_space(c);
    if (c->at == c->end || *c->at != wanted)
        return false;
    c->at++;
    return true;
}

static bool expect(cursor *c, char wanted, const char *where)
{
    if (take(c, wanted))
        return true;
    if (c->at == c->end)
        return tb_fail(c->err, TB_E_FORMAT, "header: expected '%c' %s, found the end of the header",
                       wanted, where);
    return tb_fail(c->err, TB_E_FORMAT, "header: expected '%c' %s, found '%c'", wanted, where, *c->at);
}

/* A string as it stands between its quotes, escapes not undone. */
static bool read_raw(cursor *c, const char *where, tb_str *out)
{
    if (!expect(c, '"', where))
        return false;
    out->ptr = c->at;
    while (c->at < c->end && *c->at != '"') {
        if ((uint8_t)*c->at < 0x20)
            return tb_fail(c->err, TB_E_FORMAT, "header: control character inside a string %s", where);
        c->at += *c->at == '\\' && c->end - c->at > 1 ? 2 : 1;
    }
    if (c->at >= c->end)
        return tb_fail(c->err, TB_E_FORMAT, "header: a string %s does not end", where);
    out->len = (size_t)(c->at - out->ptr);
    c->at++;
    return true;
}

static bool has_escape(tb_str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.ptr[i] == '\\')
            return true;
    return false;
}

/* A name: no escapes, not long. */
static bool read_name(cursor *c, const char *where, tb_str *out)
{
    if (!read_raw(c, where, out))
        return false;
    if (out->len == 0 || out->len > MAX_NAME || has_escape(*out))
        return tb_fail(c->err, TB_E_FORMAT, "header: expected a plain name of 1 to %d bytes %s, "
                       "found \"%.*s\"", MAX_NAME, where, (int)(out->len < 100 ? out->len : 100),
                       out->ptr);
    return true;
}

static char escaped(char c)
{
    switch (c) {
    case 'n': return '\n';
    case 't': return '\t';
    case 'r': return '\r';
    case '"':
    case '\\':
    case '/': return c;
    default: return '\0';
    }
}

/* A metadata value; a copy in the arena if it holds escapes. \u is refused: nothing we read needs it. */
static bool read_value(cursor *c, tb_str key, tb_str *out)
{
    tb_str raw = {NULL, 0};
    char *text;
    size_t len = 0;
    if (!read_raw(c, "as a metadata value", &raw))
        return false;
    *out = raw;
    if (!has_escape(raw))
        return true;
    text = tb_alloc(c->arena, raw.len, 1, c->err);
    if (text == NULL)
        return false;
    for (size_t i = 0; i < raw.len; i++) {
        char ch = raw.ptr[i];
        if (ch == '\\' && (ch = escaped(raw.ptr[++i])) == '\0')
            return tb_fail(c->err, TB_E_FORMAT, "metadata %.*s: unsupported escape \\%c",
                           (int)key.len, key.ptr, raw.ptr[i]);
        text[len++] = ch;
    }
    out->ptr = text;
    out->len = len;
    return true;
}

/* A whole number without sign, 0..2^53. */
static bool read_number(cursor *c, const char *where, uint64_t *out)
{
    uint64_t value = 0;
    const char *start;
    skip_space(c);
    start = c->at;
    while (c->at < c->end && *c->at >= '0' && *c->at <= '9' && c->at - start < 16)
        value = value * 10 + (uint64_t)(*c->at++ - '0');
    if (c->at == start || (*start == '0' && c->at - start > 1))
        return tb_fail(c->err, TB_E_FORMAT, "header: expected a whole number %s", where);
    *out = value;
    return true;
}

/* ---- metadata ------------------------------------------------------------------------------- */

/* The entries we know; the rest of the metadata is for people. */
enum {
    FORMAT, D_MODEL, HEADS, KV_HEADS, ENCODER_LAYERS, DECODER_LAYERS, VOCAB, MAX_ENC, MAX_SEQ, MAX_DEC,
    FFN_DIM, NO_FFN, ACTIVATION, ROPE_THETA, NAME, CALIBRATION, MIN_CONFIDENCE, NONE_ABOVE, KEYS
};

static const char *const KEY_NAMES[KEYS] = {
    "format", "d_model", "num_heads", "num_kv_heads", "num_encoder_layers", "num_decoder_layers",
    "vocab_size", "max_enc_len", "max_seq_len", "max_dec_len", "ffn_dim", "no_feedforward",
    "activation", "rope_theta", "name", "calibration", "min_confidence", "none_above"};

typedef struct {
    tb_str value[KEYS]; /* ptr NULL: not given */
} metadata;

static bool read_metadata(cursor *c, metadata *m)
{
    if (!expect(c, '{', "after \"__metadata__\""))
        return false;
    if (take(c, '}'))
        return true;
    do {
        tb_str key, value;
        if (!read_name(c, "as a metadata key", &key) || !expect(c, ':', "after a metadata key") ||
            !read_value(c, key, &value))
            return false;
        for (int k = 0; k < KEYS; k++)
            if (tb_str_equal(key, tb_str_of(KEY_NAMES[k]))) {
                if (m->value[k].ptr != NULL)
                    return tb_fail(c->err, TB_E_FORMAT, "metadata %s: given twice", KEY_NAMES[k]);
                m->value[k] = value;
            }
    } while (take(c, ','));
    return expect(c, '}', "after the metadata");
}

static int shown(tb_str s)
{
    return (int)(s.len < 40 ? s.len : 40);
}

/* A whole number in a range and a multiple of `step`; `missing` where the entry is not given. */
static bool whole(const metadata *m, int key, uint32_t least, uint32_t most, uint32_t step,
                  uint32_t missing, uint32_t *out, tb_error *err)
{
    tb_str s = m->value[key];
    uint32_t value = s.ptr == NULL ? missing : 0;
    bool digits = s.ptr == NULL || (s.len > 0 && s.len <= 9);
    for (size_t i = 0; digits && i < s.len; i++) {
        digits = s.ptr[i] >= '0' && s.ptr[i] <= '9';
        value = value * 10 + (uint32_t)(s.ptr[i] - '0');
    }
    if (!digits || value < least || value > most || value % step != 0)
        return tb_fail(err, TB_E_FORMAT, "metadata %s: expected a multiple of %u in %u..%u, found \"%.*s\"",
                       KEY_NAMES[key], step, least, most, s.ptr == NULL ? 9 : shown(s),
                       s.ptr == NULL ? "(missing)" : s.ptr);
    *out = value;
    return true;
}

/* digits [ . digits ] in 1..1e9. */
static bool decimal(const metadata *m, int key, double missing, float *out, tb_error *err)
{
    tb_str s = m->value[key];
    double value = 0.0, unit = 1.0;
    bool dot = false, good = s.len > 0 && s.len <= 20 && s.ptr[0] != '.' && s.ptr[s.len - 1] != '.';
    if (s.ptr == NULL) {
        *out = (float)missing;
        return true;
    }
    for (size_t i = 0; good && i < s.len; i++) {
        if (s.ptr[i] == '.' && !dot) {
            dot = true;
        } else if (s.ptr[i] >= '0' && s.ptr[i] <= '9') {
            value = value * 10.0 + (s.ptr[i] - '0');
            unit = dot ? unit * 10.0 : 1.0;
        } else {
            good = false;
        }
    }
    value /= unit;
    if (!good || value < 1.0 || value > 1e9)
        return tb_fail(err, TB_E_FORMAT, "metadata %s: expected a number in 1..1e9, found \"%.*s\"",
                       KEY_NAMES[key], shown(s), s.ptr);
    *out = (float)value;
    return true;
}

/* One of the given words (the last one NULL): its number. */
static bool word(const metadata *m, int key, const char *const *words, int missing, int *out,
                 tb_error *err)
{
    tb_str s = m->value[key];
    *out = missing;
    if (s.ptr == NULL)
        return true;
    for (int i = 0; words[i] != NULL; i++)
        if (tb_str_equal(s, tb_str_of(words[i]))) {
            *out = i;
            return true;
        }
    return tb_fail(err, TB_E_FORMAT, "metadata %s: \"%.*s\" is not known to this version",
                   KEY_NAMES[key], shown(s), s.ptr);
}

static bool read_config(const metadata *m, tb_config *c, tb_error *err)
{
    static const char *const formats[] = {"needle1", "thimble1", NULL};
    static const char *const truths[] = {"False", "false", "0", "True", "true", "1", NULL};
    static const char *const activations[] = {"drelu", "swiglu", "geglu", NULL};
    int format, no_ffn, activation, longest = m->value[MAX_ENC].ptr != NULL ? MAX_ENC : MAX_SEQ;
    if (!word(m, FORMAT, formats, TB_NEEDLE1, &format, err) ||
        !word(m, NO_FFN, truths, 3, &no_ffn, err) ||
        !word(m, ACTIVATION, activations, TB_DRELU, &activation, err) ||
        !whole(m, D_MODEL, 32, 2048, 32, 512, &c->d_model, err) ||
        !whole(m, HEADS, 1, 64, 1, 8, &c->heads, err) ||
        !whole(m, KV_HEADS, 1, 64, 1, 4, &c->kv_heads, err) ||
        !whole(m, ENCODER_LAYERS, 1, 64, 1, 12, &c->encoder_layers, err) ||
        !whole(m, DECODER_LAYERS, 1, 64, 1, 8, &c->decoder_layers, err) ||
        !whole(m, VOCAB, 300, 65536, 1, 8192, &c->vocab_size, err) ||
        !decimal(m, ROPE_THETA, 10000.0, &c->rope_theta, err))
        return false;
    c->format = (tb_format)format;
    c->activation = (tb_activation)activation;
    c->feed_forward = no_ffn < 3;
    c->ffn_dim = 0;
    if (format == TB_NEEDLE1) {
        if (!whole(m, longest, 1, 4096, 1, 1024, &c->max_encoder, err) ||
            !whole(m, MAX_DEC, 1, 4096, 1, 512, &c->max_decoder, err) ||
            (c->feed_forward && !whole(m, FFN_DIM, 1, 8192, 1, 2048, &c->ffn_dim, err)))
            return false;
    } else {
        c->max_encoder = THIMBLE_ROWS;
        c->max_decoder = THIMBLE_STEPS;
        if (c->feed_forward)
            return tb_fail(err, TB_E_FORMAT, "metadata no_feedforward: thimble1 has no feed-forward layers");
    }
    c->head_dim = c->d_model / c->heads;
    if (c->d_model % c->heads != 0 || c->head_dim % 8 != 0 || c->head_dim > 256)
        return tb_fail(err, TB_E_FORMAT, "metadata num_heads: %u heads do not split d_model %u into "
                       "multiples of 8 up to 256", c->heads, c->d_model);
    if (c->kv_heads > c->heads || c->heads % c->kv_heads != 0)
        return tb_fail(err, TB_E_FORMAT, "metadata num_kv_heads: %u does not divide num_heads %u",
                       c->kv_heads, c->heads);
    c->name = m->value[NAME];
    c->calibration = m->value[CALIBRATION];
    c->min_confidence = m->value[MIN_CONFIDENCE];
    c->none_above = m->value[NONE_ABOVE];
    return true;
}

/* ---- tensors -------------------------------------------------------------------------------- */

static const char *const DTYPE_NAMES[] = {"F32", "F16", "BF16", "I4"};
static const size_t DTYPE_SIZES[] = {4, 2, 2, 1};

static bool read_dtype(cursor *c, tb_tensor *t)
{
    tb_str s;
    if (!read_name(c, "as a dtype", &s))
        return false;
    for (int i = TB_F32; i <= TB_I4; i++)
        if (tb_str_equal(s, tb_str_of(DTYPE_NAMES[i]))) {
            t->dtype = (tb_dtype)i;
            return true;
        }
    return tb_fail(c->err, TB_E_FORMAT, "tensor %.*s: expected dtype F32, F16, BF16 or I4, found %.*s",
                   (int)t->name.len, t->name.ptr, shown(s), s.ptr);
}

static bool read_shape(cursor *c, tb_tensor *t)
{
    uint64_t dim[2] = {1, 1};
    int dims = 0;
    if (!expect(c, '[', "before a shape"))
        return false;
    do {
        uint64_t value;
        if (!read_number(c, "in a shape", &value))
            return false;
        if (dims == 2 || value == 0 || value > MAX_DIM)
            return tb_fail(c->err, TB_E_FORMAT, "tensor %.*s: expected a shape of one or two sizes in 1..%d",
                           (int)t->name.len, t->name.ptr, MAX_DIM);
        dim[dims++] = value;
    } while (take(c, ','));
    t->rows = dims == 2 ? (uint32_t)dim[0] : 1;
    t->columns = (uint32_t)dim[dims - 1];
    return expect(c, ']', "after a shape");
}

static bool read_offsets(cursor *c, uint64_t *begin, uint64_t *end)
{
    return expect(c, '[', "before data_offsets") && read_number(c, "in data_offsets", begin) &&
           expect(c, ',', "in data_offsets") && read_number(c, "in data_offsets", end) &&
           expect(c, ']', "after data_offsets");
}

/* { "dtype": .., "shape": [..], "data_offsets": [begin, end] } in any order. `start` is where the
 * previous tensor ended. */
static bool read_tensor(cursor *c, const uint8_t *data, uint64_t start, uint64_t available, tb_tensor *t)
{
    uint64_t begin = 0, end = 0, want;
    unsigned seen = 0;
    if (!expect(c, '{', "before a tensor"))
        return false;
    do {
        tb_str key;
        unsigned bit;
        bool good;
        if (!read_name(c, "as a tensor's key", &key) || !expect(c, ':', "after a tensor's key"))
            return false;
        if (tb_str_equal(key, tb_str_of("dtype"))) {
            bit = 1, good = read_dtype(c, t);
        } else if (tb_str_equal(key, tb_str_of("shape"))) {
            bit = 2, good = read_shape(c, t);
        } else if (tb_str_equal(key, tb_str_of("data_offsets"))) {
            bit = 4, good = read_offsets(c, &begin, &end);
        } else {
            return tb_fail(c->err, TB_E_FORMAT, "tensor %.*s: unknown key \"%.*s\"", (int)t->name.len,
                           t->name.ptr, shown(key), key.ptr);
        }
        if (!good)
            return false;
        if (seen & bit)
            return tb_fail(c->err, TB_E_FORMAT, "tensor %.*s: %.*s given twice", (int)t->name.len,
                           t->name.ptr, shown(key), key.ptr);
        seen |= bit;
    } while (take(c, ','));
    if (!expect(c, '}', "after a tensor"))
        return false;
    if (seen != 7)
        return tb_fail(c->err, TB_E_FORMAT, "tensor %.*s: dtype, shape or data_offsets is missing",
                       (int)t->name.len, t->name.ptr);
    want = (uint64_t)t->rows * t->columns * DTYPE_SIZES[t->dtype];
    if (begin != start)
        return tb_fail(c->err, TB_E_FORMAT, "tensor %.*s: expected data_offsets to begin at %zu, where the "
                       "tensor before it ends, found %zu", (int)t->name.len, t->name.ptr, (size_t)start,
                       (size_t)begin);
    if (end < begin || end - begin != want)
        return tb_fail(c->err, TB_E_FORMAT, "tensor %.*s: expected %zu bytes for its shape, found "
                       "data_offsets %zu to %zu", (int)t->name.len, t->name.ptr, (size_t)want,
                       (size_t)begin, (size_t)end);
    if (end > available)
        return tb_fail(c->err, TB_E_FORMAT, "tensor %.*s: expected it to end by byte %zu of the data, found "
                       "%zu; is the file cut short?", (int)t->name.len, t->name.ptr, (size_t)available,
                       (size_t)end);
    t->data = data + begin;
    t->bytes = (size_t)want;
    t->used = false;
    return true;
}

/* Restores the heap below `i`: the greatest name on top. */
static void sift_down(tb_tensor *t, size_t i, size_t count)
{
    for (;;) {
        size_t child = 2 * i + 1;
        tb_tensor swap;
        if (child >= count)
            return;
        if (child + 1 < count && tb_str_compare(t[child].name, t[child + 1].name) < 0)
            child++;
        if (tb_str_compare(t[i].name, t[child].name) >= 0)
            return;
        swap = t[i], t[i] = t[child], t[child] = swap;
        i = child;
    }
}

static bool sort_by_name(tb_tensor *t, size_t count, tb_error *err)
{
    for (size_t i = count / 2; i-- > 0;)
        sift_down(t, i, count);
    for (size_t last = count; last-- > 1;) {
        tb_tensor swap = t[0];
        t[0] = t[last], t[last] = swap;
        sift_down(t, 0, last);
    }
    for (size_t i = 1; i < count; i++)
        if (tb_str_equal(t[i - 1].name, t[i].name))
            return tb_fail(err, TB_E_FORMAT, "tensor %.*s: given twice", (int)t[i].name.len, t[i].name.ptr);
    return true;
}

/* Tensors can only be named in quotes, and each needs six of them: no more than quotes / 6. */
static size_t most_tensors(const cursor *c)
{
    size_t quotes = 0;
    for (const char *p = c->at; p < c->end; p++)
        quotes += *p == '"';
    return quotes / 6 < MAX_TENSORS ? quotes / 6 : MAX_TENSORS;
}

bool tb_weights_open(const uint8_t *file, size_t size, tb_arena *arena, tb_weights *out, tb_error *err)
{
    uint64_t length = 0, end = 0, available;
    size_t room;
    metadata meta = {0};
    bool seen_metadata = false;
    cursor c;
    memset(out, 0, sizeof *out);
    if (size < 8)
        return tb_fail(err, TB_E_FORMAT, "model file: expected at least 8 bytes, found %zu", size);
    for (int i = 7; i >= 0; i--)
        length = length << 8 | file[i];
    if (length > MAX_HEADER || length > size - 8)
        return tb_fail(err, TB_E_FORMAT, "model file: its header cannot be longer than %zu bytes; this is no "
                       "SafeTensors file, or it is cut short", size - 8 < MAX_HEADER ? size - 8 : MAX_HEADER);
    available = size - 8 - length;
    c.at = (const char *)file + 8;
    c.end = c.at + length;
    c.arena = arena;
    c.err = err;
    room = most_tensors(&c);
    out->tensors = tb_alloc(arena, room, sizeof *out->tensors, err);
    if (out->tensors == NULL || !expect(&c, '{', "at the start"))
        return false;
    do {
        tb_str name;
        if (!read_name(&c, "as a tensor's name", &name) || !expect(&c, ':', "after a tensor's name"))
            return false;
        if (tb_str_equal(name, tb_str_of("__metadata__"))) {
            if (seen_metadata)
                return tb_fail(err, TB_E_FORMAT, "header: __metadata__ given twice");
            seen_metadata = true;
            if (!read_metadata(&c, &meta))
                return false;
            continue;
        }
        if (out->count == room)
            return tb_fail(err, TB_E_FORMAT, "header: more than %d tensors, or one without dtype", MAX_TENSORS);
        out->tensors[out->count].name = name;
        if (!read_tensor(&c, file + 8 + length, end, available, &out->tensors[out->count]))
            return false;
        end += out->tensors[out->count++].bytes;
    } while (take(&c, ','));
    if (!expect(&c, '}', "at the end"))
        return false;
    skip_space(&c);
    if (c.at != c.end)
        return tb_fail(err, TB_E_FORMAT, "header: expected nothing after its '}', found '%c'", *c.at);
    if (end != available)
        return tb_fail(err, TB_E_FORMAT, "model file: expected %zu bytes of tensors, found %zu", (size_t)end,
                       (size_t)available);
    return read_config(&meta, &out->config, err) && sort_by_name(out->tensors, out->count, err);
}

/* ---- access --------------------------------------------------------------------------------- */

tb_tensor *tb_weights_find(tb_weights *w, const char *name)
{
    size_t low = 0, high = w->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = tb_str_compare(w->tensors[middle].name, tb_str_of(name));
        if (order == 0) {
            w->tensors[middle].used = true;
            return &w->tensors[middle];
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

static bool right_shape(const tb_tensor *t, const char *name, size_t rows, size_t columns, tb_error *err)
{
    if (t == NULL)
        return tb_fail(err, TB_E_FORMAT, "tensor %s: expected %zu x %zu, found nothing of that name", name,
                       rows, columns);
    if (t->rows != rows || t->columns != columns)
        return tb_fail(err, TB_E_FORMAT, "tensor %s: expected shape %zu x %zu, found %u x %u", name, rows,
                       columns, t->rows, t->columns);
    return true;
}

const tb_tensor *tb_weights_get(tb_weights *w, const char *name, tb_dtype dtype, size_t rows,
                                size_t columns, tb_error *err)
{
    tb_tensor *t = tb_weights_find(w, name);
    if (!right_shape(t, name, rows, columns, err))
        return NULL;
    if (t->dtype != dtype) {
        tb_fail(err, TB_E_FORMAT, "tensor %s: expected dtype %s, found %s", name, DTYPE_NAMES[dtype],
                DTYPE_NAMES[t->dtype]);
        return NULL;
    }
    return t;
}

static float from_bits(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* IEEE half to float, exactly; infinity and NaN keep an exponent of all ones. */
static float half_to_float(uint32_t half)
{
    uint32_t sign = (half & 0x8000) << 16, exponent = half >> 10 & 31, fraction = half & 0x3ff;
    if (exponent == 31)
        return from_bits(sign | 0x7f800000 | fraction << 13);
    if (exponent == 0) {
        float tiny = (float)fraction * 5.9604644775390625e-8f; /* 2^-24 */
        return sign ? -tiny : tiny;
    }
    return from_bits(sign | (exponent + 112) << 23 | fraction << 13);
}

static float element(const tb_tensor *t, size_t i)
{
    const uint8_t *p = t->data + i * DTYPE_SIZES[t->dtype];
    uint32_t low = (uint32_t)p[0] | (uint32_t)p[1] << 8;
    if (t->dtype == TB_F16)
        return half_to_float(low);
    if (t->dtype == TB_BF16)
        return from_bits(low << 16);
    return from_bits(low | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24);
}

bool tb_weights_floats(tb_weights *w, const char *name, size_t rows, size_t columns, float *out,
                       tb_error *err)
{
    const tb_tensor *t = tb_weights_find(w, name);
    if (!right_shape(t, name, rows, columns, err))
        return false;
    if (t->dtype != TB_F32 && t->dtype != TB_F16 && t->dtype != TB_BF16)
        return tb_fail(err, TB_E_FORMAT, "tensor %s: expected floating-point numbers, found %s", name,
                       DTYPE_NAMES[t->dtype]);
    for (size_t i = 0; i < rows * columns; i++) {
        out[i] = element(t, i);
        if (!(out[i] - out[i] == 0.0f)) /* NaN or infinity */
            return tb_fail(err, TB_E_FORMAT, "tensor %s: number %zu is not finite", name, i);
    }
    return true;
}

bool tb_weights_all_used(const tb_weights *w, tb_error *err)
{
    for (size_t i = 0; i < w->count; i++)
        if (!w->tensors[i].used)
            return tb_fail(err, TB_E_FORMAT, "tensor %.*s: not part of this format",
                           (int)w->tensors[i].name.len, w->tensors[i].name.ptr);
    return true;
}
