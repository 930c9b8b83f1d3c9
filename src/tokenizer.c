/* tokenizer.c - vocab.txt, BPE by a heap of candidate pairs, decoding. */
#include "tokenizer.h"

#include <string.h>

#define SPACE_MARK "\xe2\x96\x81"  /* U+2581, which stands for U+0020 inside pieces */
#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */
enum { MARK_BYTES = 3, BYTES = 256 };

/* ---- vocab.txt ------------------------------------------------------------------------------ */

static bool equals(tb_str s, const char *literal)
{
    return tb_str_equal(s, tb_str_of(literal));
}

/* -? digits [ . digits ] */
static bool read_score(tb_str s, float *out)
{
    double value = 0.0, unit = 1.0;
    size_t i = s.len > 0 && s.ptr[0] == '-', digits = 0;
    bool minus = i == 1, dot = false;
    for (; i < s.len && s.len < 24; i++) {
        char c = s.ptr[i];
        if (c == '.' && !dot && digits > 0) {
            dot = true;
        } else if (c >= '0' && c <= '9') {
            value = value * 10.0 + (c - '0');
            unit = dot ? unit * 10.0 : 1.0;
            digits++;
        } else {
            return false;
        }
    }
    *out = (float)(minus ? -value / unit : value / unit);
    return digits > 0 && i == s.len;
}

static bool read_lines(tb_str vocab, tb_tokenizer *t, tb_error *err)
{
    size_t at = 0;
    for (uint32_t id = 0; id < t->size; id++) {
        size_t start = at, tab, end;
        tb_str score;
        while (at < vocab.len && vocab.ptr[at] != '\t' && vocab.ptr[at] != '\n')
            at++;
        tab = at;
        while (at < vocab.len && vocab.ptr[at] != '\n')
            at++;
        end = at++;
        if (start >= vocab.len)
            return tb_fail(err, TB_E_FORMAT, "vocab.txt: expected %u lines, found %u", t->size, id);
        t->pieces[id].ptr = vocab.ptr + start;
        t->pieces[id].len = tab - start;
        if (tab == start || tab == end || tab - start > TB_MAX_PIECE ||
            tb_utf8_check(vocab.ptr + start, tab - start) != tab - start)
            return tb_fail(err, TB_E_FORMAT, "vocab.txt line %u: expected a piece of 1 to %d bytes of UTF-8 "
                           "and a TAB", id + 1, TB_MAX_PIECE);
        score.ptr = vocab.ptr + tab + 1;
        score.len = end - tab - 1;
        if (!read_score(score, &t->scores[id]))
            return tb_fail(err, TB_E_FORMAT, "vocab.txt line %u: expected a score after the TAB, found "
                           "\"%.*s\"", id + 1, (int)(score.len < 30 ? score.len : 30), score.ptr);
        if (t->pieces[id].len > t->longest)
            t->longest = t->pieces[id].len;
    }
    if (at < vocab.len)
        return tb_fail(err, TB_E_FORMAT, "vocab.txt: expected %u lines, found more", t->size);
    return true;
}

/* The kinds of piece are not in the file, they follow from the ids: check that these ids are what
 * the format says. */
static bool check_layout(const tb_tokenizer *t, tb_error *err)
{
    static const char *const needle1[] = {"<pad>", "</s>", "<s>", "<unk>", "<tool_call>", "<tools>"};
    static const char *const thimble1[] = {"<pad>", "</s>", "<s>", "<unk>", "<tool>", "<arg>",
                                           "<val>", "<is>", "<query>"};
    const char *const *fixed = t->format == TB_THIMBLE1 ? thimble1 : needle1;
    uint32_t count = t->format == TB_THIMBLE1 ? 9 : 6;
    char byte[] = "<0x00>", mark[] = "!";
    for (uint32_t id = 0; id < count; id++)
        if (!equals(t->pieces[id], fixed[id]))
            return tb_fail(err, TB_E_FORMAT, "vocab.txt line %u: expected %s", id + 1, fixed[id]);
    for (uint32_t id = count; id < t->first_byte; id++, mark[0]++) {
        while ((mark[0] >= '0' && mark[0] <= '9') || ((mark[0] | 32) >= 'a' && (mark[0] | 32) <= 'z'))
            mark[0]++;
        if (!equals(t->pieces[id], mark))
            return tb_fail(err, TB_E_FORMAT, "vocab.txt line %u: expected %s", id + 1, mark);
    }
    for (uint32_t b = 0; b < BYTES; b++) {
        byte[3] = "0123456789ABCDEF"[b >> 4];
        byte[4] = "0123456789ABCDEF"[b & 15];
        if (!equals(t->pieces[t->first_byte + b], byte))
            return tb_fail(err, TB_E_FORMAT, "vocab.txt line %u: expected %s", t->first_byte + b + 1, byte);
    }
    return true;
}

