/* noise.c - see noise.h. */
#include "noise.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data.h"
#include "util.h"

enum { UNKNOWN = 3, TOOL = 4, QUERY = 8, FIRST_PIECE = 9 };

/* splitmix64 */
static uint64_t draw(uint64_t seed) {
    seed = (seed ^ seed >> 30) * 0xbf58476d1ce4e5b9u;
    seed = (seed ^ seed >> 27) * 0x94d049bb133111ebu;
    return seed ^ seed >> 31;
}

/* The ids of a line into `ids`; their number. */
static int read_line(char *line, int vocab, const char *path, int *ids, int room) {
    int n = 0;
    for (char *word = strtok(line, " \n"); word; word = strtok(NULL, " \n")) {
        long id = strtol(word, NULL, 10);
        if (id < FIRST_PIECE || id >= vocab || n == room)
            fail("%s: \"%s\" is no token id from %d to %d, or the line is too long", path, word, FIRST_PIECE,
                 vocab - 1);
        ids[n++] = (int)id;
    }
    return n;
}

Synonyms synonyms_read(const char *path, int vocab) {
    enum { ROOM = 64 };
    FILE *f = fopen(path, "r");
    if (!f)
        fail("cannot read %s", path);
    int(*lists)[ROOM] = get_memory((size_t)vocab * sizeof *lists), *counts = calloc((size_t)vocab, sizeof *counts);
    char line[1024];
    int ids[ROOM], total = 0, n;
    while (counts && fgets(line, sizeof line, f))
        if ((n = read_line(line, vocab, path, ids, ROOM)) > 1) {
            counts[ids[0]] = n - 1;
            memcpy(lists[ids[0]], ids + 1, (size_t)(n - 1) * sizeof *ids);
        }
    fclose(f);
    for (int t = 0; counts && t < vocab; t++)
        total += counts[t];
    Synonyms s = {get_memory(((size_t)vocab + 1) * sizeof(int)), get_memory(((size_t)total + 1) * sizeof(int))};
    s.first[0] = 0;
    for (int t = 0; counts && t < vocab; t++) {
        memcpy(s.ids + s.first[t], lists[t], (size_t)counts[t] * sizeof(int));
        s.first[t + 1] = s.first[t] + counts[t];
    }
    free(lists);
    free(counts);
    return s;
}

static uint64_t limit_of(double part) {
    return part <= 0 ? 0 : (uint64_t)(part * 18446744073709549568.0);
}

void noise_mask(double part, uint64_t seed, int row, real *mask, int width) {
    uint32_t limit = (uint32_t)(part * 4294967295.0), base = (uint32_t)draw(seed + (uint64_t)row * 0x9e3779b97f4a7c15u);
    real up = (real)(1 / (1 - part));
    for (int j = 0; j < width; j++) { /* 32 bits each, so that the compiler makes vectors of it */
        uint32_t h = (base ^ (uint32_t)j * 0x9e3779b1u) * 0x85ebca6bu;
        h = (h ^ h >> 15) * 0xc2b2ae35u;
        mask[j] = (h ^ h >> 13) < limit ? 0 : up;
    }
}

void noise_apply(const Noise *n, int32_t *tokens, int rows) {
    uint64_t drop = limit_of(n->drop), swap = n->synonyms ? limit_of(n->swap) : 0;
    bool noisy = false, query = false;
    for (int i = 0; i < rows; i++) {
        int id = token_id(tokens[i]);
        uint64_t random = draw(n->seed + (uint64_t)i * 0x9e3779b97f4a7c15u);
        if (id == TOOL || id == QUERY) {
            noisy = random >> 63;
            query = id == QUERY;
        } else if (noisy && id >= FIRST_PIECE) {
            if (query && random < drop)
                tokens[i] = UNKNOWN;
            else if (swap && draw(random) < swap) {
                int first = n->synonyms->first[id], count = n->synonyms->first[id + 1] - first;
                if (count)
                    tokens[i] = n->synonyms->ids[first + (int)(random % (unsigned)count)] | token_case(tokens[i]) << 16;
            }
        }
    }
}
