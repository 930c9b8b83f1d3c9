/* quant.c - see quant.h. Built without -ffast-math: a code must be the one the exporter computes.
 */
#include "quant.h"

/* Codes are computed in float, as the exporter does, also in the double build. */
static float code_of(float w, float scale, float limit) {
    float q = rintf(w / scale);
    return q < -limit ? -limit : q > limit ? limit : q;
}

void fake_int4(const real *w, real *out, int rows, int columns) {
    enum { GROUP = 32, STRIP = 64 };
    for (int g = 0; g < rows; g += GROUP)
        for (int c0 = 0; c0 < columns; c0 += STRIP) {
            int end = g + GROUP < rows ? g + GROUP : rows,
                n = columns - c0 < STRIP ? columns - c0 : STRIP;
            float scale[STRIP] = {0};
            for (int i = g; i < end; i++)
                for (int j = 0; j < n; j++) {
                    float a = fabsf((float)w[(size_t)i * (size_t)columns + (size_t)(c0 + j)]);
                    scale[j] = a > scale[j] ? a : scale[j];
                }
            for (int j = 0; j < n; j++) {
                scale[j] = (float)(_Float16)(scale[j] / 7.0f);
                if (scale[j] < 0x1p-14f)
                    scale[j] = 0x1p-14f;
            }
            for (int i = g; i < end; i++)
                for (int j = 0; j < n; j++) {
                    size_t at = (size_t)i * (size_t)columns + (size_t)(c0 + j);
                    out[at] = (real)(code_of((float)w[at], scale[j], 7.0f) * scale[j]);
                }
        }
}

void fake_int4_rows(const real *w, real *out, int rows, int columns) {
    enum { GROUP = 32 };
    for (size_t at = 0; at < (size_t)rows * (size_t)columns; at += GROUP) {
        float top = 0;
        for (size_t j = at; j < at + GROUP; j++)
            top = fabsf((float)w[j]) > top ? fabsf((float)w[j]) : top;
        float scale = (float)(_Float16)(top / 7.0f);
        if (scale < 0x1p-14f)
            scale = 0x1p-14f;
        for (size_t j = at; j < at + GROUP; j++)
            out[j] = (real)(code_of((float)w[j], scale, 7.0f) * scale);
    }
}
