/* router.h - the engine's front door: a model, a list of tools, a request in; calls out as JSON.
 *
 *     size_t model_bytes = tb_router_size(...);             for model_arena
 *     router = tb_router_open(&model_arena, ...);
 *     size_t list_bytes = tb_list_size(router, ...);        for list_arena
 *     list = tb_list_prepare(router, &list_arena, ...);     reads and encodes the tools
 *     route = tb_route_begin(router, list, &scratch, ...);  encodes the request
 *     ok = tb_route_finish(route, &answer, &err);           decodes
 *
 * Memory: three kinds of arena, all the caller's. The router's holds the model; weights and
 * vocabulary must stay as they are while the router is used (the embedding is read in place). A
 * list's holds what its tools contribute; any number of lists may live at once. The scratch arena
 * is used by one call at a time; tb_route_begin() leaves the route and its answer in it, valid
 * until the caller resets it. Not thread-safe: one router, one thread at a time.
 *
 * Promise: any bytes as weights, vocabulary, prepared list, tools or request give a result or an
 * error code: no access outside the buffers, no endless loop, no memory beyond the arenas. An
 * answer is complete JSON, its calls validate against their schemas, and every string argument that
 * is no enum stands in the request. The same input gives the same bytes in every build. */
#ifndef THIMBLE_ROUTER_H
#define THIMBLE_ROUTER_H

#include "base.h"
#include "model.h"
#include "tokenizer.h"

/* Raised when a function here changes its meaning; the wasm loader compares it with its own. */
#define TB_ABI 2u

typedef struct tb_router tb_router;
typedef struct tb_list tb_list;
typedef struct tb_route tb_route;

typedef struct {
    tb_numeric numeric;  /* TB_FAST (INT8 activations) or TB_EXACT (f32) */
    const char *kernels; /* NULL: the best this machine runs; else a name of kernels.h */
} tb_router_options;

typedef enum { TB_CHOICE_AUTO, TB_CHOICE_REQUIRED, TB_CHOICE_NONE, TB_CHOICE_TOOL } tb_tool_choice;

typedef struct {
    unsigned max_calls;         /* 1..8; 0 means 8 */
    tb_tool_choice tool_choice; /* REQUIRED: at least one call. TOOL: only `tool` may be called */
    tb_str tool;                /* the caller's name, for TB_CHOICE_TOOL */
    bool decisions;             /* also write the position chosen at every step */
    double min_confidence;      /* 0..1: an answer less sure makes no call; 0: every answer counts. With
                                 * REQUIRED and TOOL it is not looked at */
} tb_route_options;

enum { TB_ROUTER_SCRATCH = 320 << 10 };

/* Bytes that tb_router_open() takes from its arena for these weights (0 and an error if they are
 * no model): the file's header is read, its tensors are not. Needs TB_ROUTER_SCRATCH of scratch. */
size_t tb_router_size(tb_arena *scratch, const uint8_t *weights, size_t weights_len, tb_error *err);
tb_router *tb_router_open(tb_arena *arena, const uint8_t *weights, size_t weights_len,
                          const char *vocabulary, size_t vocabulary_len,
                          const tb_router_options *options, tb_error *err);
/* The min_confidence that the weight file advises; 0 if none. */
double tb_router_min_confidence(const tb_router *router);
const tb_model *tb_router_model(const tb_router *router);
const tb_tokenizer *tb_router_tokenizer(const tb_router *router);

/* Scratch bytes that suffice for a request of `len` bytes with `list`, or, with list NULL, for
 * preparing or loading a list from `len` bytes. 0: there cannot be that much. */
size_t tb_scratch_size(const tb_router *router, const tb_list *list, size_t len);

/* tools: JSON text, any dialect of schema.h. lenient: unsupported schema keywords are ignored.
 * tb_list_size: bytes that tb_list_prepare() will take from the list's arena; 0 and an error if
 * the tools are refused. */
size_t tb_list_size(const tb_router *router, tb_arena *scratch, const char *tools, size_t tools_len,
                    bool lenient, tb_error *err);
tb_list *tb_list_prepare(const tb_router *router, tb_arena *arena, tb_arena *scratch,
                         const char *tools, size_t tools_len, bool lenient, tb_error *err);
size_t tb_list_count(const tb_list *list);

/* Prepared lists as bytes, to ship with an app. They fit the model they were made with (its hash
 * is inside; another gives TB_E_FORMAT) and hold a checksum. */
bool tb_list_is_saved(const uint8_t *bytes, size_t len); /* whether they begin like a saved list */
size_t tb_list_saved_size(const tb_list *list);
void tb_list_save(const tb_list *list, uint8_t *out);
/* What tb_list_load_size() and tb_list_load() need as scratch for these bytes. */
size_t tb_list_load_scratch(const tb_router *router, const uint8_t *saved, size_t len);
size_t tb_list_load_size(const tb_router *router, tb_arena *scratch, const uint8_t *saved,
                         size_t len, tb_error *err);
tb_list *tb_list_load(const tb_router *router, tb_arena *arena, tb_arena *scratch,
                      const uint8_t *saved, size_t len, tb_error *err);

/* Reads the request and encodes it against the list; one of more than 12 tools is first narrowed to
 * the 8 that fit best (with tool_choice TB_CHOICE_TOOL it is not). NULL and an error if it is
 * empty, not UTF-8 or too long, or an option is out of range. */
tb_route *tb_route_begin(const tb_router *router, const tb_list *list, tb_arena *scratch,
                         const char *request, size_t len, const tb_route_options *options,
                         tb_error *err);
/* Decides and writes the answer:
 *   {"calls":[{"name","arguments","confidence","details":[{"path":[..],"span":[s,e]|null,"confidence"}]}],
 *    "abstained":bool,"stop":"end"|"length","confidence":p,     of what was decided, also where
 *                                                              options.min_confidence left it out
 *    "incomplete":[{"name","missing":[["path"],..]}],
 *    "usage":{"promptTokens","decisions","forced"},"ignored":[..],
 *    "steps":[..] with options.decisions; END is -1}
 * Spans are bytes of the request, one [s,e] per item for arrays; confidences 0..1, 6 digits. */
bool tb_route_finish(tb_route *route, tb_str *answer, tb_error *err);
/* The k tools of the list that the model finds most fitting, best first:
 * {"tools":[{"name","score"}]}, scores softmax over the list and "none". After tb_route_begin(). */
bool tb_route_rank(tb_route *route, unsigned k, tb_str *answer, tb_error *err);

#endif
