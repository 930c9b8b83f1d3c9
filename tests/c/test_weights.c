/* The SafeTensors reader on good files (tests/c/data), on files cut or altered in every way its
 * promise names, and on random damage. Runs from the repository's root. */
#include "../../src/weights.h"
#include "test.h"

static uint8_t memory[4 << 20];
static tb_arena arena;

typedef struct {
    uint8_t *bytes;
    size_t size;
} file;

static file read_model(const char *name)
{
    char path[128];
    file f;
    snprintf(path, sizeof path, "tests/c/data/network_%s.safetensors", name);
    f.bytes = (uint8_t *)test_read_file(path, &f.size);
    return f;
}

/* Opens a copy of exactly `size` bytes, so that a sanitizer sees every read outside. */
static tb_error open_copy(const uint8_t *bytes, size_t size, tb_config *config)
{
    uint8_t *copy = malloc(size ? size : 1);
    tb_error err = {0};
    tb_weights w;
    memcpy(copy, bytes, size);
    tb_arena_init(&arena, memory, sizeof memory);
    if (tb_weights_open(copy, size, &arena, &w, &err) && config != NULL)
        *config = w.config;
    free(copy);
    return err;
}

static void refuse(const uint8_t *bytes, size_t size, const char *why)
{
    tb_error err = open_copy(bytes, size, NULL);
    CHECK_INT(err.status, TB_E_FORMAT);
    if (!CHECK(strstr(err.message, why) != NULL))
        printf("    got \"%s\", want \"%s\"\n", err.message, why);
}

/* A file made of this header and `data` zero bytes. */
static file from_header(const char *header, size_t data)
{
    size_t length = strlen(header);
    file f = {calloc(1, 8 + length + data), 8 + length + data};
    for (int i = 0; i < 8; i++)
        f.bytes[i] = (uint8_t)((uint64_t)length >> (8 * i));
    memcpy(f.bytes + 8, header, length);
    return f;
}

static void refuse_header(const char *header, size_t data, const char *why)
{
    file f = from_header(header, data);
    refuse(f.bytes, f.size, why);
    free(f.bytes);
}

static void accept_header(const char *header, size_t data)
{
    file f = from_header(header, data);
    tb_error err = open_copy(f.bytes, f.size, NULL);
    if (!CHECK_INT(err.status, TB_OK))
        printf("    %s\n", err.message);
    free(f.bytes);
}

static void good_files(void)
{
    file t = read_model("thimble1"), n = read_model("needle1");
    tb_config c = {0};
    CHECK_INT(open_copy(t.bytes, t.size, &c).status, TB_OK);
    CHECK_INT(c.format, TB_THIMBLE1);
    CHECK_INT(c.d_model, 64);
    CHECK_INT(c.heads, 4);
    CHECK_INT(c.kv_heads, 2);
    CHECK_INT(c.head_dim, 16);
    CHECK_INT(c.encoder_layers, 3);
    CHECK_INT(c.decoder_layers, 2);
    CHECK_INT(c.vocab_size, 320);
    CHECK_INT(c.max_encoder, 640);
    CHECK(c.rope_theta == 10000.0f);
    CHECK_INT(open_copy(n.bytes, n.size, &c).status, TB_OK);
    CHECK_INT(c.format, TB_NEEDLE1);
    CHECK_INT(c.max_encoder, 80);
    CHECK_INT(c.max_decoder, 32);
    CHECK(!c.feed_forward);
    free(t.bytes);
    free(n.bytes);
}

static void defaults(void)
{
    tb_config c = {0};
    file f = from_header("{\"x\":{\"dtype\":\"I4\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1);
    CHECK_INT(open_copy(f.bytes, f.size, &c).status, TB_OK);
    CHECK_INT(c.format, TB_NEEDLE1);
    CHECK_INT(c.d_model, 512);
    CHECK_INT(c.heads, 8);
    CHECK_INT(c.kv_heads, 4);
    CHECK_INT(c.encoder_layers, 12);
    CHECK_INT(c.decoder_layers, 8);
    CHECK_INT(c.vocab_size, 8192);
    CHECK_INT(c.max_encoder, 1024);
    CHECK_INT(c.max_decoder, 512);
    free(f.bytes);
}

static void truncated(void)
{
    file f = read_model("thimble1");
    uint64_t length = f.bytes[0] | (uint64_t)f.bytes[1] << 8 | (uint64_t)f.bytes[2] << 16;
    for (size_t size = 0; size < f.size; size += size < 8 + length + 40 ? 1 : 509)
        CHECK_INT(open_copy(f.bytes, size, NULL).status, TB_E_FORMAT);
    refuse(f.bytes, f.size - 1, "cut short");
    refuse(f.bytes, 7, "at least 8 bytes");
    f.bytes = realloc(f.bytes, f.size + 1);
    f.bytes[f.size] = 0;
    refuse(f.bytes, f.size + 1, "bytes of tensors");
    free(f.bytes);
}

#define TENSOR(dtype, shape, offsets) \
    "{\"x\":{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":" offsets "}}"