/* FNV-1a */
static uint32_t hash(tb_str s)
{
    uint32_t h = 2166136261u;
    for (size_t i = 0; i < s.len; i++)
        h = (h ^ (uint8_t)s.ptr[i]) * 16777619u;
    return h;
}

/* The slot of a piece, or the free one where it would go. At most half of the slots are taken. */
static uint32_t *slot_of(const tb_tokenizer *t, tb_str piece)
{
    uint32_t i = hash(piece) & t->slot_mask;
    while (t->slots[i] != 0 && !tb_str_equal(t->pieces[t->slots[i] - 1], piece))
        i = (i + 1) & t->slot_mask;
    return &t->slots[i];
}

static bool fill_slots(tb_tokenizer *t, tb_error *err)
{
    for (uint32_t id = t->first_user; id < t->size; id++) {
        uint32_t *slot;
        if (id == t->first_byte)
            id = t->first_normal; /* a text's "<0x41>" is six characters, not a byte */
        if (id == t->size)
            break;
        slot = slot_of(t, t->pieces[id]);
        if (*slot != 0)
            return tb_fail(err, TB_E_FORMAT, "vocab.txt line %u: the same piece as in line %u", id + 1, *slot);
        *slot = id + 1;
    }
    return true;
}

bool tb_tokenizer_open(tb_str vocab, tb_format format, uint32_t size, tb_arena *arena,
                       tb_tokenizer *out, tb_error *err)
{
    uint32_t slots = 1024;
    memset(out, 0, sizeof *out);
    out->format = format;
    out->size = size;
    out->first_user = format == TB_THIMBLE1 ? 9 : 4;
    out->first_byte = format == TB_THIMBLE1 ? 41 : 6;
    out->first_normal = out->first_byte + BYTES;
    if (size < out->first_normal || size > 65536)
        return tb_fail(err, TB_E_FORMAT, "vocabulary of %u pieces: expected %u to 65536", size,
                       out->first_normal);
    while (slots < 2 * size)
        slots *= 2;
    out->slot_mask = slots - 1;
    out->pieces = tb_alloc(arena, size, sizeof *out->pieces, err);
    out->scores = tb_alloc(arena, size, sizeof *out->scores, err);
    out->slots = tb_alloc(arena, slots, sizeof *out->slots, err);
    return out->pieces != NULL && out->scores != NULL && out->slots != NULL &&
           read_lines(vocab, out, err) && check_layout(out, err) && fill_slots(out, err);
}

tb_str tb_piece(const tb_tokenizer *t, uint32_t id)
{
    return id < t->size ? t->pieces[id] : tb_str_of("");
}

uint32_t tb_piece_id(const tb_tokenizer *t, tb_str piece)
{
    uint32_t found = piece.len <= t->longest ? *slot_of(t, piece) : 0;
    return found != 0 ? found - 1 : TB_NO_PIECE;
}

int tb_piece_byte(const tb_tokenizer *t, uint32_t id)
{
    return id >= t->first_byte && id < t->first_normal ? (int)(id - t->first_byte) : -1;
}

/* ---- encoding ------------------------------------------------------------------------------- */

enum { NONE = -1 };

