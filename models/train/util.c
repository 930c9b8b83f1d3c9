/* util.c - see util.h. */
#define _GNU_SOURCE
#include "util.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

void fail(const char *format, ...) {
    va_list a;
    va_start(a, format);
    fputs("error: ", stderr);
    vfprintf(stderr, format, a);
    fputc('\n', stderr);
    va_end(a);
    exit(1);
}

double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

void *get_memory(size_t bytes) {
    return resize_memory(NULL, bytes);
}

void *resize_memory(void *p, size_t bytes) {
    p = realloc(p, bytes ? bytes : 1);
    if (!p)
        fail("out of memory (%zu bytes)", bytes);
    return p;
}

uint64_t random_next(uint64_t *state) {
    uint64_t z = *state += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

uint64_t random_below(uint64_t *state, uint64_t n) {
    return (uint64_t)(((unsigned __int128)random_next(state) * n) >> 64);
}

double random_unit(uint64_t *state) {
    return ((double)(random_next(state) >> 11) + 0.5) * 0x1p-53;
}

enum { SLACK = 1 << 16 };

Arena arena_make(size_t bytes) {
    size_t huge = (size_t)2 << 20, size = (bytes + SLACK + huge - 1) / huge * huge;
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                   -1, 0);
    if (p == MAP_FAILED)
        fail("out of memory (%zu bytes)", size);
    madvise(p, size, MADV_HUGEPAGE);
    return (Arena){p, 0, size - SLACK};
}

void *arena_get(Arena *a, size_t bytes) {
    size_t n = (bytes + 63) & ~(size_t)63;
    if (n < bytes || n > a->size - a->used)
        fail("a training unit does not fit its arena of %zu MB: use a smaller --unit",
             a->size >> 20);
    void *p = a->base + a->used;
    a->used += n;
    return p;
}