static void altered_headers(void)
{
    uint8_t huge[16] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, '{', '}'};
    refuse(huge, sizeof huge, "cannot be longer");
    refuse_header("", 0, "header: expected '{'");
    refuse_header("[]", 0, "header: expected '{'");
    refuse_header("{}", 0, "header: expected '\"'");
    refuse_header("{\"x\"", 0, "header");
    accept_header(TENSOR("F32", "[2,3]", "[0,24]"), 24);
    accept_header(TENSOR("F32", "[2,3]", "[0,24]") "   \n", 24);
    refuse_header(TENSOR("F32", "[2,3]", "[0,24]") "x", 24, "nothing after");
    refuse_header(TENSOR("F64", "[2,3]", "[0,24]"), 24, "dtype");
    refuse_header(TENSOR("F32", "[2,3]", "[0,20]"), 20, "expected 24 bytes");
    refuse_header(TENSOR("F32", "[2,3]", "[4,28]"), 28, "expected data_offsets to begin at 0");
    refuse_header(TENSOR("F32", "[2,3]", "[24,0]"), 24, "begin at 0");
    refuse_header(TENSOR("F32", "[2,3]", "[0,24]"), 23, "cut short");
    refuse_header(TENSOR("F32", "[2,3]", "[0,24]"), 25, "expected 24 bytes of tensors, found 25");
    refuse_header(TENSOR("F32", "[]", "[0,4]"), 4, "shape");
    refuse_header(TENSOR("F32", "[1,1,1]", "[0,4]"), 4, "shape");
    refuse_header(TENSOR("F32", "[0]", "[0,0]"), 0, "shape");
    refuse_header(TENSOR("F32", "[-1]", "[0,4]"), 4, "whole number");
    refuse_header(TENSOR("F32", "[1.0]", "[0,4]"), 4, "expected ']'");
    refuse_header(TENSOR("F32", "[01]", "[0,4]"), 4, "whole number");
    refuse_header(TENSOR("F32", "[4294967296,4294967296]", "[0,4]"), 4, "shape");
    refuse_header(TENSOR("F32", "[16777216,16777216]", "[0,1125899906842624]"), 4, "cut short");
    refuse_header(TENSOR("F32", "[99999999999999999999]", "[0,4]"), 4, "shape");
    refuse_header(TENSOR("F32", "[1]", "[0,99999999999999999999]"), 4, "expected ']'");
    refuse_header("{\"x\":{\"dtype\":\"F32\",\"shape\":[1]}}", 4, "missing");
    refuse_header("{\"x\":{\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "twice");
    refuse_header("{\"x\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4],\"y\":1}}", 4, "unknown key");
    refuse_header("{\"x\\n\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "plain name");
    refuse_header("{\"x\":{\"dtype\":\"I4\",\"shape\":[1],\"data_offsets\":[0,1]},"
                  "\"x\":{\"dtype\":\"I4\",\"shape\":[1],\"data_offsets\":[1,2]}}", 2, "tensor x: given twice");
    refuse_header("{\"x\":{\"dtype\":\"I4\",\"shape\":[1],\"data_offsets\":[0,1]},"
                  "\"y\":{\"dtype\":\"I4\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1, "tensor y: expected data_offsets");
}

static void refuse_metadata(const char *entries, const char *why)
{
    char header[1024];
    snprintf(header, sizeof header, "{\"__metadata__\":{%s}}", entries);
    refuse_header(header, 0, why);
}

static void accept_metadata(const char *entries)
{
    char header[1024];
    snprintf(header, sizeof header, "{\"__metadata__\":{%s}}", entries);
    accept_header(header, 0);
}

static void altered_metadata(void)
{
    accept_metadata("");
    accept_metadata("\"d_model\":\"96\",\"num_heads\":\"6\",\"num_kv_heads\":\"3\"");
    accept_metadata("\"somebody\":\"else's \\\"note\\\"\"");
    refuse_metadata("\"d_model\":\"100\"", "metadata d_model");
    refuse_metadata("\"d_model\":\"0\"", "metadata d_model");
    refuse_metadata("\"d_model\":\"4096\"", "metadata d_model");
    refuse_metadata("\"d_model\":\"-32\"", "metadata d_model");
    refuse_metadata("\"d_model\":\"\"", "metadata d_model");
    refuse_metadata("\"d_model\":\"4294967328\"", "metadata d_model"); /* 32 + 2^32 */
    refuse_metadata("\"d_model\":512", "expected '\"'");
    refuse_metadata("\"d_model\":\"512\",\"d_model\":\"512\"", "given twice");
    refuse_metadata("\"num_heads\":\"0\"", "metadata num_heads");
    refuse_metadata("\"num_heads\":\"7\"", "metadata num_heads");
    refuse_metadata("\"num_heads\":\"1\"", "metadata num_heads"); /* head of 512 */
    refuse_metadata("\"num_kv_heads\":\"3\"", "metadata num_kv_heads");
    refuse_metadata("\"num_kv_heads\":\"16\"", "metadata num_kv_heads");
    refuse_metadata("\"num_encoder_layers\":\"65\"", "metadata num_encoder_layers");
    refuse_metadata("\"num_decoder_layers\":\"0\"", "metadata num_decoder_layers");
    refuse_metadata("\"vocab_size\":\"299\"", "metadata vocab_size");
    refuse_metadata("\"vocab_size\":\"65537\"", "metadata vocab_size");
    refuse_metadata("\"max_enc_len\":\"5000\"", "metadata max_enc_len");
    refuse_metadata("\"rope_theta\":\"0.5\"", "metadata rope_theta");
    refuse_metadata("\"rope_theta\":\"nan\"", "metadata rope_theta");
    refuse_metadata("\"rope_theta\":\"1e4\"", "metadata rope_theta");
    refuse_metadata("\"rope_theta\":\"\"", "metadata rope_theta");
    refuse_metadata("\"format\":\"thimble2\"", "metadata format");
    refuse_metadata("\"no_feedforward\":\"maybe\"", "metadata no_feedforward");
    refuse_metadata("\"format\":\"thimble1\",\"no_feedforward\":\"False\"", "feed-forward");
    refuse_metadata("\"calibration\":\"\\u0041\"", "unsupported escape");
    refuse_metadata("\"calibration\":\"x\\\\", "does not end");
}

static void unescapes(void)
{
    file f = from_header("{\"__metadata__\":{\"calibration\":\"a\\n\\\"b\\\\\",\"name\":\"tiny\"}}", 0);
    tb_error err = {0};
    tb_weights w;
    tb_arena_init(&arena, memory, sizeof memory);
    CHECK(tb_weights_open(f.bytes, f.size, &arena, &w, &err));
    CHECK(tb_str_equal(w.config.calibration, tb_str_of("a\n\"b\\")));
    CHECK(tb_str_equal(w.config.name, tb_str_of("tiny")));
    free(f.bytes);
}

static void too_many_tensors(void)
{
    char *header = malloc(400000), *at = header;
    for (int i = 0; i < 4097; i++)
        at += sprintf(at, "%c\"t%d\":{\"dtype\":\"I4\",\"shape\":[1],\"data_offsets\":[%d,%d]}", i ? ',' : '{', i, i,
                      i + 1);
    strcpy(at, "}");
    refuse_header(header, 4097, "more than 4096 tensors");
    free(header);
}

static void access(void)
{
    file f = read_model("thimble1");
    tb_error err = {0}, none = {0};
    tb_weights w;
    float gamma[64], half[2 * 64];
    tb_arena_init(&arena, memory, sizeof memory);
    CHECK(tb_weights_open(f.bytes, f.size, &arena, &w, &err));
    for (size_t i = 1; i < w.count; i++)
        CHECK(tb_str_compare(w.tensors[i - 1].name, w.tensors[i].name) < 0);
    CHECK(tb_weights_floats(&w, "encoder_final_norm", 1, 64, gamma, &err));
    CHECK(tb_weights_floats(&w, "encoder.0.self_attn.wq.scale", 2, 64, half, &err));
    CHECK(half[0] > 0.0f && half[0] < 1.0f);
    CHECK(tb_weights_get(&w, "encoder.0.self_attn.wq", TB_I4, 32, 64, &err) != NULL);
    CHECK_INT(err.status, TB_OK);
    CHECK(!tb_weights_floats(&w, "encoder_final_norm", 1, 32, gamma, &err));
    CHECK_STR(err.message, "tensor encoder_final_norm: expected shape 1 x 32, found 1 x 64");
    err = none;
    CHECK(tb_weights_get(&w, "embedding", TB_BF16, 320, 32, &err) == NULL);
    CHECK_STR(err.message, "tensor embedding: expected dtype BF16, found I4");
    err = none;
    CHECK(!tb_weights_floats(&w, "embedding", 320, 32, NULL, &err));
    CHECK_INT(err.status, TB_E_FORMAT);
    err = none;
    CHECK(tb_weights_get(&w, "nothing", TB_F32, 1, 1, &err) == NULL);
    CHECK_STR(err.message, "tensor nothing: expected 1 x 1, found nothing of that name");
    err = none;
    CHECK(!tb_weights_all_used(&w, &err));
    for (size_t i = 0; i < w.count; i++)
        w.tensors[i].used = true;
    err = none;
    CHECK(tb_weights_all_used(&w, &err));
    free(f.bytes);
}

static void number_formats(void)
{
    static const uint16_t halves[] = {0x0000, 0x8000, 0x3c00, 0xc000, 0x7bff, 0x0001, 0x03ff, 0x0400, 0x3555};
    static const float want[] = {0.0f, -0.0f, 1.0f, -2.0f, 65504.0f, 5.9604645e-8f, 6.0975552e-5f,
                                 6.1035156e-5f, 0.33325195f};
    file f = from_header("{\"h\":{\"dtype\":\"F16\",\"shape\":[9],\"data_offsets\":[0,18]},"
                         "\"f\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[18,26]}}", 26);
    uint8_t *data = f.bytes + f.size - 26;
    static const uint8_t bad[4][4] = {{0, 0, 0xc0, 0x7f}, {0, 0, 0x80, 0x7f}, {0, 0, 0x80, 0xff}, {1, 0, 0x80, 0x7f}};
    tb_error err = {0};
    tb_weights w;
    float out[9];
    memcpy(data, halves, 18);
    tb_arena_init(&arena, memory, sizeof memory);
    CHECK(tb_weights_open(f.bytes, f.size, &arena, &w, &err));
    CHECK(tb_weights_floats(&w, "h", 1, 9, out, &err));
    CHECK(memcmp(out, want, sizeof want) == 0);
    for (int i = 0; i < 4; i++) { /* quiet NaN, infinities, signalling NaN */
        tb_error e = {0};
        memcpy(data + 22, bad[i], 4);
        CHECK(!tb_weights_floats(&w, "f", 1, 2, out, &e));
        CHECK_STR(e.message, "tensor f: number 1 is not finite");
    }
    for (uint32_t h = 0x7c00; h < 0x10000; h += 0x8100 - 0x100) { /* half infinities and NaNs */
        tb_error e = {0};
        data[0] = (uint8_t)h, data[1] = (uint8_t)(h >> 8);
        CHECK(!tb_weights_floats(&w, "h", 1, 9, out, &e));
    }
    free(f.bytes);
}

/* Whatever happens to the header, the answer is a result or TB_E_FORMAT. */
static void random_damage(void)
{
    file f = read_model("narrow");
    uint64_t seed = 99, length = f.bytes[0] | (uint64_t)f.bytes[1] << 8;
    for (int round = 0; round < 4000; round++) {
        uint8_t *copy = malloc(f.size);
        tb_error err;
        memcpy(copy, f.bytes, f.size);
        for (int k = round % 4; k >= 0; k--) {
            size_t at = test_random(&seed) % (8 + length);
            uint64_t r = test_random(&seed) >> 32;
            copy[at] = r % 2 ? (uint8_t)(r >> 8) : (uint8_t)"0123456789\"{}[],:\\ "[(r >> 8) % 19];
        }
        err = open_copy(copy, f.size, NULL);
        CHECK(err.status == TB_OK || err.status == TB_E_FORMAT);
        free(copy);
    }
    free(f.bytes);
}

static void small_arena(void)
{
    file f = read_model("narrow");
    for (size_t room = 0; room < 3000; room += 64) {
        tb_error err = {0};
        tb_weights w;
        tb_arena_init(&arena, memory, room);
        if (!tb_weights_open(f.bytes, f.size, &arena, &w, &err))
            CHECK_INT(err.status, TB_E_NOMEM);
    }
    free(f.bytes);
}

int main(void)
{
    RUN(good_files);
    RUN(defaults);
    RUN(truncated);
    RUN(altered_headers);
    RUN(altered_metadata);
    RUN(unescapes);
    RUN(too_many_tensors);
    RUN(access);
    RUN(number_formats);
    RUN(random_damage);
    RUN(small_arena);
    return test_end();
}