/* A run of normalised text: at first one character, or one user symbol (frozen). */
typedef struct {
    uint32_t text, len;  /* in the normalised text; len 0: merged into its left neighbour */
    uint32_t start, end; /* in the caller's text */
    int32_t prev, next;
    bool frozen;
} symbol;

/* A pair that could merge. Stale once either side has changed, which its length shows. */
typedef struct {
    float score;
    int32_t left, right;
    uint32_t len;
} pair;

typedef struct {
    const tb_tokenizer *t;
    char *text; /* normalised */
    uint32_t text_len;
    symbol *symbols;
    size_t symbol_count;
    pair *heap; /* best pair first */
    size_t heap_count;
} encoder;

static void add_symbol(encoder *e, const char *bytes, size_t len, size_t start, size_t end, bool frozen)
{
    symbol *s = &e->symbols[e->symbol_count++];
    memcpy(e->text + e->text_len, bytes, len);
    s->text = e->text_len;
    s->len = (uint32_t)len;
    s->start = (uint32_t)start;
    s->end = (uint32_t)end;
    s->frozen = frozen;
    e->text_len += (uint32_t)len;
}

/* Length of the longest user symbol at the start of `text`, or 0. */
static size_t user_symbol(const tb_tokenizer *t, const char *text, size_t len)
{
    size_t longest = 0;
    for (uint32_t id = t->first_user; id < t->first_byte; id++) {
        tb_str s = t->pieces[id];
        if (s.ptr[0] == text[0] && s.len <= len && s.len > longest && memcmp(s.ptr, text, s.len) == 0)
            longest = s.len;
    }
    return longest;
}

/* One byte as the model reads it. */
static char seen(const tb_tokenizer *t, char c)
{
    if (t->format == TB_NEEDLE1)
        return c;
    if (c >= 'A' && c <= 'Z')
        return (char)(c + 32);
    return c == '\t' || c == '\n' || c == '\r' ? ' ' : c;
}

static bool is_mark_text(const char *text, size_t len)
{
    return len >= MARK_BYTES && memcmp(text, SPACE_MARK, MARK_BYTES) == 0;
}

static bool is_mark(const encoder *e, const symbol *s)
{
    return s->len == MARK_BYTES && is_mark_text(e->text + s->text, s->len);
}

/* Normalises and splits: a mark before the first word, one for each run of spaces between words,
 * none at the end. A mark's place is where the word after it begins. thimble1 reads a mark written
 * out in the text as three underscores, so that it cannot pass for a space. */
static void split(encoder *e, tb_str text)
{
    size_t at = 0;
    bool space = true;
    while (at < text.len) {
        char c = seen(e->t, text.ptr[at]);
        size_t len;
        uint32_t code_point;
        if (c == ' ') {
            space = true;
            at++;
            continue;
        }
        if (space)
            add_symbol(e, SPACE_MARK, MARK_BYTES, at, at, false);
        space = false;
        if (e->t->format == TB_THIMBLE1 && is_mark_text(text.ptr + at, text.len - at)) {
            for (len = 0; len < MARK_BYTES; len++)
                add_symbol(e, "_", 1, at + len, at + len + 1, true);
        } else if ((len = user_symbol(e->t, text.ptr + at, text.len - at)) > 0) {
            add_symbol(e, text.ptr + at, len, at, at + len, true);
        } else if ((uint8_t)c < 0x80) {
            add_symbol(e, &c, len = 1, at, at + 1, false);
        } else if ((len = tb_utf8_decode(text.ptr + at, text.len - at, &code_point)) > 0) {
            add_symbol(e, text.ptr + at, len, at, at + len, false);
        } else {
            add_symbol(e, REPLACEMENT, 3, at, at + 1, false);
            len = 1;
        }
        at += len;
    }
    /* needle1: one written out is a space to SentencePiece, and goes at the end like one. */
    while (e->symbol_count > 0 && is_mark(e, &e->symbols[e->symbol_count - 1]))
        e->symbol_count--;
    for (size_t i = 0; i < e->symbol_count; i++) {
        e->symbols[i].prev = (int32_t)i - 1;
        e->symbols[i].next = i + 1 < e->symbol_count ? (int32_t)i + 1 : NONE;
    }
}

