/* kernels_c.c - the reference kernels in plain C. Every other table must give the same bits. */
#include "kernels_inline.h"

static void quantise(const float *x, size_t rows, size_t n, const tb_int8 *out)
{
    for (size_t r = 0; r < rows; r++, x += n) {
        int8_t *codes = out->codes + r * n;
        int32_t *sums = out->sums + r * (n / TB_GROUP);
        float most = 0.0f, step;
        for (size_t k = 0; k < n; k++) {
            float size = x[k] < 0.0f ? -x[k] : x[k];
            most = size > most ? size : most;
        }
        step = most / 127.0f;
        out->scales[r] = step;
        for (size_t g = 0; g < n / TB_GROUP; g++) {
            int32_t sum = 0;
            for (size_t k = g * TB_GROUP; k < (g + 1) * TB_GROUP; k++) {
                codes[k] = step > 0.0f ? quantise_scalar(x[k], step) : 0;
                sum += codes[k];
            }
            sums[g] = sum;
        }
    }
}

/* One row against one tile: acc[c] += scale[g][c] * (sum over the group of code * x). */
static void tile_fast(const uint8_t *w, const float *scales, const int8_t *x, const int32_t *sums,
                      size_t groups, float acc[TB_TILE])
{
    for (size_t g = 0; g < groups; g++, scales += TB_TILE) {
        int32_t dot[TB_TILE];
        for (size_t c = 0; c < TB_TILE; c++)
            dot[c] = -8 * sums[g]; /* codes are stored plus 8 */
        for (size_t b = 0; b < TB_GROUP / 8; b++, w += 64, x += 8)
            for (size_t c = 0; c < TB_TILE; c++)
                for (size_t j = 0; j < 4; j++)
                    dot[c] += (w[c * 4 + j] & 15) * x[j] + (w[c * 4 + j] >> 4) * x[j + 4];
        for (size_t c = 0; c < TB_TILE; c++)
            acc[c] += (float)dot[c] * scales[c];
    }
}

static void matmul_fast(const tb_int4 *w, const tb_int8 *x, size_t rows, float *y)
{
    size_t groups = w->in / TB_GROUP;
    for (size_t first = 0; first < w->out; first += TB_TILE) {
        const uint8_t *codes = w->codes + first * w->in / 2;
        const float *scales = w->scales + first * groups;
        size_t columns = w->out - first < TB_TILE ? w->out - first : TB_TILE;
        for (size_t r = 0; r < rows; r++) {
            float acc[TB_TILE] = {0};
            tile_fast(codes, scales, x->codes + r * w->in, x->sums + r * groups, groups, acc);
            for (size_t c = 0; c < TB_TILE; c++)
                acc[c] *= x->scales[r];
            store_tile(y + r * w->out + first, acc, columns);
        }
    }
}

static void matmul_exact(const tb_int4 *w, const float *x, size_t rows, float *y)
{
    size_t groups = w->in / TB_GROUP;
    for (size_t first = 0; first < w->out; first += TB_TILE) {
        const uint8_t *codes = w->codes + first * w->in / 2;
        const float *scales = w->scales + first * groups;
        size_t columns = w->out - first < TB_TILE ? w->out - first : TB_TILE;
        for (size_t r = 0; r < rows; r++) {
            float acc[TB_TILE] = {0};
            for (size_t k = 0; k < w->in; k++) {
                const uint8_t *block = codes + k / 8 * 64 + k % 4;
                unsigned shift = k % 8 < 4 ? 0 : 4;
                const float *scale = scales + k / TB_GROUP * TB_TILE;
                for (size_t c = 0; c < TB_TILE; c++) {
                    float weight = (float)((block[c * 4] >> shift & 15) - 8) * scale[c];
                    acc[c] += x[r * w->in + k] * weight;
                }
            }
            store_tile(y + r * w->out + first, acc, columns);
        }
    }
}

static float dot(const float *a, const float *b, size_t n)
{
    float lane[TB_LANES] = {0};
    for (size_t k = 0; k < n; k += TB_LANES)
        for (size_t i = 0; i < TB_LANES; i++)
            lane[i] += a[k + i] * b[k + i];
    return sum_lanes(lane);
}

static void norm(const float *x, const float *gain, size_t rows, size_t n, float *y)
{
    for (size_t r = 0; r < rows; r++, x += n, y += n) {
        float rms = __builtin_sqrtf(dot(x, x, n) / (float)n + TB_NORM_EPSILON);
        for (size_t k = 0; k < n; k++)
            y[k] = gain[k] * x[k] / rms;
    }
}

static void scores(const float *q, size_t queries, const float *keys, size_t count, size_t n,
                   float scale, float *out, size_t stride)
{
    for (size_t i = 0; i < queries; i++)
        for (size_t j = 0; j < count; j++)
            out[i * stride + j] = dot(q + i * n, keys + j * n, n) * scale;
}

static float softmax(float *x, size_t n)
{
    float lane[TB_LANES] = {0}, most = -__builtin_inff();
    for (size_t j = 0; j < n; j++)
        most = x[j] > most ? x[j] : most;
    for (size_t j = 0; j < n; j++) {
        x[j] = exp_scalar(x[j] - most);
        lane[j % TB_LANES] += x[j];
    }
    return sum_lanes(lane);
}

static void mix(const float *p, size_t stride, size_t queries, const float *values, size_t count,
                size_t n, float *out)
{
    for (size_t i = 0; i < queries; i++)
        for (size_t j = 0; j < count; j++)
            for (size_t k = 0; k < n; k++)
                out[i * n + k] += p[i * stride + j] * values[j * n + k];
}

static void dots_bf16(const float *x, const uint8_t *table, size_t count, size_t n, float *out)
{
    for (size_t j = 0; j < count; j++, table += 2 * n) {
        float lane[TB_LANES] = {0};
        for (size_t k = 0; k < n; k += TB_LANES)
            for (size_t i = 0; i < TB_LANES; i++)
                lane[i] += x[k + i] * bf16_load(table + 2 * (k + i));
        out[j] = sum_lanes(lane);
    }
}

const tb_kernels *tb_kernels_c(void)
{
    static const tb_kernels table = {"c",    quantise, matmul_fast, matmul_exact, norm,
                                     scores, softmax,  mix,         dots_bf16, widen};
    return &table;
}
