/* tokenizer.h - SentencePiece BPE from vocab.txt: text -> tokens with byte offsets, ids -> text.
 *
 *     tb_tokenizer t;
 *     tb_token tokens[320];
 *     size_t count;
 *     tb_tokenizer_open(vocab, TB_THIMBLE1, 14336, arena, &t, err);
 *     tb_tokenize(&t, text, tokens, 320, &count, scratch, err);
 *     if (count > 320) ...                                           // only 320 were written
 *
 * Encoding gives exactly the ids of the SentencePiece library (identity normalisation, dummy prefix,
 * extra U+0020 removed, byte fallback). It takes O(n log n) for n bytes. Any bytes are accepted: what
 * is not UTF-8 counts as U+FFFD, one per bad byte. */
#ifndef THIMBLE_TOKENIZER_H
#define THIMBLE_TOKENIZER_H

#include "base.h"

enum {
    TB_MAX_PIECE = 128,       /* bytes of a piece in vocab.txt */
    TB_MAX_TEXT = 1 << 20,    /* bytes of a text to encode */
    TB_DECODE_ROOM = 160,     /* bytes that one id, or the end, may add to a text */
    TB_NO_PIECE = 0x7fffffff
};

/* Ids that the network's format fixes (FORMAT.md section 1; spec of Needle 1, 2.1). */
enum {
    TB_ID_PAD = 0, TB_ID_END = 1, TB_ID_START = 2, TB_ID_UNKNOWN = 3,
    /* thimble1: placed by the engine, never found in a text */
    TB_ID_TOOL = 4, TB_ID_ARG = 5, TB_ID_VAL = 6, TB_ID_IS = 7, TB_ID_QUERY = 8,
    /* needle1: user symbols, found in texts */
    TB_ID_TOOL_CALL = 4, TB_ID_TOOLS = 5
};

typedef struct {
    uint32_t id;
    uint32_t start, end; /* the bytes of the text it stands for, without the space before a word */
    uint8_t case_class;  /* 0 no ASCII capital; 2 two or more ASCII letters, all capitals; else 1 */
} tb_token;

typedef struct {
    tb_format format;
    tb_str *pieces;        /* (size): into the text of vocab.txt */
    float *scores;         /* (size): the highest merges first */
    uint32_t *slots;       /* (slot_mask + 1): hash table of pieces that merges may give, id + 1 */
    uint32_t slot_mask;
    uint32_t size;
    uint32_t first_user, first_byte, first_normal; /* kinds of piece, by id */
    size_t longest;        /* bytes of the longest piece */
} tb_tokenizer;

/* Reads vocab.txt: one line `piece TAB score LF` per id, `size` of them, nothing escaped. `vocab` must
 * outlive the tokenizer, whose tables come from `arena`. TB_E_FORMAT names the line that is wrong. */
bool tb_tokenizer_open(tb_str vocab, tb_format format, uint32_t size, tb_arena *arena,
                       tb_tokenizer *out, tb_error *err);

/* Tokens of `text`: the first `room` go to `tokens`, *count says how many there are. thimble1 reads
 * ASCII capitals as small letters, TAB, LF and CR as spaces and U+2581 as three underscores; offsets
 * and case classes are those of the text as given. needle1 finds `<tool_call>` and `<tools>` in the text. Needs up to 96 bytes of
 * `scratch` per byte of text and gives them back. TB_E_TOO_LONG above TB_MAX_TEXT. */
bool tb_tokenize(const tb_tokenizer *t, tb_str text, tb_token *tokens, size_t room, size_t *count,
                 tb_arena *scratch, tb_error *err);

/* Case class of bytes as they stand in the caller's text. */
uint8_t tb_case_class(tb_str bytes);

/* The piece as vocab.txt has it; "" for an id out of range. */
tb_str tb_piece(const tb_tokenizer *t, uint32_t id);
/* Id of an ordinary piece or a user symbol, or TB_NO_PIECE. */
uint32_t tb_piece_id(const tb_tokenizer *t, tb_str piece);
/* The byte that a byte piece stands for, or -1. */
int tb_piece_byte(const tb_tokenizer *t, uint32_t id);

/* Ids to text, one at a time. Start from all zeros. Bytes of a character that is not complete yet are
 * held back; decoding id by id gives the same text as decoding all at once. */
typedef struct {
    bool started; /* something was written: from here on a leading space stays */
    uint8_t held[4];
    uint8_t held_count;
} tb_decoding;

/* Writes what `id` adds to the text to out[TB_DECODE_ROOM], returns its length. */
size_t tb_decode(const tb_tokenizer *t, tb_decoding *state, uint32_t id, char *out);
/* What is still held back, as U+FFFD per byte. */
size_t tb_decode_end(tb_decoding *state, char *out);

#endif