/* The highest score first, the leftmost on equal scores. */
static bool before(const pair *a, const pair *b)
{
    return a->score > b->score || (a->score == b->score && a->left < b->left);
}

static void push(encoder *e, pair p)
{
    size_t i = e->heap_count++;
    while (i > 0 && before(&p, &e->heap[(i - 1) / 2])) {
        e->heap[i] = e->heap[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    e->heap[i] = p;
}

static pair pop(encoder *e)
{
    pair top = e->heap[0], last = e->heap[--e->heap_count];
    size_t i = 0, child;
    while ((child = 2 * i + 1) < e->heap_count) {
        if (child + 1 < e->heap_count && before(&e->heap[child + 1], &e->heap[child]))
            child++;
        if (!before(&e->heap[child], &last))
            break;
        e->heap[i] = e->heap[child];
        i = child;
    }
    e->heap[i] = last;
    return top;
}

/* Proposes symbols `left` and `right` for a merge if their text together is a piece. */
static void propose(encoder *e, int32_t left, int32_t right)
{
    const symbol *a, *b;
    tb_str both;
    uint32_t id;
    pair p;
    if (left == NONE || right == NONE)
        return;
    a = &e->symbols[left];
    b = &e->symbols[right];
    if (a->frozen || b->frozen)
        return;
    both.ptr = e->text + a->text; /* neighbours lie side by side */
    both.len = (size_t)a->len + b->len;
    id = tb_piece_id(e->t, both);
    if (id == TB_NO_PIECE)
        return;
    p.score = e->t->scores[id];
    p.left = left;
    p.right = right;
    p.len = (uint32_t)both.len;
    push(e, p);
}

/* Each merge takes one pair off the heap and proposes at most two: the heap never holds more than
 * twice as many pairs as there were symbols. */
static void merge_all(encoder *e)
{
    for (size_t i = 1; i < e->symbol_count; i++)
        propose(e, (int32_t)i - 1, (int32_t)i);
    while (e->heap_count > 0) {
        pair p = pop(e);
        symbol *a = &e->symbols[p.left], *b = &e->symbols[p.right];
        if (a->len == 0 || b->len == 0 || a->len + b->len != p.len)
            continue;
        a->len += b->len;
        a->end = b->end;
        a->next = b->next;
        b->len = 0;
        if (a->next != NONE)
            e->symbols[a->next].prev = p.left;
        propose(e, a->prev, p.left);
        propose(e, p.left, a->next);
    }
}

uint8_t tb_case_class(tb_str bytes)
{
    size_t capitals = 0, letters = 0;
    for (size_t i = 0; i < bytes.len; i++) {
        char c = bytes.ptr[i];
        capitals += c >= 'A' && c <= 'Z';
        letters += (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    }
    if (capitals == 0)
        return 0;
    return letters >= 2 && capitals == letters ? 2 : 1;
}

typedef struct {
    tb_token *tokens;
    size_t room, count;
    const char *text; /* the caller's */
} output;

static void emit(output *o, uint32_t id, uint32_t start, uint32_t end)
{
    if (o->count < o->room) {
        tb_token *token = &o->tokens[o->count];
        tb_str covered = {o->text + start, end - start};
        token->id = id;
        token->start = start;
        token->end = end;
        token->case_class = tb_case_class(covered);
    }
    o->count++;
}

/* A symbol's piece or, for a character without one, the pieces of its bytes. */
static void emit_symbol(const encoder *e, const symbol *s, output *o)
{
    tb_str piece = {e->text + s->text, s->len};
    uint32_t id = tb_piece_id(e->t, piece);
    if (id != TB_NO_PIECE) {
        emit(o, id, s->start, s->end);
        return;
    }
    for (uint32_t i = 0; i < s->len; i++) {
        uint32_t start = s->start + i < s->end ? s->start + i : s->end;
        uint32_t end = start < s->end ? start + 1 : s->end;
        emit(o, e->t->first_byte + (uint8_t)piece.ptr[i], start, end);
    }
}

bool tb_tokenize(const tb_tokenizer *t, tb_str text, tb_token *tokens, size_t room, size_t *count,
                 tb_arena *scratch, tb_error *err)
{
    size_t mark = tb_arena_mark(scratch), most;
    encoder e = {0};
    output o = {tokens, room, 0, text.ptr};
    *count = 0;
    if (text.len > TB_MAX_TEXT)
        return tb_fail(err, TB_E_TOO_LONG, "text of %zu bytes: at most %d can be tokenized", text.len,
                       TB_MAX_TEXT);
    /* Every byte gives at most one symbol of at most 3 times its size, and every second byte (a
     * word needs a space before it) one mark; the first word's mark comes on top. */
    most = text.len + text.len / 2 + 2;
    e.t = t;
    e.text = tb_alloc(scratch, most, 3, err);
    e.symbols = tb_alloc(scratch, most, sizeof *e.symbols, err);
    e.heap = tb_alloc(scratch, 2 * most, sizeof *e.heap, err);
    if (e.text == NULL || e.symbols == NULL || e.heap == NULL) {
        tb_arena_reset(scratch, mark);
        return false;
    }
    split(&e, text);
    merge_all(&e);
    for (int32_t i = e.symbol_count > 0 ? 0 : NONE; i != NONE; i = e.symbols[i].next)
        emit_symbol(&e, &e.symbols[i], &o);
    *count = o.count;
    tb_arena_reset(scratch, mark);
    return true;
}

/* ---- decoding ------------------------------------------------------------------------------- */

static size_t append(tb_decoding *state, char *out, size_t at, const char *bytes, size_t len)
{
    memcpy(out + at, bytes, len);
    state->started = state->started || len > 0;
    return at + len;
}

static void drop_held(tb_decoding *state, size_t count)
{
    state->held_count = (uint8_t)(state->held_count - count);
    memmove(state->held, state->held + count, state->held_count);
}

/* Could the bytes held become a character? */
static bool is_unfinished(const tb_decoding *state)
{
    uint8_t first = state->held[0];
    size_t wanted = first >= 0xf0 && first < 0xf5 ? 4 : first >= 0xe0 ? 3 : first >= 0xc2 ? 2 : 1;
    if (first >= 0xf5 || state->held_count >= wanted)
        return false;
    for (size_t i = 1; i < state->held_count; i++)
        if ((state->held[i] & 0xc0) != 0x80)
            return false;
    return true;
}

/* Writes the characters held; what cannot be one becomes U+FFFD, byte by byte. */
static size_t release(tb_decoding *state, bool all, char *out, size_t at)
{
    while (state->held_count > 0 && (all || !is_unfinished(state))) {
        uint32_t code_point;
        size_t len = tb_utf8_decode((const char *)state->held, state->held_count, &code_point);
        at = len > 0 ? append(state, out, at, (const char *)state->held, len)
                     : append(state, out, at, REPLACEMENT, 3);
        drop_held(state, len > 0 ? len : 1);
    }
    return at;
}

size_t tb_decode(const tb_tokenizer *t, tb_decoding *state, uint32_t id, char *out)
{
    int byte = tb_piece_byte(t, id);
    tb_str piece = tb_piece(t, id);
    size_t at, i = 0;
    if (byte >= 0) {
        state->held[state->held_count++] = (uint8_t)byte;
        return release(state, false, out, 0);
    }
    at = release(state, true, out, 0);
    if (id == TB_ID_UNKNOWN)
        return append(state, out, at, " \xe2\x81\x87 ", 5);
    if (id < TB_ID_UNKNOWN || (t->format == TB_THIMBLE1 && id < t->first_user))
        return at;
    while (i < piece.len) {
        if (is_mark_text(piece.ptr + i, piece.len - i)) {
            if (i > 0 || state->started)
                at = append(state, out, at, " ", 1);
            i += MARK_BYTES;
        } else {
            at = append(state, out, at, piece.ptr + i, 1);
            i++;
        }
    }
    return at;
}

size_t tb_decode_end(tb_decoding *state, char *out)
{
    return release(state, true, out, 0);
}
