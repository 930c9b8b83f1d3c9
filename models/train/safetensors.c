/* safetensors.c - see safetensors.h. */
#define _GNU_SOURCE
#define JSMN_STATIC
#define JSMN_STRICT
#define JSMN_PARENT_LINKS
#include "safetensors.h"

#include <errno.h>
#include <jsmn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "util.h"

struct SafeTensors {
    const char *path;
    char *file; /* whole file; strings of the header are cut off by zeros */
    jsmntok_t *tokens;
    int token_count;
    const char *data;
    size_t data_size;
};

static char *read_file(const char *path, size_t *size) {
    FILE *f = fopen(path, "rb");
    if (!f)
        fail("cannot read %s: %s", path, strerror(errno));
    long n = fseek(f, 0, SEEK_END) ? -1 : ftell(f);
    if (n < 0 || fseek(f, 0, SEEK_SET))
        fail("cannot read %s", path);
    char *p = get_memory((size_t)n + 1);
    if (fread(p, 1, (size_t)n, f) != (size_t)n)
        fail("cannot read %s", path);
    fclose(f);
    *size = (size_t)n;
    return p;
}

/* token after the value at i */
static int skip(const SafeTensors *s, int i) {
    int end = s->tokens[i].end, k = i + 1;
    while (k < s->token_count && s->tokens[k].start < end)
        k++;
    return k;
}

static const char *text(const SafeTensors *s, int i) {
    return s->file + 8 + s->tokens[i].start;
}

/* value of a key in the object at token i; -1 if absent */
static int member(const SafeTensors *s, int i, const char *key) {
    if (i < 0 || s->tokens[i].type != JSMN_OBJECT)
        return -1;
    int end = skip(s, i);
    for (int k = i + 1; k + 1 < end; k = skip(s, k + 1))
        if (s->tokens[k].type == JSMN_STRING && !strcmp(text(s, k), key))
            return k + 1;
    return -1;
}

SafeTensors *safetensors_open(const char *path) {
    SafeTensors *s = get_memory(sizeof *s);
    *s = (SafeTensors){.path = path};
    size_t size;
    s->file = read_file(path, &size);
    uint64_t header = 0;
    if (size >= 8)
        memcpy(&header, s->file, 8);
    if (size < 8 || header > size - 8 || header > (uint64_t)100 << 20)
        fail("%s is no SafeTensors file (header length)", path);
    s->data = s->file + 8 + header;
    s->data_size = size - 8 - (size_t)header;
    jsmn_parser p;
    jsmn_init(&p);
    int n = jsmn_parse(&p, s->file + 8, (size_t)header, NULL, 0);
    if (n < 1)
        fail("%s: the header is no JSON", path);
    s->tokens = get_memory((size_t)n * sizeof *s->tokens);
    jsmn_init(&p);
    s->token_count = jsmn_parse(&p, s->file + 8, (size_t)header, s->tokens, (unsigned)n);
    if (s->token_count != n || s->tokens[0].type != JSMN_OBJECT)
        fail("%s: the header is no JSON object", path);
    /* cut strings and numbers off; what follows each is a quote, a comma or a bracket that is no
     * longer needed */
    for (int i = 0; i < n; i++)
        if (s->tokens[i].type == JSMN_STRING || s->tokens[i].type == JSMN_PRIMITIVE)
            if (s->file + 8 + s->tokens[i].end < s->data)
                s->file[8 + s->tokens[i].end] = 0;
    return s;
}

void safetensors_close(SafeTensors *s) {
    free(s->file);
    free(s->tokens);
    free(s);
}

const char *safetensors_metadata(const SafeTensors *s, const char *key) {
    int i = member(s, member(s, 0, "__metadata__"), key);
    return i < 0 || s->tokens[i].type != JSMN_STRING ? NULL : text(s, i);
}

long safetensors_integer(const SafeTensors *s, const char *key, long low, long high) {
    const char *t = safetensors_metadata(s, key);
    if (!t)
        fail("%s: metadata lack \"%s\"", s->path, key);
    char *end;
    errno = 0;
    long v = strtol(t, &end, 10);
    if (errno || end == t || *end || v < low || v > high)
        fail("%s: metadata \"%s\" is \"%s\", not an integer in %ld..%ld", s->path, key, t, low,
             high);
    return v;
}

