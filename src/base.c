/* base.c - status names, the error formatter, the arena, checked arithmetic, UTF-8. */
#include "base.h"

#include <stdarg.h>
#include <string.h>

enum { ALIGNMENT = 64 };

const char *tb_status_name(tb_status status)
{
    switch (status) {
    case TB_OK: return "OK";
    case TB_E_FORMAT: return "E_FORMAT";
    case TB_E_JSON: return "E_JSON";
    case TB_E_TOOLS: return "E_TOOLS";
    case TB_E_SCHEMA: return "E_SCHEMA";
    case TB_E_QUERY: return "E_QUERY";
    case TB_E_TOO_LONG: return "E_TOO_LONG";
    case TB_E_NOMEM: return "E_NOMEM";
    case TB_E_OPTION: return "E_OPTION";
    case TB_E_FILE: return "E_FILE";
    case TB_E_INTERNAL: break;
    }
    return "E_INTERNAL";
}

/* ---- error messages ------------------------------------------------------------------------- */

/* Appends one whole character or, when it no longer fits, nothing from then on. */
typedef struct {
    char *text;
    size_t used, room;
    bool full;
} writer;

static void put(writer *w, const char *bytes, size_t len)
{
    if (w->full || len > w->room - w->used) {
        w->full = true;
        return;
    }
    memcpy(w->text + w->used, bytes, len);
    w->used += len;
}

/* At most `max` bytes of `text`, which ends at its terminator if that comes first. */
static void put_text(writer *w, const char *text, size_t max)
{
    size_t len = 0, at = 0;
    if (text == NULL) {
        text = "(null)";
        max = 6;
    }
    while (len < max && text[len] != '\0')
        len++;
    while (at < len) {
        uint32_t c;
        size_t n = tb_utf8_decode(text + at, len - at, &c);
        if (n == 0 || c < 0x20 || (c >= 0x7f && c < 0xa0)) {
            put(w, "?", 1);
            at += n ? n : 1;
        } else {
            put(w, text + at, n);
            at += n;
        }
    }
}

static void put_number(writer *w, size_t value, bool negative)
{
    char digits[24];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    if (negative)
        digits[--at] = '-';
    put(w, digits + at, sizeof digits - at);
}

bool tb_fail(tb_error *err, tb_status status, const char *format, ...)
{
    va_list args;
    writer w;
    if (err == NULL || err->status != TB_OK)
        return false;
    err->status = status;
    w.text = err->message;
    w.used = 0;
    w.room = sizeof err->message - 1;
    w.full = false;
    va_start(args, format);
    for (const char *f = format; *f != '\0'; f++) {
        if (*f != '%') {
            put(&w, f, 1);
            continue;
        }
        f++;
        if (f[0] == '.' && f[1] == '*' && f[2] == 's') {
            int max = va_arg(args, int);
            const char *text = va_arg(args, const char *);
            put_text(&w, text, max > 0 ? (size_t)max : 0);
            f += 2;
        } else if (f[0] == 'z' && f[1] == 'u') {
            put_number(&w, va_arg(args, size_t), false);
            f += 1;
        } else if (*f == 's') {
            put_text(&w, va_arg(args, const char *), (size_t)-1);
        } else if (*f == 'd') {
            int value = va_arg(args, int);
            put_number(&w, value < 0 ? (size_t)0 - (size_t)value : (size_t)value, value < 0);
        } else if (*f == 'u') {
            put_number(&w, va_arg(args, unsigned), false);
        } else if (*f == 'c') {
            char c = (char)va_arg(args, int);
            put_text(&w, &c, 1);
        } else if (*f == '%') {
            put(&w, "%", 1);
        } else {
            break; /* not one of ours: what follows cannot be read safely */
        }
    }
    va_end(args);
    err->message[w.used] = '\0';
    return false;
}

/* ---- arena ---------------------------------------------------------------------------------- */

