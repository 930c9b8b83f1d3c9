/* Every kernel table that runs here against the reference, bit for bit; the reference itself against
 * plain double arithmetic. */
#include "../../src/kernels.h"
#include "test.h"

#include <math.h>

enum { MOST_ROWS = 21, MOST_IN = 2048, MOST_OUT = 520 };

static uint64_t seed = 20240607;

static void *memory(size_t bytes)
{
    void *p = aligned_alloc(64, (bytes + 127) / 64 * 64);
    if (p == NULL)
        exit(1);
    return p;
}

/* Kinds of numbers a row may hold. */
enum { UNIFORM, ZERO, SPIKE, HUGE_VALUES, TINY_VALUES, TIES, NOT_FINITE, KINDS };

static float number(int kind, size_t k)
{
    float u = test_uniform(&seed);
    switch (kind) {
    case ZERO: return 0.0f;
    case SPIKE: return k == 7 ? -1e4f : u * 1e-3f;
    case HUGE_VALUES: return u * 1e30f;
    case TINY_VALUES: return u * 1e-40f;
    case TIES: return (float)((int)(u * 254.0f)) * 0.5f;
    case NOT_FINITE: return k % 17 == 3 ? NAN : k % 19 == 5 ? INFINITY : u;
    default: return u;
    }
}

static void fill(float *x, size_t n, int kind)
{
    for (size_t k = 0; k < n; k++)
        x[k] = number(kind, k);
}

static bool same(const float *a, const float *b, size_t n)
{
    for (size_t k = 0; k < n; k++) {
        bool both_nan = a[k] != a[k] && b[k] != b[k]; /* the payload of a NaN is not promised */
        if (!both_nan && memcmp(a + k, b + k, sizeof *a) != 0) {
            printf("    [%zu]: %.9g and %.9g\n", k, (double)a[k], (double)b[k]);
            return false;
        }
    }
    return true;
}

/* ---- INT4 products -------------------------------------------------------------------------- */

typedef struct {
    uint8_t *file;
    float *scales;
    tb_int4 packed;
} matrix;

/* `fill_byte` < 0: random codes. */
static matrix make_matrix(size_t in, size_t out, int fill_byte)
{
    matrix m;
    uint8_t *codes = memory(tb_int4_code_bytes(in, out));
    float *scales = memory(tb_int4_scale_floats(in, out) * sizeof *scales);
    m.file = memory(in / 2 * out);
    m.scales = memory(in / TB_GROUP * out * sizeof *m.scales);
    for (size_t i = 0; i < in / 2 * out; i++)
        m.file[i] = (uint8_t)(fill_byte < 0 ? (int)(test_random(&seed) >> 40 & 255) : fill_byte);
    for (size_t i = 0; i < in / TB_GROUP * out; i++)
        m.scales[i] = fabsf(test_uniform(&seed)) * 0.1f;
    tb_int4_pack(m.file, m.scales, in, out, codes, scales);
    m.packed = (tb_int4){codes, scales, (uint32_t)in, (uint32_t)out};
    return m;
}

static void free_matrix(matrix *m)
{
    free(m->file);
    free(m->scales);
    free((void *)(uintptr_t)m->packed.codes);
    free((void *)(uintptr_t)m->packed.scales);
}

static tb_int8 make_int8(size_t rows, size_t n)
{
    tb_int8 q = {memory(rows * n), memory(rows * n / TB_GROUP * sizeof(int32_t)),
                 memory(rows * sizeof(float))};
    return q;
}

static void free_int8(tb_int8 *q)
{
    free(q->codes);
    free(q->sums);
    free(q->scales);
}

static double weight(const matrix *m, size_t k, size_t o)
{
    uint8_t byte = m->file[k / 2 * m->packed.out + o];
    int code = k % 2 == 0 ? byte & 15 : byte >> 4;
    return (code > 7 ? code - 16 : code) * (double)m->scales[k / TB_GROUP * m->packed.out + o];
}

