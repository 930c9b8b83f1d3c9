/* driver.c - runs a libFuzzer entry point where libFuzzer is not to be had: every seed, then N
 * mutations of seeds, the same ones each time.
 *
 *     fuzz_json [N] [FILE...]       N: 20000 unless told; files: more seeds (a crash to look at: N
 * = 0)
 *
 * With libFuzzer (clang -fsanitize=fuzzer) leave this file out. */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
/* Terminated by NULL; in the file of the entry point. Seeds are texts. */
extern const char *const fuzz_seeds[];

enum { MOST_SEEDS = 256, MOST_BYTES = 1 << 16 };

typedef struct {
    uint8_t *data;
    size_t size;
} seed;

static seed seeds[MOST_SEEDS];
static size_t seed_count;
static uint64_t state = 0x9e3779b97f4a7c15u;

static uint64_t draw(uint64_t below)
{
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return state * 0x2545f4914f6cdd1du % below;
}

static void add_seed(const void *data, size_t size)
{
    if (seed_count == MOST_SEEDS || size > MOST_BYTES / 2)
        return;
    seeds[seed_count].data = malloc(size + 1);
    if (seeds[seed_count].data == NULL)
        exit(1);
    memcpy(seeds[seed_count].data, data, size);
    seeds[seed_count++].size = size;
}

static void add_file(const char *path)
{
    static uint8_t buffer[MOST_BYTES];
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        fprintf(stderr, "cannot read %s\n", path);
        exit(1);
    }
    add_seed(buffer, fread(buffer, 1, sizeof buffer / 2, file));
    fclose(file);
}

/* A piece of one seed over, or into, a place of the data. */
static size_t splice(uint8_t *data, size_t size)
{
    const seed *from = &seeds[draw(seed_count)];
    size_t start = draw(from->size + 1), length = draw(from->size - start + 1), at = draw(size + 1);
    if (length > 64)
        length = 64;
    if (size + length > MOST_BYTES)
        return size;
    memmove(data + at + length, data + at, size - at);
    memcpy(data + at, from->data + start, length);
    return size + length;
}

/* The length of the JSON value, or of what looks like one, that begins at `at`; 0 if none does. */
static size_t value_length(const uint8_t *data, size_t size, size_t at)
{
    size_t end = at, depth = 0;
    bool quoted = false;
    if (at >= size || strchr("\"{[tfn-0123456789", data[at]) == NULL || data[at] == 0)
        return 0;
    do {
        uint8_t c = data[end++];
        if (quoted && c == '\\' && end < size)
            end++;
        else if (c == '"')
            quoted = !quoted;
        else if (!quoted)
            depth += c == '{' || c == '[' ? 1 : c == '}' || c == ']' ? (size_t)-1 : 0;
    } while (end < size && (quoted || depth > 0 ||
                            (data[at] != '"' && data[at] != '{' && data[at] != '[' &&
                             strchr(",]} ", data[end]) == NULL)));
    return end - at;
}

/* A JSON value in place of another: what keeps the text JSON and changes what it says. */
static size_t swap_value(uint8_t *data, size_t size)
{
    const seed *from = &seeds[draw(seed_count)];
    size_t at = size > 0 ? draw(size) : 0, source = from->size > 0 ? draw(from->size) : 0, out, in;
    while (at < size && value_length(data, size, at) == 0)
        at++;
    while (source < from->size && value_length(from->data, from->size, source) == 0)
        source++;
    out = value_length(data, size, at);
    in = value_length(from->data, from->size, source);
    if (out == 0 || in == 0 || size - out + in > MOST_BYTES)
        return size;
    memmove(data + at + in, data + at + out, size - at - out);
    memcpy(data + at, from->data + source, in);
    return size - out + in;
}

static size_t mutate(uint8_t *data, size_t size)
{
    static const char TELLING[] = "\"\\{}[]:,0-9eE.\n\x7f\xc3\xe2\x81\xf0 ^$*+?()|";
    size_t at = size > 0 ? draw(size) : 0, length;
    switch (draw(10)) {
    case 0:
        if (size > 0)
            data[at] ^= (uint8_t)(1u << draw(8));
        return size;
    case 1:
        if (size > 0)
            data[at] = (uint8_t)TELLING[draw(sizeof TELLING - 1)];
        return size;
    case 2: /* out with a piece */
        if (size == 0)
            return 0;
        length = 1 + draw(size - at < 16 ? size - at : 16);
        if (length > size - at)
            length = size - at;
        memmove(data + at, data + at + length, size - at - length);
        return size - length;
    case 3: /* say it twice */
        length = size > 0 ? 1 + draw(size - at) : 0;
        if (length > 64)
            length = 64;
        if (size + length > MOST_BYTES)
            return size;
        memmove(data + at + length, data + at, size - at);
        return size + length;
    case 4: return size > 0 && draw(8) == 0 ? draw(size) : size;
    case 5: return splice(data, size);
    default: return swap_value(data, size);
    }
}

int main(int argc, char **argv)
{
    static uint8_t data[MOST_BYTES];
    long runs = argc > 1 ? strtol(argv[1], NULL, 10) : 20000;
    for (size_t i = 0; fuzz_seeds[i] != NULL; i++)
        add_seed(fuzz_seeds[i], strlen(fuzz_seeds[i]));
    for (int i = 2; i < argc; i++)
        add_file(argv[i]);
    for (size_t i = 0; i < seed_count; i++)
        LLVMFuzzerTestOneInput(seeds[i].data, seeds[i].size);
    for (long i = 0; i < runs; i++) {
        const seed *from = &seeds[draw(seed_count)];
        size_t size = from->size;
        memcpy(data, from->data, size);
        for (uint64_t n = 1 + draw(6); n > 0; n--)
            size = mutate(data, size);
        LLVMFuzzerTestOneInput(data, size);
    }
    printf("%zu seeds, %ld mutations\n", seed_count, runs);
    for (size_t i = 0; i < seed_count; i++)
        free(seeds[i].data);
    return 0;
}
