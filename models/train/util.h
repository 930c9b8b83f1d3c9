/* util.h - errors, time, random numbers, a bump arena. */
#ifndef THIMBLE_UTIL_H
#define THIMBLE_UTIL_H

#include <stddef.h>
#include <stdint.h>

#include "vec.h"

/* Prints "error: ..." to stderr and exits with status 1. The trainer has no caller to hand errors
 * to. */
_Noreturn void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* seconds, monotonic */
double now(void);

/* malloc / realloc that fail() instead of returning null */
void *get_memory(size_t bytes);
void *resize_memory(void *p, size_t bytes);

/* splitmix64: state in, next number out */
uint64_t random_next(uint64_t *state);
/* uniform in 0..n-1, n >= 1 */
uint64_t random_below(uint64_t *state, uint64_t n);
/* uniform in (0, 1) */
double random_unit(uint64_t *state);

/* Bump allocator over address space that is only backed where it was touched. */
typedef struct {
    char *base;
    size_t used, size;
} Arena;

Arena arena_make(size_t bytes);
/* 64-byte aligned, not cleared; at least 64 KiB of readable memory follow every block. */
void *arena_get(Arena *a, size_t bytes);
static inline real *arena_reals(Arena *a, size_t n) {
    return arena_get(a, n * sizeof(real));
}
static inline act *arena_acts(Arena *a, size_t n) {
    return arena_get(a, n * sizeof(act));
}
static inline int *arena_ints(Arena *a, size_t n) {
    return arena_get(a, n * sizeof(int));
}

#endif
