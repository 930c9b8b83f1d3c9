/* fuzz_needle.c - any bytes as Needle 1's tools, as its answer, and as what its strict grammar is
 * made of: an error, or text that means the same when read again. */
#include <stdlib.h>
#include <string.h>

#include "../../src/json.h"
#include "../../src/needle_flat.h"
#include "../../src/needle_guide.h"
#include "../../src/needle_json.h"
#include "../../src/needle_strict.h"

enum { ROOM = 8 << 20, PIECES = 262 + 95, BUDGET = 60, VOCABULARY_ROOM = 1 << 14 };

static uint8_t memory[ROOM], tables[1 << 20];
static char vocabulary[VOCABULARY_ROOM];
static tb_tokenizer tokenizer;
static tb_needle_texts by_id;

static void must(bool ok)
{
    if (!ok)
        abort();
}

/* The fixed pieces and one for each printable character. */
static void make_tokenizer(void)
{
    static const char *const fixed[] = {"<pad>", "</s>", "<s>", "<unk>", "<tool_call>", "<tools>"};
    static const char hex[] = "0123456789ABCDEF";
    tb_arena arena;
    tb_error err = {TB_OK, {0}};
    size_t used = 0;
    if (tokenizer.size != 0)
        return;
    for (unsigned id = 0; id < PIECES; id++) {
        char piece[16] = "<0x00>";
        if (id < 6) {
            strcpy(piece, fixed[id]);
        } else if (id < 262) {
            piece[3] = hex[(id - 6) >> 4];
            piece[4] = hex[(id - 6) & 15];
        } else if (id == 262) {
            strcpy(piece, "\xe2\x96\x81");
        } else {
            piece[0] = (char)(' ' + (id - 262));
            piece[1] = '\0';
        }
        memcpy(vocabulary + used, piece, strlen(piece));
        used += strlen(piece);
        memcpy(vocabulary + used, "\t0.0\n", 5);
        used += 5;
    }
    tb_arena_init(&arena, tables, sizeof tables);
    must(tb_tokenizer_open((tb_str){vocabulary, used}, TB_NEEDLE1, PIECES, &arena, &tokenizer,
                           &err));
    must(tb_needle_texts_open(&tokenizer, &arena, &by_id, &err));
}

/* What is written is read again and written the same. */
static void json(tb_arena *arena, tb_str text)
{
    tb_error err = {TB_OK, {0}};
    tb_py_json first, second;
    tb_str once, twice;
    bool valid;
    if (!tb_py_parse(arena, text, &first, &valid, &err) || !valid ||
        !tb_py_dump(arena, &first, 0, &once, &err)) {
        must(err.status == TB_OK || err.status == TB_E_NOMEM);
        return;
    }
    if (!tb_py_parse(arena, once, &second, &valid, &err))
        return;
    must(valid && tb_py_dump(arena, &second, 0, &twice, &err) && tb_str_equal(once, twice));
}

static void tools(tb_arena *arena, tb_str text, bool flat)
{
    tb_error err = {TB_OK, {0}};
    tb_needle_tools read;
    tb_needle_guide guide;
    tb_str answer;
    bool allowed[PIECES];
    if (!tb_needle_tools_read(arena, text, flat, &read, &err)) {
        must(err.status == TB_E_TOOLS || err.status == TB_E_NOMEM || err.status == TB_E_TOO_LONG);
        return;
    }
    if (!tb_needle_restore(arena, text, &read, &answer, &err) ||
        !tb_needle_guide_begin(arena, &by_id, &read, &guide, &err))
        return;
    for (size_t i = 0; i < text.len; i++) {
        bool any = false, masked = tb_needle_guide_mask(&guide, allowed);
        for (unsigned id = 0; masked && id < PIECES; id++)
            any |= allowed[id];
        must(!masked || any);
        tb_needle_guide_feed(&guide, 6 + (uint8_t)text.ptr[i]);
    }
}

