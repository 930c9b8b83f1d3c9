/* heads.c - see heads.h. */
#include "heads.h"

static const real EPSILON = (real)1e-6;

void norm_forward(const real *x, int n, int d, act *xhat, real *inverse) {
    for (int i = 0; i < n; i++, x += d, xhat += d) {
        vec s = vec_set(0);
        for (int j = 0; j < d; j += LANES)
            s += vec_load(x + j) * vec_load(x + j);
        real r = 1 / (real)sqrt((double)(vec_sum(s) / (real)d + EPSILON));
        inverse[i] = r;
        for (int j = 0; j < d; j += LANES)
            act_store(xhat + j, r * vec_load(x + j));
    }
}

void norm_backward(const real *d_xhat, const act *xhat, const real *inverse, int n, int d,
                   real *dx) {
    for (int i = 0; i < n; i++, d_xhat += d, xhat += d, dx += d) {
        vec s = vec_set(0);
        for (int j = 0; j < d; j += LANES)
            s += vec_load(d_xhat + j) * act_load(xhat + j);
        vec mean = vec_set(vec_sum(s) / (real)d), r = vec_set(inverse[i]);
        for (int j = 0; j < d; j += LANES)
            vec_store(dx + j,
                      vec_load(dx + j) + r * (vec_load(d_xhat + j) - act_load(xhat + j) * mean));
    }
}

/* The loops over a head's width must have a constant count to stay in registers: bodies are inlined
 * per width. */
#define INLINE static inline __attribute__((always_inline))

INLINE void forward(const int hd, const Heads *h, const real *raw, int ld, int row0, int n,
                    act *hat, real *inverse, act *out) {
    const int half = hd / 2, heads = h->kv_heads * h->rep;
    for (int i = 0; i < n; i++) {
        size_t row = (size_t)(row0 + i);
        const real *cs = NULL, *sn = NULL;
        if (h->positions) {
            cs = h->cos + (size_t)h->positions[row] * (size_t)half;
            sn = h->sin + (size_t)h->positions[row] * (size_t)half;
        }
        for (int x = 0; x < heads; x++) {
            const real *a = raw + (size_t)i * (size_t)ld + x * hd;
            act *o = out + (((size_t)(x / h->rep) * (size_t)h->total + row) * (size_t)h->rep +
                            (size_t)(x % h->rep)) *
                               (size_t)hd;
            act *keep = hat + (row * (size_t)heads + (size_t)x) * (size_t)hd;
            vec s = vec_set(0);
            for (int j = 0; j < hd; j += LANES)
                s += vec_load(a + j) * vec_load(a + j);
            real r = 1 / (real)sqrt((double)(vec_sum(s) / (real)hd + EPSILON));
            inverse[row * (size_t)heads + (size_t)x] = r;
            for (int j = 0; j < half; j += LANES) {
                vec u = vec_load(a + j) * r, v = vec_load(a + half + j) * r;
                act_store(keep + j, u);
                act_store(keep + half + j, v);
                u *= h->scale * (1 + vec_load(h->gain + j));
                v *= h->scale * (1 + vec_load(h->gain + half + j));
                if (cs) {
                    vec c = vec_load(cs + j), t = vec_load(sn + j), w = u * c - v * t;
                    v = v * c + u * t;
                    u = w;
                }
                act_store(o + j, u);
                act_store(o + half + j, v);
            }
        }
    }
}

INLINE void backward(const int hd, const Heads *h, const real *d_out, const act *hat,
                     const real *inverse, act *d_raw, int ld, real *d_gain) {
    const int half = hd / 2, heads = h->kv_heads * h->rep;
    vec dg[256 / LANES];
    real buffer[256];
    for (int j = 0; j < hd / LANES; j++)
        dg[j] = vec_set(0);
    for (int x = 0; x < heads; x++)
        for (int i = 0; i < h->total; i++) {
            size_t row = (size_t)i;
            const real *g =
                d_out + (((size_t)(x / h->rep) * (size_t)h->total + row) * (size_t)h->rep +
                         (size_t)(x % h->rep)) *
                            (size_t)hd;
            const act *xh = hat + (row * (size_t)heads + (size_t)x) * (size_t)hd;
            const real *cs = NULL, *sn = NULL;
            if (h->positions) {
                cs = h->cos + (size_t)h->positions[row] * (size_t)half;
                sn = h->sin + (size_t)h->positions[row] * (size_t)half;
            }
            vec s = vec_set(0);
            for (int j = 0; j < half; j += LANES) {
                vec u = h->scale * vec_load(g + j), v = h->scale * vec_load(g + half + j);
                if (cs) {
                    vec c = vec_load(cs + j), t = vec_load(sn + j), w = u * c + v * t;
                    v = v * c - u * t;
                    u = w;
                }
                vec a = act_load(xh + j), b = act_load(xh + half + j);
                dg[j / LANES] += u * a;
                dg[(half + j) / LANES] += v * b;
                u *= 1 + vec_load(h->gain + j);
                v *= 1 + vec_load(h->gain + half + j);
                s += u * a + v * b;
                vec_store(buffer + j, u);
                vec_store(buffer + half + j, v);
            }
            real mean = vec_sum(s) / (real)hd, r = inverse[row * (size_t)heads + (size_t)x];
            act *o = d_raw + row * (size_t)ld + (size_t)(x * hd);
            for (int j = 0; j < hd; j += LANES)
                act_store(o + j, r * (vec_load(buffer + j) - mean * act_load(xh + j)));
        }
    for (int j = 0; j < hd; j += LANES)
        vec_store(d_gain + j, vec_load(d_gain + j) + dg[j / LANES]);
}

void heads_forward(const Heads *h, const real *raw, int ld, int row0, int n, act *hat,
                   real *inverse, act *out) {
    if (h->head_dim == 64)
        forward(64, h, raw, ld, row0, n, hat, inverse, out);
    else
        forward(h->head_dim, h, raw, ld, row0, n, hat, inverse, out);
}

void heads_backward(const Heads *h, const real *d_out, const act *hat, const real *inverse,
                    act *d_raw, int ld, real *d_gain) {
    if (h->head_dim == 64)
        backward(64, h, d_out, hat, inverse, d_raw, ld, d_gain);
    else
        backward(h->head_dim, h, d_out, hat, inverse, d_raw, ld, d_gain);
}
