/* checkpoint.c - see checkpoint.h. */
#include "checkpoint.h"

#include <stdio.h>
#include <stdlib.h>

#include "safetensors.h"

static Config read_config(const SafeTensors *s, const char *path) {
    const char *format = safetensors_metadata(s, "format"),
               *theta = safetensors_metadata(s, "rope_theta");
    if (!format || strcmp(format, "thimble1"))
        fail("%s: metadata \"format\" must be \"thimble1\"", path);
    Config c = {.vocab = (int)safetensors_integer(s, "vocab_size", 1, 65536),
                .d = (int)safetensors_integer(s, "d_model", 1, 4096),
                .heads = (int)safetensors_integer(s, "num_heads", 1, 256),
                .kv_heads = (int)safetensors_integer(s, "num_kv_heads", 1, 256),
                .encoder_layers = (int)safetensors_integer(s, "num_encoder_layers", 1, 64),
                .decoder_layers = (int)safetensors_integer(s, "num_decoder_layers", 1, 64),
                .rope_theta = theta ? atof(theta) : 10000};
    if (!(c.rope_theta >= 1 && c.rope_theta <= 1e9))
        fail("%s: metadata \"rope_theta\" is out of range", path);
    return c;
}

static long optional_integer(const SafeTensors *s, const char *key) {
    return safetensors_metadata(s, key) ? safetensors_integer(s, key, 0, 1L << 60) : 0;
}

static void load(const char *path, Model *m, Progress *p, bool resume) {
    SafeTensors *s = safetensors_open(path);
    model_make(m, read_config(s, path));
    for (int i = 0; i < m->tensor_count; i++)
        safetensors_read(s, m->tensors[i].name, m->master + m->tensors[i].offset,
                         m->tensors[i].count);
    const char *name = safetensors_metadata(s, "name");
    *p = (Progress){0};
    snprintf(p->name, sizeof p->name, "%s", name ? name : "thimble1");
    p->base_examples = optional_integer(s, resume ? "base_examples" : "trained_examples");
    if (resume) {
        p->examples = safetensors_integer(s, "examples", 0, 1L << 60);
        p->seed = (uint64_t)safetensors_integer(s, "seed", 0, 1L << 60);
        p->epoch = safetensors_integer(s, "epoch", 0, 1L << 60);
        p->next = (size_t)safetensors_integer(s, "next", 0, 1L << 60);
        p->groups = (size_t)safetensors_integer(s, "groups", 0, 1L << 60);
    }
    safetensors_close(s);
}

static const char *state_path(const char *path, char *buffer, size_t size) {
    if (snprintf(buffer, size, "%s.opt", path) >= (int)size)
        fail("path too long: %s", path);
    return buffer;
}

void checkpoint_load(const char *path, Model *m, Progress *p) {
    load(path, m, p, false);
}

void checkpoint_load_model_to_resume(const char *path, Model *m, Progress *p) {
    char state[4096];
    load(state_path(path, state, sizeof state), m, p, true);
}

static void moment_name(char *out, size_t size, const char *prefix, const Tensor *t) {
    snprintf(out, size, "%s.%s", prefix, t->name);
}

void checkpoint_resume(const char *path, Trainer *t) {
    char state[4096], name[112];
    SafeTensors *s = safetensors_open(state_path(path, state, sizeof state));
    const Model *m = t->model;
    t->step = safetensors_integer(s, "step", 0, 1L << 60);
    for (int i = 0; i < m->tensor_count; i++) {
        const Tensor *x = &m->tensors[i];
        moment_name(name, sizeof name, "momentum", x);
        safetensors_read(s, name, t->momentum + x->offset, x->count);
        if (x->kind == MATRIX)
            continue;
        moment_name(name, sizeof name, "square", x);
        safetensors_read(s, name, t->square + x->offset, x->count);
    }
    safetensors_close(s);
}

static int add_item(MetadataItem *m, int n, const char *key, long value) {
    m[n].key = key;
    snprintf(m[n].value, sizeof m[n].value, "%ld", value);
    return n + 1;
}

static int add_text(MetadataItem *m, int n, const char *key, const char *value) {
    m[n].key = key;
    snprintf(m[n].value, sizeof m[n].value, "%s", value);
    return n + 1;
}

static TensorItem tensor_item(const Tensor *t, const real *flat) {
    TensorItem x = {
        .rows = t->rows, .columns = t->columns, .dims = t->dims, .data = flat + t->offset};
    return x;
}

void checkpoint_save(const char *path, const Trainer *t, const Progress *p) {
    const Model *m = t->model;
    const Config *c = &m->config;
    MetadataItem meta[24];
    char theta[32], state[4096];
    int n = 0;
    snprintf(theta, sizeof theta, "%.17g", c->rope_theta);
    n = add_text(meta, n, "format", "thimble1");
    n = add_text(meta, n, "name", p->name);
    n = add_item(meta, n, "d_model", c->d);
    n = add_item(meta, n, "num_heads", c->heads);
    n = add_item(meta, n, "num_kv_heads", c->kv_heads);
    n = add_item(meta, n, "num_encoder_layers", c->encoder_layers);
    n = add_item(meta, n, "num_decoder_layers", c->decoder_layers);
    n = add_item(meta, n, "vocab_size", c->vocab);
    n = add_text(meta, n, "rope_theta", theta);
    n = add_item(meta, n, "trained_examples", p->base_examples + p->examples);
    n = add_item(meta, n, "step", t->step);

    TensorItem *items = get_memory((size_t)(3 * m->tensor_count) * sizeof *items);
    int k = 0;
    for (int i = 0; i < m->tensor_count; i++) {
        items[k] = tensor_item(&m->tensors[i], m->master);
        snprintf(items[k++].name, sizeof items[0].name, "%s", m->tensors[i].name);
    }
    safetensors_write(path, meta, n, items, k);

    for (int i = 0; i < m->tensor_count; i++) {
        items[k] = tensor_item(&m->tensors[i], t->momentum);
        moment_name(items[k++].name, sizeof items[0].name, "momentum", &m->tensors[i]);
        if (m->tensors[i].kind == MATRIX)
            continue;
        items[k] = tensor_item(&m->tensors[i], t->square);
        moment_name(items[k++].name, sizeof items[0].name, "square", &m->tensors[i]);
    }
    n = add_item(meta, n, "base_examples", p->base_examples);
    n = add_item(meta, n, "examples", p->examples);
    n = add_item(meta, n, "seed", (long)p->seed);
    n = add_item(meta, n, "epoch", p->epoch);
    n = add_item(meta, n, "next", (long)p->next);
    n = add_item(meta, n, "groups", (long)p->groups);
    safetensors_write(state_path(path, state, sizeof state), meta, n, items, k);
    free(items);
}
