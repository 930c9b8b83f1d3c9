/* kernels.c - choosing a kernel table; packing matrices for it. */
#include "kernels.h"

#include <string.h>

/* ---- choice --------------------------------------------------------------------------------- */

/* Does the table's INT4 product give the reference's numbers? Asked of `relaxed` alone: V8 11.3 (Node 20,
 * with the flag) computes its dot product wrongly until the code is optimised. */
static bool agrees(const tb_kernels *table)
{
    enum { IN = TB_GROUP, OUT = TB_TILE, ROWS = 5 };
    _Alignas(64) uint8_t codes[IN / 2 * OUT];
    _Alignas(64) float scales[OUT];
    int8_t x[ROWS * IN];
    int32_t sums[ROWS] = {0};
    float steps[ROWS], want[ROWS * OUT], got[ROWS * OUT];
    tb_int4 w = {codes, scales, IN, OUT};
    tb_int8 rows = {x, sums, steps};
    for (size_t i = 0; i < sizeof codes; i++)
        codes[i] = (uint8_t)(i * 37 + (i >> 3));
    for (size_t i = 0; i < OUT; i++)
        scales[i] = 1.0f;
    for (size_t i = 0; i < sizeof x; i++) {
        x[i] = (int8_t)((int)(i * 91 % 255) - 127);
        sums[i / IN] += x[i];
        steps[i / IN] = 1.0f;
    }
    tb_kernels_c()->matmul_fast(&w, &rows, ROWS, want);
    table->matmul_fast(&w, &rows, ROWS, got);
    return memcmp(want, got, sizeof want) == 0;
}

/* Does this CPU run the table? WebAssembly engines refuse a module they cannot run as a whole, so
 * there the build itself is the answer. */
static bool runs_here(const tb_kernels *table)
{
    if (table == NULL)
        return false;
#if defined(__x86_64__) || defined(__i386__)
    if (table == tb_kernels_avx2())
        return __builtin_cpu_supports("avx2");
    if (table == tb_kernels_avx512())
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("avx512f") &&
               __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
               __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vnni");
#endif
    return table != tb_kernels_relaxed() || agrees(table);
}

enum { KNOWN = 5 };

static const tb_kernels *known(size_t i)
{
    switch (i) {
    case 0: return tb_kernels_avx512();
    case 1: return tb_kernels_avx2();
    case 2: return tb_kernels_relaxed();
    case 3: return tb_kernels_simd128();
    default: return tb_kernels_c();
    }
}

size_t tb_kernels_count(void)
{
    size_t count = 0;
    for (size_t i = 0; i < KNOWN; i++)
        count += runs_here(known(i));
    return count;
}

const tb_kernels *tb_kernels_at(size_t index)
{
    for (size_t i = 0; i < KNOWN; i++)
        if (runs_here(known(i)) && index-- == 0)
            return known(i);
    return NULL;
}

const tb_kernels *tb_kernels_select(const char *name, tb_error *err)
{
    if (name == NULL)
        return tb_kernels_at(0);
    for (size_t i = 0; i < tb_kernels_count(); i++)
        if (tb_str_equal(tb_str_of(name), tb_str_of(tb_kernels_at(i)->name)))
            return tb_kernels_at(i);
    tb_fail(err, TB_E_OPTION, "kernel \"%s\" does not exist in this build or does not run on this "
            "CPU; leave the option out for the fastest one (%s)", name, tb_kernels_at(0)->name);
    return NULL;
}

/* ---- packing -------------------------------------------------------------------------------- */

static size_t padded(size_t out)
{
    return (out + TB_TILE - 1) / TB_TILE * TB_TILE;
}

size_t tb_int4_code_bytes(size_t in, size_t out)
{
    return in / 2 * padded(out);
}

size_t tb_int4_scale_floats(size_t in, size_t out)
{
    return in / TB_GROUP * padded(out);
}

/* Eight input rows of some columns, from four rows of bytes, `stride` apart, that hold two of them each. Two's
 * complement plus 8 is 0..15, which is its highest bit turned round. */
static void pack_block(const uint8_t *file, size_t stride, size_t columns, uint8_t *codes)
{
    const uint8_t *row01 = file, *row23 = row01 + stride, *row45 = row23 + stride, *row67 = row45 + stride;
    for (size_t c = 0; c < columns; c++, codes += 4) {
        codes[0] = (uint8_t)((row01[c] & 15) | row45[c] << 4) ^ 0x88;
        codes[1] = (uint8_t)(row01[c] >> 4 | (row45[c] & 0xf0)) ^ 0x88;
        codes[2] = (uint8_t)((row23[c] & 15) | row67[c] << 4) ^ 0x88;
        codes[3] = (uint8_t)(row23[c] >> 4 | (row67[c] & 0xf0)) ^ 0x88;
    }
    memset(codes, 0x88, (TB_TILE - columns) * 4);
}

void tb_int4_pack(const uint8_t *file, const float *file_scales, size_t in, size_t out,
                  uint8_t *codes, float *scales)
{
    for (size_t first = 0; first < out; first += TB_TILE) {
        size_t columns = out - first < TB_TILE ? out - first : TB_TILE;
        for (size_t k = 0; k < in; k += 8, codes += 64)
            pack_block(file + k / 2 * out + first, out, columns, codes);
        for (size_t g = 0; g < in / TB_GROUP; g++, scales += TB_TILE) {
            memset(scales, 0, TB_TILE * sizeof *scales);
            memcpy(scales, file_scales + g * out + first, columns * sizeof *scales);
        }
    }
}