/* Chooses by the bytes of the input: what comes out is JSON, and not beyond the budget. */
static void strict(tb_arena *arena, tb_str text)
{
    tb_error err = {TB_OK, {0}};
    tb_needle_strict *s = tb_needle_strict_begin(arena, &tokenizer, text, true, BUDGET, &err);
    float logits[PIECES];
    uint32_t token = 0;
    tb_json parsed;
    tb_str out;
    if (s == NULL) {
        must(err.status != TB_OK && err.status != TB_E_INTERNAL);
        return;
    }
    for (uint32_t i = 0; i < BUDGET && token != TB_ID_END; i++) {
        tb_strict_outlook outlook = tb_needle_strict_look(s, BUDGET - i, &token);
        for (unsigned id = 0; id < PIECES; id++)
            logits[id] =
                (float)((id * 2654435761u ^ (i + 1) * (uint8_t)text.ptr[i % text.len]) % 997);
        if (outlook == TB_STRICT_DEAD_END ||
            (outlook == TB_STRICT_SEVERAL &&
             !tb_needle_strict_choose(s, logits, BUDGET - i, &token)))
            break;
        must(token == TB_ID_END || tb_needle_strict_feed(s, token));
    }
    out = tb_needle_strict_text(s);
    must(tb_json_parse(arena, arena, out.ptr, out.len, &parsed, &err) || err.status == TB_E_NOMEM);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tb_arena arena;
    char *copy =
        malloc(size > 0 ? size : 1); /* of the exact size, so that reading beyond it shows */
    tb_str text = {copy, size};
    if (copy == NULL)
        return 0;
    if (size > 0)
        memcpy(copy, data, size);
    make_tokenizer();
    tb_arena_init(&arena, memory, size < 4096 ? ROOM : 1 << 16);
    if (tb_utf8_check(copy, size) == size)
        json(&arena, text);
    tb_arena_reset(&arena, 0);
    tools(&arena, text, false);
    tb_arena_reset(&arena, 0);
    tools(&arena, text, true);
    tb_arena_reset(&arena, 0);
    if (size > 0)
        strict(&arena, text);
    free(copy);
    return 0;
}

/* Read by driver.c when there is no libFuzzer. */
extern const char *const fuzz_seeds[];
const char *const fuzz_seeds[] = {
    "[]",
    "[{\"name\":\"getWeather\",\"parameters\":{\"city\":{\"type\":\"string\",\"required\":true}}}]",
    "[{\"type\":\"function\",\"function\":{\"name\":\"a\",\"parameters\":{\"type\":\"object\","
    "\"properties\":{\"n\":"
    "{\"type\":\"integer\",\"minimum\":-5,\"maximum\":1e3,\"multipleOf\":5},\"t\":{\"type\":"
    "\"array\",\"items\":{\"enum\":"
    "[\"x\",\"y\"]},\"uniqueItems\":true,\"minItems\":1}},\"required\":[\"n\",\"t\"]}}}]",
    "[{\"name\":\"b\",\"inputSchema\":{\"$defs\":{\"U\":{\"enum\":[\"c\",\"\\u00e9\"]}},"
    "\"properties\":{\"u\":{\"$ref\":"
    "\"#/$defs/"
    "U\"},\"o\":{\"type\":\"object\",\"properties\":{\"p\":{\"type\":\"number\"}},\"required\":["
    "\"p\"]}}}}]",
    "[{\"name\":\"get_x\",\"arguments\":{\"a\":\"b\\ud83d\\ude00\\ud83d\",\"a\":[1.5e300,-0,NaN]}}"
    "]",
    "<tool_call> [{\"name\":\"c\",\"arguments\":{\"k\":\"v\",\"l\":{\"m\":[\"]\"]}}},{\"name\":\"",
    "[{\"name\":\"d\",\"parameters\":{\"type\":\"object\",\"properties\":{\"s\":{\"type\":"
    "\"string\",\"minLength\":2,"
    "\"maxLength\":3,\"pattern\":\"^a+$\"},\"b\":{\"type\":\"boolean\"}},\"required\":[\"s\",\"b\"]"
    "}}]",
    NULL,
};
