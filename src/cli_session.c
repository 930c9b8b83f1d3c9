/* cli_session.c - files, the clock, and a router with memory that fits. */
#include "cli.h"
#include "number.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    MAX_WEIGHTS = 1 << 30,
    MAX_VOCABULARY = 16 << 20,
    ANSWER_READING = 1 << 20 /* room for cli_route.c to parse an answer */
};

int cli_report(const tb_error *err)
{
    fflush(stdout);
    fprintf(stderr, "error %s: %s\n", tb_status_name(err->status), err->message);
    return 1;
}

double cli_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static bool read_stream(FILE *file, const char *path, size_t limit, cli_file *out, tb_error *err)
{
    size_t room = 1 << 16, size = 0;
    uint8_t *bytes = malloc(room);
    while (bytes) {
        size += fread(bytes + size, 1, room - size, file);
        if (ferror(file)) {
            free(bytes);
            return tb_fail(err, TB_E_FILE, "cannot read %s: %s", path, strerror(errno));
        }
        if (size < room)
            break;
        if (room >= limit) {
            free(bytes);
            return tb_fail(err, TB_E_TOO_LONG, "%s is larger than %zu bytes", path, limit);
        }
        room = room * 2 < limit ? room * 2 : limit;
        uint8_t *larger = realloc(bytes, room);
        if (!larger)
            free(bytes);
        bytes = larger;
    }
    if (!bytes)
        return tb_fail(err, TB_E_NOMEM, "no memory to read %s", path);
    *out = (cli_file){bytes, size};
    return true;
}

bool cli_read(const char *path, size_t limit, cli_file *out, tb_error *err)
{
    if (!strcmp(path, "-"))
        return read_stream(stdin, "standard input", limit, out, err);
    FILE *file = fopen(path, "rb");
    if (!file)
        return tb_fail(err, TB_E_FILE, "cannot open %s: %s", path, strerror(errno));
    bool ok = read_stream(file, path, limit, out, err);
    fclose(file);
    return ok;
}

bool cli_write(const char *path, const uint8_t *bytes, size_t size, tb_error *err)
{
    size_t length = strlen(path);
    char *beside = malloc(length + 8);
    if (!beside)
        return tb_fail(err, TB_E_NOMEM, "no memory to write %s", path);
    memcpy(beside, path, length);
    memcpy(beside + length, ".XXXXXX", 8);
    int fd = mkstemp(beside);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "wb");
    bool ok = file && fwrite(bytes, 1, size, file) == size;
    if (file && fclose(file))
        ok = false;
    ok = ok && !rename(beside, path);
    if (!ok) {
        tb_fail(err, TB_E_FILE, "cannot write %s: %s", path, strerror(errno));
        if (fd >= 0)
            unlink(beside);
    }
    free(beside);
    return ok;
}

bool cli_provide(tb_arena *arena, size_t size, tb_error *err)
{
    if (arena->size >= size && arena->base) {
        tb_arena_reset(arena, 0);
        return true;
    }
    free(arena->base);
    void *memory = aligned_alloc(64, (size + 63) / 64 * 64);
    if (!memory) {
        *arena = (tb_arena){0};
        return tb_fail(err, TB_E_NOMEM, "no memory for %zu bytes", size);
    }
    tb_arena_init(arena, memory, size);
    return true;
}

/* DIR/name; the caller frees. */
static char *join(const char *dir, const char *name)
{
    size_t room = strlen(dir) + strlen(name) + 2;
    char *path = malloc(room);
    if (path)
        snprintf(path, room, "%s/%s", dir, name);
    return path;
}

static bool read_in(const char *dir, const char *name, size_t limit, cli_file *out, tb_error *err)
{
    char *path = join(dir, name);
    if (!path)
        return tb_fail(err, TB_E_NOMEM, "no memory for a path");
    bool ok = cli_read(path, limit, out, err);
    free(path);
    return ok;
}

bool cli_read_weights(const char *dir, cli_file *out, tb_error *err)
{
    tb_error first = {0};
    if (read_in(dir, "model.safetensors", MAX_WEIGHTS, out, &first))
        return true;
    if (read_in(dir, "needle.safetensors", MAX_WEIGHTS, out, err))
        return true;
    *err = first;
    return false;
}

bool cli_read_vocabulary(const char *dir, cli_file *out, tb_error *err)
{
    return read_in(dir, "vocab.txt", MAX_VOCABULARY, out, err);
}

bool cli_open(cli_session *session, const cli_options *options, tb_error *err)
{
    memset(session, 0, sizeof *session);
    cli_file weights = {0}, vocabulary = {0};
    tb_router_options how = {.numeric = strcmp(options->numeric, "exact") ? TB_FAST : TB_EXACT,
                             .kernels = options->kernels};
    double start = cli_now();
    bool ok = cli_read_weights(options->model, &weights, err) &&
              cli_read_vocabulary(options->model, &vocabulary, err);
    session->weights = weights;
    session->vocabulary = vocabulary;
    double read = cli_now();
    ok = ok && cli_provide(&session->scratch, TB_ROUTER_SCRATCH, err);
    size_t size = ok ? tb_router_size(&session->scratch, weights.bytes, weights.size, err) : 0;
    ok = size && cli_provide(&session->router_arena, size, err);
    if (ok)
        session->router = tb_router_open(&session->router_arena, weights.bytes, weights.size,
                                         (char *)vocabulary.bytes, vocabulary.size, &how, err);
    session->load_ms = cli_now() - start;
    session->open_ms = cli_now() - read;
    if (!session->router)
        cli_close(session);
    return session->router != NULL;
}

bool cli_prepare(cli_session *session, const char *tools, size_t len, bool lenient, tb_error *err)
{
    tb_arena *scratch = &session->scratch, *arena = &session->list_arena;
    const uint8_t *saved = (const uint8_t *)tools;
    bool prepared = tb_list_is_saved(saved, len);
    session->list = NULL;
    size_t room = prepared ? tb_list_load_scratch(session->router, saved, len)
                           : tb_scratch_size(session->router, NULL, len);
    if (!cli_provide(scratch, room, err))
        return false;
    size_t size = prepared ? tb_list_load_size(session->router, scratch, saved, len, err)
                           : tb_list_size(session->router, scratch, tools, len, lenient, err);
    if (!size || !cli_provide(arena, size, err))
        return false;
    session->list =
        prepared ? tb_list_load(session->router, arena, scratch, saved, len, err)
                 : tb_list_prepare(session->router, arena, scratch, tools, len, lenient, err);
    return session->list != NULL;
}

bool cli_ready(cli_session *session, size_t request_len, tb_error *err)
{
    size_t size = tb_scratch_size(session->router, session->list, request_len);
    if (!size)
        return tb_fail(err, TB_E_NOMEM, "the tool list is too large to route with");
    return cli_provide(&session->scratch, size + ANSWER_READING, err);
}

void cli_close(cli_session *session)
{
    free(session->weights.bytes);
    free(session->vocabulary.bytes);
    free(session->router_arena.base);
    free(session->list_arena.base);
    free(session->scratch.base);
    memset(session, 0, sizeof *session);
}

bool cli_min_confidence(const cli_options *options, double otherwise, double *out, tb_error *err)
{
    tb_number number;
    *out = otherwise;
    if (!options->min_confidence)
        return true;
    if (!tb_number_parse(tb_str_of(options->min_confidence), &number))
        return tb_fail(err, TB_E_OPTION, "--min-confidence is a number from 0 to 1, not \"%s\"",
                       options->min_confidence);
    *out = tb_number_double(number);
    return true;
}
