/* shared.h - what both wasm modules have in common: the state behind the exports that do not depend
 * on the model's format (shared.c exports them), and helpers for those that do (shim.c, needle1.c).
 *
 * Conventions, for the loader in js/engine.ts:
 *   - A pointer is an offset in the module's memory. Texts are UTF-8 with a length, not terminated.
 *   - Buffers that the loader passes in are its own: thimble_alloc() before, thimble_free() after.
 *   - A function that can fail returns 0 (or a handle > 0), or minus a tb_status; the sentence then
 *     stands at thimble_message()[0..thimble_message_length()).
 *   - An answer stands at thimble_output()[0..thimble_output_length()) until the next call.
 *   - One model per instance; lists are handles, valid until released. One call at a time.
 * Any call may grow the memory: views of it must be made anew after each. */
#ifndef THIMBLE_SHARED_H
#define THIMBLE_SHARED_H

#include "heap.h"
#include "info.h"
#include "router.h"

enum { INFO_ROOM = 2048 };

typedef struct {
    uint8_t *model, *scratch;
    size_t model_bytes, scratch_bytes;
    tb_arena scratch_arena;
    void *held; /* a block that the output lies in, until the next call */
    tb_error error;
    tb_str output;
    char info[INFO_ROOM];
} shim_state;

extern shim_state shim;

/* Forgets error and output of the call before. */
void begin_call(void);
/* Minus the status of the error. */
int failed(void);
/* heap_alloc() with an error. */
void *take(size_t bytes, const char *what);
/* An empty scratch arena of at least `bytes`; what an earlier call left in it is gone. */
bool ready_scratch(size_t bytes);
/* Whether a model is open, or none yet; else an error. */
bool is_open(void);
bool is_free(void);
/* The model's memory, as an arena. */
bool take_model(size_t bytes, tb_arena *arena);
void drop_model(void);
/* info.h, into the output; 0 or an error. */
int write_info(const tb_model *model);

#endif
