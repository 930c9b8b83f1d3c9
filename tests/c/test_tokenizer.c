/* The tokenizer against SentencePiece (tests/c/data, written by models/thimble/make_vectors.py), on
 * bytes that are no text, and on vocabularies that are none. Runs from the repository's root. */
#include "../../src/tokenizer.h"
#include "test.h"

static uint8_t memory[16 << 20], scratch_memory[16 << 20];
static tb_arena arena, scratch;
static tb_error no_error;

static tb_str file_text(const char *path)
{
    size_t size;
    char *data = test_read_file(path, &size);
    tb_str s = {data, size};
    return s;
}

static tb_tokenizer open_vocab(const char *path, tb_format format, uint32_t size)
{
    tb_tokenizer t;
    tb_error err = no_error;
    if (!CHECK(tb_tokenizer_open(file_text(path), format, size, &arena, &t, &err)))
        printf("    %s\n", err.message);
    return t;
}

static tb_tokenizer tiny(void)
{
    return open_vocab("models/tiny/vocab.txt", TB_THIMBLE1, 14336);
}

static tb_tokenizer needle(void)
{
    return open_vocab("tests/c/data/vocab_needle1.txt", TB_NEEDLE1, 900);
}

static size_t from_hex(const char *hex, size_t len, char *out)
{
    size_t n = 0;
    if (len == 1 && *hex == '-')
        return 0;
    for (; n < len / 2; n++) {
        unsigned byte;
        sscanf(hex + 2 * n, "%2x", &byte);
        out[n] = (char)byte;
    }
    return n;
}

/* Lines of tokenizer_*.txt: hex, then id or id:start:end per token. */
static void compare(const tb_tokenizer *t, const char *path)
{
    size_t size, rows = 0;
    char *data = test_read_file(path, &size), *save = NULL;
    for (char *line = strtok_r(data, "\n", &save); line != NULL; line = strtok_r(NULL, "\n", &save), rows++) {
        static char text[8192];
        static tb_token tokens[2048];
        char *word_save = NULL, *word = strtok_r(line, " ", &word_save);
        tb_str s = {text, from_hex(word, strlen(word), text)};
        tb_error err = no_error;
        size_t count, i = 0;
        CHECK(tb_tokenize(t, s, tokens, 2048, &count, &scratch, &err));
        for (word = strtok_r(NULL, " ", &word_save); word != NULL; word = strtok_r(NULL, " ", &word_save), i++) {
            unsigned id, start, end;
            int read = sscanf(word, "%u:%u:%u", &id, &start, &end);
            if (!CHECK(i < count && tokens[i].id == id)) {
                printf("    row %zu, token %zu: got %u, want %u\n", rows + 1, i, tokens[i].id, id);
                break;
            }
            if (read == 3) {
                CHECK_INT(tokens[i].start, start);
                CHECK_INT(tokens[i].end, end);
            }
        }
        CHECK_INT(count, i);
        CHECK_INT(tb_arena_mark(&scratch), 0);
    }
    CHECK_INT(rows, 250);
    free(data);
}

static void same_as_sentencepiece(void)
{
    tb_tokenizer t = tiny(), n = needle();
    compare(&t, "tests/c/data/tokenizer_thimble1.txt");
    compare(&n, "tests/c/data/tokenizer_needle1.txt");
}

static void decodes_like_sentencepiece(void)
{
    tb_tokenizer t = needle();
    size_t size;
    char *data = test_read_file("tests/c/data/decode_needle1.txt", &size), *save = NULL;
    for (char *line = strtok_r(data, "\n", &save); line != NULL; line = strtok_r(NULL, "\n", &save)) {
        static char want[4096], got[8192];
        char *end = strchr(line, '='), *at = line;
        size_t len = from_hex(end + 2, strlen(end + 2), want), n = 0;
        tb_decoding state = {0};
        while (at < end - 1)
            n += tb_decode(&t, &state, (uint32_t)strtoul(at, &at, 10), got + n);
        n += tb_decode_end(&state, got + n);
        want[len] = got[n] = '\0';
        CHECK_STR(got, want);
    }
    free(data);
}

