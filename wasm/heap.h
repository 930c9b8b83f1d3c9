/* heap.h - the one allocator of the wasm module: few and large blocks over memory.grow.
 *
 * The engine itself never allocates (base.h); this serves the shim and the loader, which hold a
 * model, a handful of tool lists, one scratch area and short-lived texts. First fit over a list of
 * free blocks in address order, neighbours merged. Blocks are 64-byte aligned, as the arenas want.
 * Memory is never given back to the host (wasm cannot), only reused. */
#ifndef THIMBLE_HEAP_H
#define THIMBLE_HEAP_H

#include <stddef.h>

/* `size` bytes, not cleared; NULL when the module's memory cannot grow that far. */
void *heap_alloc(size_t size);
/* Gives a block back; NULL is allowed. */
void heap_free(void *block);
/* Bytes in blocks handed out at the moment, headers included. */
size_t heap_used(void);

#endif