/* The reference against the definition, in double. */
static void reference_products(void)
{
    size_t in = 96, out = 37, rows = 5;
    const tb_kernels *c = tb_kernels_c();
    matrix m = make_matrix(in, out, -1);
    tb_int8 q = make_int8(rows, in);
    float *x = memory(rows * in * sizeof *x), *y = memory(rows * out * sizeof *y);
    fill(x, rows * in, UNIFORM);
    c->matmul_exact(&m.packed, x, rows, y);
    for (size_t r = 0; r < rows; r++)
        for (size_t o = 0; o < out; o++) {
            double sum = 0;
            for (size_t k = 0; k < in; k++)
                sum += x[r * in + k] * weight(&m, k, o);
            CHECK(fabs(sum - y[r * out + o]) < 1e-5);
        }
    c->quantise(x, rows, in, &q);
    c->matmul_fast(&m.packed, &q, rows, y);
    for (size_t r = 0; r < rows; r++) {
        double step = 0;
        for (size_t k = 0; k < in; k++)
            step = fmax(step, fabs(x[r * in + k]) / 127);
        CHECK(fabs(step - q.scales[r]) < 1e-7);
        for (size_t k = 0; k < in; k++)
            CHECK(fabs(q.codes[r * in + k] - x[r * in + k] / step) <= 0.50001);
        for (size_t o = 0; o < out; o++) {
            double sum = 0;
            for (size_t k = 0; k < in; k++)
                sum += q.codes[r * in + k] * step * weight(&m, k, o);
            CHECK(fabs(sum - y[r * out + o]) < 1e-5);
        }
    }
    free_matrix(&m);
    free_int8(&q);
    free(x);
    free(y);
}

static void compare_product(const tb_kernels *k, size_t in, size_t out, size_t rows, int kind, int byte)
{
    const tb_kernels *c = tb_kernels_c();
    matrix m = make_matrix(in, out, byte);
    tb_int8 p = make_int8(rows, in), q = make_int8(rows, in);
    float *x = memory(rows * in * sizeof *x);
    float *y = memory((rows * out + 1) * sizeof *y), *z = memory((rows * out + 1) * sizeof *z);
    fill(x, rows * in, kind);
    y[rows * out] = z[rows * out] = 42.0f; /* a guard: nothing is written past the last column */
    c->quantise(x, rows, in, &p);
    k->quantise(x, rows, in, &q);
    CHECK(memcmp(p.codes, q.codes, rows * in) == 0);
    CHECK(memcmp(p.sums, q.sums, rows * in / TB_GROUP * sizeof *p.sums) == 0);
    CHECK(same(p.scales, q.scales, rows));
    c->matmul_fast(&m.packed, &p, rows, y);
    k->matmul_fast(&m.packed, &q, rows, z);
    CHECK(same(y, z, rows * out + 1));
    c->matmul_exact(&m.packed, x, rows, y);
    k->matmul_exact(&m.packed, x, rows, z);
    CHECK(same(y, z, rows * out + 1));
    free_matrix(&m);
    free_int8(&p);
    free_int8(&q);
    free(x);
    free(y);
    free(z);
}

static void products(const tb_kernels *k)
{
    static const size_t sizes[] = {32, 64, 96, 256, 512, 2048}, outs[] = {1, 8, 16, 17, 48, 72, 128, 520};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (size_t o = 0; o < sizeof outs / sizeof *outs; o++)
            for (size_t rows = 1; rows <= MOST_ROWS; rows += rows < 9 ? 1 : 6)
                if (sizes[i] * outs[o] * rows < 3000000)
                    compare_product(k, sizes[i], outs[o], rows, UNIFORM, -1);
    for (int kind = 0; kind < KINDS; kind++) {
        compare_product(k, 256, 40, 11, kind, -1);
        compare_product(k, 64, 16, 5, kind, 0x77); /* all codes 7: the largest dots */
        compare_product(k, 64, 16, 5, kind, 0x88); /* all codes -8 */
        compare_product(k, 64, 16, 5, kind, 0x00);
        compare_product(k, 64, 16, 5, kind, 0xff); /* all codes -1 */
    }
}