void tb_arena_init(tb_arena *arena, void *memory, size_t size)
{
    size_t skip = (ALIGNMENT - (size_t)((uintptr_t)memory % ALIGNMENT)) % ALIGNMENT;
    if (skip > size)
        skip = size;
    arena->base = (uint8_t *)memory + skip;
    arena->size = size - skip;
    arena->used = arena->peak = 0;
}

void *tb_alloc(tb_arena *arena, size_t count, size_t size, tb_error *err)
{
    size_t bytes, padded, start = arena->used;
    if (!tb_mul(count, size, &bytes) || !tb_add(bytes, ALIGNMENT - 1, &padded)) {
        tb_fail(err, TB_E_NOMEM, "%zu items of %zu bytes are more than this machine can address",
                count, size);
        return NULL;
    }
    padded -= padded % ALIGNMENT;
    if (padded > arena->size - start) {
        tb_fail(err, TB_E_NOMEM, "out of memory: %zu more bytes needed than the %zu provided; "
                "provide a larger arena", padded - (arena->size - start), arena->size);
        return NULL;
    }
    arena->used = start + padded;
    if (arena->used > arena->peak)
        arena->peak = arena->used;
    if (padded != 0)
        memset(arena->base + start, 0, padded);
    return arena->base + start;
}

size_t tb_arena_mark(const tb_arena *arena)
{
    return arena->used;
}

void tb_arena_reset(tb_arena *arena, size_t mark)
{
    if (mark < arena->used)
        arena->used = mark;
}

bool tb_add(size_t a, size_t b, size_t *out)
{
    if (a > SIZE_MAX - b)
        return false;
    *out = a + b;
    return true;
}

bool tb_mul(size_t a, size_t b, size_t *out)
{
    if (b != 0 && a > SIZE_MAX / b)
        return false;
    *out = a * b;
    return true;
}

/* ---- text ----------------------------------------------------------------------------------- */

int tb_str_compare(tb_str a, tb_str b)
{
    size_t shorter = a.len < b.len ? a.len : b.len;
    for (size_t i = 0; i < shorter; i++) {
        uint8_t x = (uint8_t)a.ptr[i], y = (uint8_t)b.ptr[i];
        if (x != y)
            return x < y ? -1 : 1;
    }
    return (a.len > b.len) - (a.len < b.len);
}

bool tb_str_equal(tb_str a, tb_str b)
{
    return a.len == b.len && tb_str_compare(a, b) == 0;
}

tb_str tb_str_of(const char *literal)
{
    tb_str s = {literal, 0};
    while (literal[s.len] != '\0')
        s.len++;
    return s;
}

size_t tb_utf8_decode(const char *text, size_t len, uint32_t *code_point)
{
    uint8_t first = (uint8_t)text[0];
    uint32_t c, least;
    size_t n;
    if (first < 0x80) {
        *code_point = first;
        return 1;
    }
    if (first >= 0xc2 && first <= 0xdf) {
        n = 2, c = first & 0x1f, least = 0x80;
    } else if (first >= 0xe0 && first <= 0xef) {
        n = 3, c = first & 0x0f, least = 0x800;
    } else if (first >= 0xf0 && first <= 0xf4) {
        n = 4, c = first & 0x07, least = 0x10000;
    } else {
        return 0;
    }
    if (n > len)
        return 0;
    for (size_t i = 1; i < n; i++) {
        uint8_t next = (uint8_t)text[i];
        if ((next & 0xc0) != 0x80)
            return 0;
        c = c << 6 | (next & 0x3f);
    }
    if (c < least || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
        return 0;
    *code_point = c;
    return n;
}

size_t tb_utf8_check(const char *text, size_t len)
{
    size_t at = 0;
    while (at < len) {
        uint32_t c;
        size_t n = tb_utf8_decode(text + at, len - at, &c);
        if (n == 0)
            return at;
        at += n;
    }
    return len;
}