static uint64_t number(const SafeTensors *s, int i) {
    char *end;
    errno = 0;
    unsigned long long v = s->tokens[i].type == JSMN_PRIMITIVE ? strtoull(text(s, i), &end, 10) : 0;
    if (s->tokens[i].type != JSMN_PRIMITIVE || errno || *end || *text(s, i) == '-')
        fail("%s: a data offset is no number", s->path);
    return v;
}

void safetensors_read(const SafeTensors *s, const char *name, real *out, size_t count) {
    int t = member(s, 0, name), type = member(s, t, "dtype"),
        offsets = member(s, t, "data_offsets");
    if (t < 0)
        fail("%s: tensor \"%s\" is missing", s->path, name);
    bool f32 = type >= 0 && !strcmp(text(s, type), "F32"),
         f16 = type >= 0 && !strcmp(text(s, type), "F16");
    if (!f32 && !f16)
        fail("%s: tensor \"%s\" must be F32 or F16", s->path, name);
    if (offsets < 0 || s->tokens[offsets].type != JSMN_ARRAY || s->tokens[offsets].size != 2)
        fail("%s: tensor \"%s\" has no data_offsets", s->path, name);
    uint64_t from = number(s, offsets + 1), to = number(s, offsets + 2);
    if (from > to || to > s->data_size || to - from != count * (f32 ? 4u : 2u))
        fail("%s: tensor \"%s\" should have %zu elements", s->path, name, count);
    const char *p = s->data + from;
    for (size_t i = 0; i < count; i++) {
        if (f32) {
            float x;
            memcpy(&x, p + 4 * i, 4);
            out[i] = (real)x;
        } else {
            _Float16 x;
            memcpy(&x, p + 2 * i, 2);
            out[i] = (real)(float)x;
        }
    }
}

static void write_header(FILE *f, const MetadataItem *metadata, int metadata_count,
                         const TensorItem *tensors, int tensor_count) {
    char *json;
    size_t size;
    FILE *h = open_memstream(&json, &size);
    if (!h)
        fail("out of memory");
    fputs("{\"__metadata__\":{", h);
    for (int i = 0; i < metadata_count; i++)
        fprintf(h, "%s\"%s\":\"%s\"", i ? "," : "", metadata[i].key, metadata[i].value);
    fputc('}', h);
    size_t at = 0;
    for (int i = 0; i < tensor_count; i++) {
        const TensorItem *t = &tensors[i];
        size_t bytes = 4 * (size_t)t->rows * (size_t)t->columns;
        fprintf(h, ",\"%s\":{\"dtype\":\"F32\",\"shape\":[", t->name);
        if (t->dims == 2)
            fprintf(h, "%d,", t->rows);
        fprintf(h, "%d],\"data_offsets\":[%zu,%zu]}", t->columns, at, at + bytes);
        at += bytes;
    }
    fputc('}', h);
    fclose(h);
    uint64_t padded = (size + 7) & ~(uint64_t)7; /* spaces, so that the data are aligned */
    fwrite(&padded, 8, 1, f);
    fprintf(f, "%s%*s", json, (int)(padded - size), "");
    free(json);
}

static void write_reals(FILE *f, const real *p, size_t n) {
    float buffer[4096];
    while (n) {
        size_t k = n < 4096 ? n : 4096;
        for (size_t i = 0; i < k; i++)
            buffer[i] = (float)p[i];
        fwrite(buffer, 4, k, f);
        p += k;
        n -= k;
    }
}

int safetensors_write(const char *path, const MetadataItem *metadata, int metadata_count,
                      const TensorItem *tensors, int tensor_count) {
    char temporary[4096];
    if (snprintf(temporary, sizeof temporary, "%s.tmp", path) >= (int)sizeof temporary)
        fail("path too long: %s", path);
    FILE *f = fopen(temporary, "wb");
    if (!f) {
        fprintf(stderr, "warning: cannot write %s: %s\n", temporary, strerror(errno));
        return -1;
    }
    write_header(f, metadata, metadata_count, tensors, tensor_count);
    for (int i = 0; i < tensor_count; i++)
        write_reals(f, tensors[i].data, (size_t)tensors[i].rows * (size_t)tensors[i].columns);
    bool bad = ferror(f) || fflush(f) || fsync(fileno(f));
    if (fclose(f) || bad || rename(temporary, path)) {
        fprintf(stderr, "warning: cannot write %s: %s\n", path, strerror(errno));
        return -1;
    }
    return 0;
}
