/* base.h - what every module of the engine shares: status codes, the error record, the arena,
 * checked arithmetic, UTF-8.
 *
 * The core opens no files, prints nothing, keeps no globals and allocates only from the arena its
 * caller hands in. Every function that can fail takes a `tb_error *` and returns false (or NULL)
 * after filling it; the first error wins and nothing half-made is handed out. */
#ifndef THIMBLE_BASE_H
#define THIMBLE_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Stable codes. The text form ("E_FORMAT") is what callers see and may branch on. */
typedef enum {
    TB_OK = 0,
    TB_E_FORMAT,   /* weight file, vocabulary or prepared tools: not what the format says */
    TB_E_JSON,     /* text that should be JSON is not */
    TB_E_TOOLS,    /* the tool list: missing or duplicate name, too many, wrong kind of value */
    TB_E_SCHEMA,   /* a schema keyword or type that is not enforced */
    TB_E_QUERY,    /* the request: empty, or bytes that are not UTF-8 */
    TB_E_TOO_LONG, /* request, tool or list exceeds a stated limit */
    TB_E_NOMEM,    /* the arena is full; the message says how much more it wanted */
    TB_E_OPTION,   /* an option's value is not one of those allowed */
    TB_E_INTERNAL, /* a broken invariant: a bug in Thimble, please report it */
    TB_E_FILE      /* command line only: a file cannot be read or written */
} tb_status;

/* The two model formats: Needle 1's files and our own (models/FORMAT.md). */
typedef enum { TB_NEEDLE1, TB_THIMBLE1 } tb_format;

/* One error: a code and one sentence (what was wrong, where, what to do), always terminated. */
typedef struct {
    tb_status status;
    char message[256];
} tb_error;

/* "E_FORMAT" etc.; "E_INTERNAL" for a number that is no status. */
const char *tb_status_name(tb_status status);

/* Fills *err unless it already holds an error, and returns false so that a caller can write
 * `return tb_fail(...)`. Formats: %s (char *), %.*s (int, char *), %d (int), %u (unsigned),
 * %zu (size_t), %c, %%. Anything that is not printable ASCII or valid UTF-8 in a %s comes out as
 * '?'. Output is cut to the record's size at a character boundary. */
bool tb_fail(tb_error *err, tb_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* A bump allocator over memory that the caller owns. Blocks are 64-byte aligned (given a 64-byte aligned
 * `base`, else relative to its first aligned byte) and zeroed. Nothing is freed singly: take a
 * mark, allocate, go back to the mark. `peak` is the highest `used` ever. */
typedef struct {
    uint8_t *base;
    size_t size, used, peak;
} tb_arena;

void tb_arena_init(tb_arena *arena, void *memory, size_t size);
/* count * size bytes; NULL and TB_E_NOMEM when that overflows or does not fit. count or size 0
 * gives a valid pointer that must not be read. */
void *tb_alloc(tb_arena *arena, size_t count, size_t size, tb_error *err);
size_t tb_arena_mark(const tb_arena *arena);
void tb_arena_reset(tb_arena *arena, size_t mark);

/* *out = a op b; false (and *out untouched) on overflow. */
bool tb_add(size_t a, size_t b, size_t *out);
bool tb_mul(size_t a, size_t b, size_t *out);

/* A piece of text that somebody else owns; not terminated. */
typedef struct {
    const char *ptr;
    size_t len;
} tb_str;

bool tb_str_equal(tb_str a, tb_str b);
/* Order by unsigned bytes, a prefix first: <0, 0, >0. */
int tb_str_compare(tb_str a, tb_str b);
/* A terminated literal as tb_str. */
tb_str tb_str_of(const char *literal);

/* Decodes one character at text[0..len), len > 0. Returns its length in bytes 1..4 and the code
 * point, or 0 if the bytes are not valid UTF-8 (overlong, surrogate, above U+10FFFF, cut off). */
size_t tb_utf8_decode(const char *text, size_t len, uint32_t *code_point);
/* Index of the first byte that is not valid UTF-8, or len when all is. */
size_t tb_utf8_check(const char *text, size_t len);

#endif