/* All activations at +127 or -127: the limit of the 16-bit sums. */
static void saturation(const tb_kernels *k)
{
    for (int sign = -1; sign <= 1; sign += 2)
        for (int byte = 0; byte < 256; byte += 0x11) {
            matrix m = make_matrix(2048, 32, byte);
            tb_int8 q = make_int8(4, 2048);
            float y[4 * 32], z[4 * 32], *x = memory(4 * 2048 * sizeof *x);
            for (size_t i = 0; i < 4 * 2048; i++)
                x[i] = (float)sign * 3.0f;
            k->quantise(x, 4, 2048, &q);
            CHECK_INT(q.codes[5], 127 * sign);
            tb_kernels_c()->matmul_fast(&m.packed, &q, 4, y);
            k->matmul_fast(&m.packed, &q, 4, z);
            CHECK(same(y, z, 4 * 32));
            free_matrix(&m);
            free_int8(&q);
            free(x);
        }
}

/* ---- float kernels -------------------------------------------------------------------------- */

static void reference_floats(void)
{
    const tb_kernels *c = tb_kernels_c();
    float x[67], y[67], gain[64], key[64], out[1], sum;
    double total = 0, squares = 0, dot = 0;
    fill(x, 67, UNIFORM);
    fill(gain, 64, UNIFORM);
    fill(key, 64, UNIFORM);
    for (size_t k = 0; k < 64; k++) {
        squares += (double)x[k] * x[k];
        dot += (double)x[k] * key[k];
    }
    c->norm(x, gain, 1, 64, y);
    for (size_t k = 0; k < 64; k++)
        CHECK(fabs(y[k] - gain[k] * x[k] / sqrt(squares / 64 + 1e-6)) < 1e-6);
    c->scores(x, 1, key, 1, 64, 0.125f, out, 1);
    CHECK(fabs(out[0] - dot / 8) < 1e-6);
    for (size_t k = 0; k < 67; k++)
        y[k] = x[k] *= 60.0f;
    sum = c->softmax(y, 67);
    for (size_t k = 0; k < 67; k++)
        total += y[k];
    CHECK(fabs(total - sum) < 1e-5);
    for (size_t k = 1; k < 67; k++) {
        double want = exp((double)x[k] - x[0]), got = (double)y[k] / y[0];
        CHECK(y[0] < 1e-30f || y[k] < 1e-30f || fabs(got / want - 1) < 2e-5);
    }
    float far[2] = {0.0f, -300.0f};
    sum = c->softmax(far, 2);
    CHECK(far[0] == 1.0f && far[1] < 1e-37f && sum == 1.0f);
}

static void norms(const tb_kernels *k)
{
    for (int kind = 0; kind < KINDS; kind++)
        for (size_t n = 8; n <= 520; n += n < 64 ? 8 : 56) {
            float x[3 * 520], gain[520], y[3 * 520], z[3 * 520];
            fill(x, 3 * n, kind);
            fill(gain, n, UNIFORM);
            tb_kernels_c()->norm(x, gain, 3, n, y);
            k->norm(x, gain, 3, n, z);
            CHECK(same(y, z, 3 * n));
            k->norm(x, gain, 3, n, x); /* in place */
            CHECK(same(y, x, 3 * n));
        }
}

static void attention(const tb_kernels *k)
{
    static float q[5 * 136], keys[70 * 136], y[5 * 80], z[5 * 80], out[5 * 136], out2[5 * 136];
    for (int kind = 0; kind < KINDS; kind++)
        for (size_t n = 8; n <= 136; n += 8)
            for (size_t count = 1; count < 70; count += count < 12 ? 1 : 13)
                for (size_t queries = 1; queries <= 5; queries++) {
                    size_t stride = count + 3;
                    fill(q, queries * n, UNIFORM);
                    fill(keys, count * n, kind);
                    memset(y, 0, sizeof y);
                    memset(z, 0, sizeof z);
                    tb_kernels_c()->scores(q, queries, keys, count, n, 0.3f, y, stride);
                    k->scores(q, queries, keys, count, n, 0.3f, z, stride);
                    CHECK(same(y, z, queries * stride));
                    fill(out, queries * n, UNIFORM);
                    memcpy(out2, out, sizeof out);
                    tb_kernels_c()->mix(y, stride, queries, keys, count, n, out);
                    k->mix(y, stride, queries, keys, count, n, out2);
                    CHECK(same(out, out2, queries * n));
                    for (size_t i = 0; i < queries; i++) {
                        float a = tb_kernels_c()->softmax(y + i * stride, count);
                        float b = k->softmax(z + i * stride, count);
                        CHECK(same(&a, &b, 1));
                    }
                    CHECK(same(y, z, queries * stride));
                }
}

