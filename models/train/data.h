/* data.h - packed training data (FORMAT.md 6): mapped files, an index of their groups, and the
 * order of visits. */
#ifndef THIMBLE_DATA_H
#define THIMBLE_DATA_H

#include <stddef.h>
#include <stdint.h>

/* A group, checked when its file was added: every length, id, kind and position in it is in range.
 */
typedef struct {
    const int32_t *words;
    int queries;
    int rows;      /* encoder rows: tokens of all tools and queries */
    int decisions; /* forced ones too */
} Group;

typedef struct {
    Group *groups;
    size_t count;
    long queries;
} Dataset;

/* Maps a file and appends its groups. The file must stay as it is while the program runs. Fails on
 * a malformed file, naming the word at which it went wrong. vocab: ids must be below. limit: at
 * most that many groups (0: all). */
void data_add(Dataset *d, const char *path, int vocab, size_t limit);

/* Position in the endless sequence of epochs; every epoch visits all groups once, in an order drawn
 * from (seed, epoch). Continues exactly from (seed, epoch, next) as long as the data are the same.
 */
typedef struct {
    uint64_t seed;
    long epoch;
    size_t next;
    size_t *order;
    size_t count;
} Visits;

void visits_start(Visits *v, const Dataset *d, uint64_t seed, long epoch, size_t next);
const Group *visits_next(Visits *v, const Dataset *d);

/* Reading a group in order. */
typedef struct {
    const int32_t *p;
} Cursor;
static inline int cursor_next(Cursor *c) {
    return *c->p++;
}
static inline const int32_t *cursor_skip(Cursor *c, int n) {
    const int32_t *p = c->p;
    c->p += n;
    return p;
}
static inline float word_as_float(int32_t w) {
    union {
        int32_t i;
        float f;
    } u = {w};
    return u.f;
}
static inline int token_id(int32_t token) {
    return token & 0xffff;
}
static inline int token_case(int32_t token) {
    return token >> 16;
}

#endif
