/* muon.c - see muon.h. */
#include "muon.h"

static void transpose(const real *in, int rows, int columns, real *out) {
    enum { B = 16 };
    for (int i0 = 0; i0 < rows; i0 += B)
        for (int j0 = 0; j0 < columns; j0 += B)
            for (int j = j0; j < j0 + B; j++)
                for (int i = i0; i < i0 + B; i++)
                    out[(size_t)j * (size_t)rows + (size_t)i] =
                        in[(size_t)i * (size_t)columns + (size_t)j];
}

/* x <- a x + (b A + c A^2) x with A = x x^T, five times; x[r][k], r <= k, of norm at most 1. The
 * quintic's coefficients push all singular values into about 0.7 .. 1.2 (Jordan et al., Muon,
 * 2024). */
static void orthogonalise(Arena *s, int r, int k, real *x) {
    size_t n = (size_t)r * (size_t)k, sq = (size_t)r * (size_t)r, mark = s->used;
    act *xa = arena_acts(s, n), *pack = arena_acts(s, gemm_packed_size(k, k)),
        *sa = arena_acts(s, sq);
    real *a = arena_reals(s, sq), *a2 = arena_reals(s, sq), *y = arena_reals(s, n);
    for (int it = 0; it < 5; it++) {
        to_act(xa, x, n);
        gemm_pack_t(pack, xa, k, k, r);
        gemm(r, r, k, gemm_rows(xa, k), pack, a, r, false);
        to_act(sa, a, sq);
        gemm_pack(pack, sa, r, r, r);
        gemm(r, r, r, gemm_rows(sa, r), pack, a2, r, false);
        for (size_t i = 0; i < sq; i += (size_t)LANES)
            act_store(sa + i, (real)-4.7750 * vec_load(a + i) + (real)2.0315 * vec_load(a2 + i));
        gemm_pack(pack, xa, k, r, k);
        gemm(r, k, r, gemm_rows(sa, r), pack, y, k, false);
        for (size_t i = 0; i < n; i += (size_t)LANES)
            vec_store(x + i, (real)3.4445 * vec_load(x + i) + vec_load(y + i));
    }
    s->used = mark;
}

void muon_update(Arena *scratch, int rows, int columns, real *w, real *momentum, const real *g,
                 double clip, double rate, double decay) {
    const real beta = (real)0.95;
    size_t n = (size_t)rows * (size_t)columns, mark = scratch->used;
    real *u = arena_reals(scratch, n), *t = arena_reals(scratch, n);
    vec sum = vec_set(0), f = vec_set((real)clip);
    for (size_t i = 0; i < n; i += (size_t)LANES) {
        vec x = f * vec_load(g + i), m = beta * vec_load(momentum + i) + x, v = x + beta * m;
        vec_store(momentum + i, m);
        vec_store(u + i, v);
        sum += v * v;
    }
    real norm = (real)(1 / (sqrt((double)vec_sum(sum)) + 1e-7));
    for (size_t i = 0; i < n; i += (size_t)LANES)
        vec_store(u + i, norm * vec_load(u + i));
    if (rows > columns) {
        transpose(u, rows, columns, t);
        orthogonalise(scratch, columns, rows, t);
        transpose(t, columns, rows, u);
    } else {
        orthogonalise(scratch, rows, columns, u);
    }
    real keep = (real)(1 - rate * decay),
         r = (real)(rate * sqrt(columns > rows ? (double)columns / rows : 1.0));
    for (size_t i = 0; i < n; i += (size_t)LANES)
        vec_store(w + i, keep * vec_load(w + i) - r * vec_load(u + i));
    scratch->used = mark;
}

void adam_update(size_t n, real *w, real *momentum, real *square, const real *g, double clip,
                 double rate, long step) {
    const double b1 = 0.9, b2 = 0.98;
    real r = (real)(rate / (1 - pow(b1, (double)step))),
         correct = (real)(1 / (1 - pow(b2, (double)step))), f = (real)clip;
    for (size_t i = 0; i < n; i++) {
        real x = f * g[i];
        momentum[i] = (real)b1 * momentum[i] + (real)(1 - b1) * x;
        square[i] = (real)b2 * square[i] + (real)(1 - b2) * x * x;
#ifdef REAL64
        w[i] -= r * momentum[i] / (sqrt(square[i] * correct) + 1e-9);
#else
        w[i] -= r * momentum[i] / (sqrtf(square[i] * correct) + 1e-9f);
#endif
    }
}
