/* cli.h - what the files of the command line share: options, files, and a model ready to route. */
#ifndef THIMBLE_CLI_H
#define THIMBLE_CLI_H

#include "json.h"
#include "router.h"

#include <stdio.h>

typedef struct {
    const char *model;   /* DIR with model.safetensors (or needle.safetensors) and vocab.txt */
    const char *tools;   /* FILE, "-" for standard input */
    const char *output;  /* FILE */
    const char *numeric; /* "fast" or "exact" */
    const char *kernels; /* NULL: the best */
    const char *grammar; /* needle1: "strict" or "needle1" */
    const char *encoder; /* "2,5,7" */
    const char *decoder;
    const char *min_confidence; /* NULL: the model's (route), 0 (batch) */
    bool openai;    /* calls in OpenAI's form */
    bool time;      /* also print the time */
    bool decisions; /* batch: also the positions chosen */
    bool lenient;
    const char *text[1]; /* what is no option */
    int texts;
} cli_options;

typedef struct {
    uint8_t *bytes;
    size_t size;
} cli_file;

/* A router with its arenas; scratch and list grow as needed. */
typedef struct {
    cli_file weights, vocabulary;
    tb_arena router_arena, list_arena, scratch;
    tb_router *router;
    tb_list *list;
    double load_ms, open_ms; /* from the files, and of that from bytes in memory, to ready */
} cli_session;

/* Prints "error CODE: message" to stderr; returns 1, the exit status. */
int cli_report(const tb_error *err);

/* Reads a whole file ("-": standard input), at most `limit` bytes; the caller frees bytes. */
bool cli_read(const char *path, size_t limit, cli_file *out, tb_error *err);
/* Writes a file beside its place and renames it: it is there whole or not at all. */
bool cli_write(const char *path, const uint8_t *bytes, size_t size, tb_error *err);

/* Milliseconds of a steady clock. */
double cli_now(void);

/* Empties an arena and makes it at least `size` bytes large. */
bool cli_provide(tb_arena *arena, size_t size, tb_error *err);

/* --min-confidence, or `otherwise` where it was not given. */
bool cli_min_confidence(const cli_options *options, double otherwise, double *out, tb_error *err);

bool cli_open(cli_session *session, const cli_options *options, tb_error *err);
/* Replaces the session's list by these tools (JSON text or the bytes of a prepared list). */
bool cli_prepare(cli_session *session, const char *tools, size_t len, bool lenient, tb_error *err);
/* Empties the scratch arena and makes it large enough for a request. */
bool cli_ready(cli_session *session, size_t request_len, tb_error *err);
void cli_close(cli_session *session);

/* The folder's weights (model.safetensors, else needle.safetensors) and vocab.txt; the caller
 * frees. */
bool cli_read_weights(const char *dir, cli_file *out, tb_error *err);
bool cli_read_vocabulary(const char *dir, cli_file *out, tb_error *err);

/* The spelling of a node's value in the text that was parsed. */
tb_str cli_value_text(tb_str text, const tb_json_node *node);
/* Prints the calls in array `calls` of the parsed text: {"name","arguments"} of each, or OpenAI's
 * tool_calls. */
void cli_print_calls(tb_str text, const tb_json *json, uint32_t calls, bool openai);

/* A line of batch; texts are valid during the call. */
typedef struct {
    tb_str id, query, tools; /* id and tools as JSON, query decoded */
} cli_line;
typedef bool (*cli_line_handler)(void *context, const cli_line *line, tb_error *err);
/* Hands every line of standard input over; what is wrong with one is printed as its answer. */
bool cli_each_line(cli_line_handler handle, void *context, tb_error *err);

/* Whether the model is Needle 1's, and its commands. */
bool cli_is_needle(const cli_options *options, bool *needle, tb_error *err);
bool cli_needle_route(const cli_options *options, tb_str tools, tb_error *err);
bool cli_needle_batch(const cli_options *options, tb_error *err);

/* The commands; each returns the exit status. */
int cli_route(const cli_options *options);
int cli_batch(const cli_options *options);
int cli_prepare_command(const cli_options *options);
int cli_tokens(const cli_options *options);
int cli_forward(const cli_options *options);
int cli_inspect(const cli_options *options);
int cli_bench(const cli_options *options);

#endif