/* exp over its whole range, in a softmax whose maximum is 0. */
static void exponentials(const tb_kernels *k)
{
    static float y[4099], z[4099];
    for (int round = 0; round < 40; round++) {
        y[0] = z[0] = 0.0f;
        for (size_t j = 1; j < 4099; j++)
            y[j] = z[j] = (test_uniform(&seed) - 1.0f) * (round < 20 ? 50.0f : 0.5f);
        float a = tb_kernels_c()->softmax(y, 4099), b = k->softmax(z, 4099);
        CHECK(same(&a, &b, 1));
        CHECK(same(y, z, 4099));
    }
}

static void tables_bf16(const tb_kernels *k)
{
    for (size_t n = 8; n <= 200; n += 24)
        for (size_t count = 1; count <= 10; count++) {
            uint8_t bytes[10 * 200 * 2 + 1];
            float x[200], y[10], z[10];
            fill(x, n, UNIFORM);
            for (size_t i = 0; i < sizeof bytes; i++)
                bytes[i] = (uint8_t)(test_random(&seed) >> 33);
            for (size_t i = 2; i < sizeof bytes; i += 2)
                bytes[i] &= 0xbf; /* keep below 2^65: sums stay finite */
            tb_kernels_c()->dots_bf16(x, bytes + 1, count, n, y); /* an odd address */
            k->dots_bf16(x, bytes + 1, count, n, z);
            CHECK(same(y, z, count));
        }
    uint8_t one[16] = {0x80, 0x3f, 0x00, 0x40, 0x00, 0xc0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}; /* 1 2 -2 */
    float x[8] = {1, 10, 100, 0, 0, 0, 0, 0}, y[1];
    k->dots_bf16(x, one, 1, 8, y);
    CHECK(y[0] == 1.0f + 20.0f - 200.0f);
}

/* All bfloat16 numbers, in pieces of odd lengths; one more float stays untouched. */
static void widens(const tb_kernels *k)
{
    uint16_t from[131];
    float to[132];
    for (uint32_t first = 0, n = 1; first <= 0xffff; first += n, n = n % 130 + 2) {
        n = n < 0x10000 - first ? n : 0x10000 - first;
        for (uint32_t i = 0; i < n; i++)
            from[i] = (uint16_t)(first + i);
        to[n] = 7.0f;
        k->widen(from, n, to);
        bool good = to[n] == 7.0f;
        for (uint32_t i = 0; i < n; i++) {
            uint32_t bits;
            memcpy(&bits, to + i, sizeof bits);
            good &= bits == (first + i) << 16;
        }
        CHECK(good);
    }
}

static void selection(void)
{
    tb_error err = {0};
    CHECK(tb_kernels_count() >= 1);
    CHECK(tb_kernels_select(NULL, &err) == tb_kernels_at(0));
    CHECK(tb_kernels_select("c", &err) == tb_kernels_c());
    CHECK(tb_kernels_at(tb_kernels_count() - 1) == tb_kernels_c());
    CHECK(tb_kernels_at(tb_kernels_count()) == NULL);
    CHECK_INT(err.status, TB_OK);
    CHECK(tb_kernels_select("mmx", &err) == NULL);
    CHECK_INT(err.status, TB_E_OPTION);
}

int main(void)
{
    RUN(selection);
    RUN(reference_products);
    RUN(reference_floats);
    for (size_t i = 0; i < tb_kernels_count(); i++) {
        const tb_kernels *k = tb_kernels_at(i);
        printf("kernels %s%s\n", k->name, k == tb_kernels_c() ? " (the reference itself)" : "");
        test_name = k->name;
        products(k);
        saturation(k);
        norms(k);
        attention(k);
        exponentials(k);
        tables_bf16(k);
        widens(k);
    }
    return test_end();
}