static void holds_back_unfinished_characters(void)
{
    tb_tokenizer t = needle();
    tb_decoding state = {0};
    char out[TB_DECODE_ROOM];
    CHECK_INT(tb_decode(&t, &state, 6 + 0xe2, out), 0);
    CHECK_INT(tb_decode(&t, &state, 6 + 0x82, out), 0);
    CHECK_INT(tb_decode(&t, &state, 6 + 0xac, out), 3);
    CHECK(memcmp(out, "\xe2\x82\xac", 3) == 0);
    CHECK_INT(tb_decode(&t, &state, 6 + 0xf0, out), 0);
    CHECK_INT(tb_decode_end(&state, out), 3);
    CHECK(memcmp(out, "\xef\xbf\xbd", 3) == 0);
}

static void case_classes(void)
{
    tb_tokenizer t = tiny();
    tb_token tokens[32];
    tb_error err = no_error;
    size_t count;
    CHECK_INT(tb_case_class(tb_str_of("play")), 0);
    CHECK_INT(tb_case_class(tb_str_of("Play")), 1);
    CHECK_INT(tb_case_class(tb_str_of("P")), 1);
    CHECK_INT(tb_case_class(tb_str_of("TV")), 2);
    CHECK_INT(tb_case_class(tb_str_of("T-V")), 2);
    CHECK_INT(tb_case_class(tb_str_of("TVs")), 1);
    CHECK_INT(tb_case_class(tb_str_of("12")), 0);
    CHECK(tb_tokenize(&t, tb_str_of("Play the TV"), tokens, 32, &count, &scratch, &err));
    CHECK_INT(count, 3);
    CHECK_INT(tokens[0].case_class, 1);
    CHECK_INT(tokens[1].case_class, 0);
    CHECK_INT(tokens[2].case_class, 2);
    CHECK_INT(tokens[2].start, 9);
    CHECK_INT(tokens[2].end, 11);
}

/* Only the first tokens are written, all are counted; control pieces are not found in a text. */
static void limits(void)
{
    tb_tokenizer t = tiny();
    tb_token tokens[4];
    tb_error err = no_error;
    tb_arena small;
    size_t count;
    tokens[2].id = 77;
    CHECK(tb_tokenize(&t, tb_str_of("one two three four"), tokens, 2, &count, &scratch, &err));
    CHECK(count >= 4 && tokens[2].id == 77);
    CHECK(tb_tokenize(&t, tb_str_of("<tool>"), tokens, 4, &count, &scratch, &err));
    CHECK(count >= 3 && tokens[0].id != TB_ID_TOOL && tokens[1].id != TB_ID_TOOL);
    tb_arena_init(&small, scratch_memory, 400);
    CHECK(!tb_tokenize(&t, tb_str_of("one two three four"), tokens, 4, &count, &small, &err));
    CHECK_INT(err.status, TB_E_NOMEM);
    CHECK_INT(small.used, 0);
}

/* Any bytes: tokens in order, inside the text, and covering every byte that is no space. */
static void random_bytes(void)
{
    tb_tokenizer vocabularies[2] = {tiny(), needle()};
    uint64_t seed = 5;
    for (int round = 0; round < 3000; round++) {
        static char text[256];
        static tb_token tokens[2048];
        const tb_tokenizer *t = &vocabularies[round % 2];
        tb_str s = {text, test_random(&seed) >> 40 & 255};
        tb_error err = no_error;
        size_t count, at = 0;
        bool good = true;
        for (size_t i = 0; i < s.len; i++) {
            uint64_t r = test_random(&seed) >> 20;
            text[i] = round % 3 == 0 ? (char)r : " \t<tools>_call\xe2\x96\x81\xc3\xa9 A"[r % 21];
        }
        CHECK(tb_tokenize(t, s, tokens, 2048, &count, &scratch, &err));
        for (size_t i = 0; i < count; i++) {
            good = good && tokens[i].start >= at && tokens[i].end >= tokens[i].start && tokens[i].id < t->size;
            at = tokens[i].end;
        }
        CHECK(good && at <= s.len);
    }
}

