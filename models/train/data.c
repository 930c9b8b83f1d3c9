/* data.c - see data.h. */
#define _GNU_SOURCE
#include "data.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "model.h"
#include "util.h"

/* A bounded reader over one file; every defect ends the program with its place. */
typedef struct {
    const int32_t *words;
    size_t at, size;
    const char *path;
} Reader;

static _Noreturn void malformed(const Reader *r, const char *what, long value) {
    fail("%s: word %zu: %s %ld is out of range; the file is damaged or was packed for another "
         "format",
         r->path, r->at, what, value);
}

static int32_t take(Reader *r, const char *what) {
    if (r->at >= r->size)
        fail("%s: the file ends where a %s should follow; it is cut off or damaged", r->path, what);
    return r->words[r->at++];
}

static int take_between(Reader *r, const char *what, int low, int high) {
    int v = take(r, what);
    if (v < low || v > high) {
        r->at--;
        malformed(r, what, v);
    }
    return v;
}

static int check_tokens(Reader *r, int vocab) {
    int n = take_between(r, "segment length", 1, MAX_POSITION);
    for (int i = 0; i < n; i++) {
        int32_t t = take(r, "token");
        if (t < 0 || token_id(t) >= vocab || token_case(t) >= CASES)
            malformed(r, "token", t);
    }
    return n;
}

/* positions 0..end, the last being END */
static void check_decision(Reader *r, int end, bool last) {
    take_between(r, "kind of decision", 0, KINDS - 1);
    int target = take_between(r, "target", 0, last ? end : end - 1);
    float weight = word_as_float(take(r, "weight"));
    if (!(weight >= 0 && weight <= 1e6f))
        malformed(r, "weight", (long)weight);
    int n = take_between(r, "number of allowed positions", 1, end + 1);
    bool found = false;
    for (int i = 0; i < n; i++)
        found |= take_between(r, "allowed position", 0, end) == target;
    if (!found)
        malformed(r, "target (not among the allowed positions)", target);
}

static Group check_group(Reader *r, int vocab) {
    Group g = {.words = r->words + r->at};
    int tools = take_between(r, "number of tools", 0, 4096), tool_rows = 0;
    for (int i = 0; i < tools; i++)
        tool_rows += check_tokens(r, vocab);
    g.rows = tool_rows;
    g.queries = take_between(r, "number of queries", 0, 65536);
    for (int i = 0; i < g.queries; i++) {
        int n = check_tokens(r, vocab), m = take_between(r, "number of decisions", 0, MAX_POSITION);
        for (int k = 0; k < m; k++)
            check_decision(r, n + tool_rows, k == m - 1);
        g.rows += n;
        g.decisions += m;
    }
    return g;
}

void data_add(Dataset *d, const char *path, int vocab, size_t limit) {
    int fd = open(path, O_RDONLY);
    struct stat s;
    if (fd < 0 || fstat(fd, &s))
        fail("cannot read %s", path);
    if (s.st_size % 4)
        fail("%s: size is no multiple of 4; not packed training data, or still being written",
             path);
    Reader r = {.size = (size_t)s.st_size / 4, .path = path};
    if (r.size) {
        void *p = mmap(NULL, (size_t)s.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (p == MAP_FAILED)
            fail("cannot map %s", path);
        r.words = p;
    }
    close(fd);
    size_t room = d->count, first = d->count;
    while (r.at < r.size && (!limit || d->count - first < limit)) {
        Group g = check_group(&r, vocab);
        if (!g.queries)
            continue;
        if (d->count == room)
            d->groups = resize_memory(d->groups, (room = room * 2 + 1024) * sizeof(Group));
        d->groups[d->count++] = g;
        d->queries += g.queries;
    }
}

static void shuffle(Visits *v) {
    uint64_t state = v->seed * 0x9E3779B97F4A7C15u + (uint64_t)v->epoch;
    random_next(&state);
    for (size_t i = 0; i < v->count; i++)
        v->order[i] = i;
    for (size_t i = v->count; i > 1; i--) {
        size_t j = random_below(&state, i), t = v->order[i - 1];
        v->order[i - 1] = v->order[j];
        v->order[j] = t;
    }
}

void visits_start(Visits *v, const Dataset *d, uint64_t seed, long epoch, size_t next) {
    if (!d->count)
        fail("the training data hold no group");
    *v = (Visits){.seed = seed,
                  .epoch = epoch,
                  .next = next,
                  .count = d->count,
                  .order = get_memory(d->count * sizeof(size_t))};
    shuffle(v);
}

const Group *visits_next(Visits *v, const Dataset *d) {
    if (v->next >= v->count) {
        v->epoch++;
        v->next = 0;
        shuffle(v);
    }
    return &d->groups[v->order[v->next++]];
}