static void linear_enough(void)
{
    tb_tokenizer t = tiny();
    static char text[100000];
    static tb_token tokens[1];
    tb_error err = no_error;
    tb_str s = {text, sizeof text};
    size_t count;
    memset(text, 'e', sizeof text); /* the worst case of a quadratic merge loop */
    CHECK(tb_tokenize(&t, s, tokens, 1, &count, &scratch, &err));
    CHECK(count > 1000);
}

/* ---- vocabularies that are none ------------------------------------------------------------- */

static void refuse(tb_str vocab, uint32_t size, const char *why)
{
    tb_tokenizer t;
    tb_error err = no_error;
    size_t mark = tb_arena_mark(&arena);
    CHECK(!tb_tokenizer_open(vocab, TB_NEEDLE1, size, &arena, &t, &err));
    CHECK_INT(err.status, TB_E_FORMAT);
    if (!CHECK(strstr(err.message, why) != NULL))
        printf("    %s\n", err.message);
    tb_arena_reset(&arena, mark);
}

static void refuse_edit(tb_str good, const char *from, const char *to, const char *why)
{
    char *copy = malloc(good.len + 64), *at;
    memcpy(copy, good.ptr, good.len);
    copy[good.len] = '\0';
    at = strstr(copy, from);
    memmove(at + strlen(to), at + strlen(from), strlen(at + strlen(from)) + 1);
    memcpy(at, to, strlen(to));
    refuse(tb_str_of(copy), 900, why);
    free(copy);
}

static void bad_vocabularies(void)
{
    tb_str good = file_text("tests/c/data/vocab_needle1.txt");
    for (size_t len = 0; len + 5 < good.len; len += len < 300 ? 1 : 97) {
        tb_str cut = {good.ptr, len};
        refuse(cut, 900, "vocab.txt");
    }
    refuse(good, 899, "found more");
    refuse(good, 901, "expected 901 lines");
    refuse(good, 200, "vocabulary of 200");
    refuse(good, 70000, "vocabulary of 70000");
    refuse_edit(good, "<tools>", "<tool>", "line 6: expected <tools>");
    refuse_edit(good, "<0x7F>", "<0x7f>", "expected <0x7F>");
    refuse_edit(good, "<pad>\t0.0", "<pad> 0.0", "line 1");
    refuse_edit(good, "<pad>\t0.0", "<pad>\tnan", "line 1");
    refuse_edit(good, "<pad>\t0.0", "<pad>\t", "line 1");
    refuse_edit(good, "<pad>\t0.0", "<pad>\t1e9", "line 1");
    refuse_edit(good, "<0xFF>\t0.0\n", "<0xFF>\t0.0\n\xff\t0.0\n", "UTF-8");
    tb_tokenizer t;
    tb_error err = no_error;
    refuse_edit(good, "\nm\t", "\ne\t", "same piece");
    tb_arena small;
    tb_arena_init(&small, scratch_memory, 4096);
    CHECK(!tb_tokenizer_open(good, TB_NEEDLE1, 900, &small, &t, &err));
    CHECK_INT(err.status, TB_E_NOMEM);
}

int main(void)
{
    tb_arena_init(&arena, memory, sizeof memory);
    tb_arena_init(&scratch, scratch_memory, sizeof scratch_memory);
    RUN(same_as_sentencepiece);
    RUN(decodes_like_sentencepiece);
    RUN(holds_back_unfinished_characters);
    RUN(case_classes);
    RUN(limits);
    RUN(random_bytes);
    RUN(linear_enough);
    RUN(bad_vocabularies);
    return test_end();
}
