/* heap.c - first-fit allocator over the module's linear memory. */
#include "heap.h"

#include <stdbool.h>
#include <stdint.h>

enum { UNIT = 64, PAGE = 65536 };

/* Stands in the UNIT before every block, so that the block itself is UNIT-aligned. */
typedef struct header {
    size_t size; /* of the whole block with its header; a multiple of UNIT */
    struct header *next;
} header;

extern unsigned char __heap_base; /* set by the linker: end of stack and data */

static header *free_list; /* in address order, no two neighbours touching */
static uintptr_t top;     /* everything from here to the end of memory is untouched */
static size_t used;

static uintptr_t memory_end(void)
{
    return (uintptr_t)__builtin_wasm_memory_size(0) * PAGE;
}

/* `size` fresh bytes at the top, growing the memory by what is missing. */
static header *extend(size_t size)
{
    header *block;
    if (top == 0)
        top = ((uintptr_t)&__heap_base + UNIT - 1) / UNIT * UNIT;
    if (size > UINTPTR_MAX - top - PAGE)
        return NULL;
    if (top + size > memory_end()) {
        size_t pages = (top + size - memory_end() + PAGE - 1) / PAGE;
        if (__builtin_wasm_memory_grow(0, pages) == SIZE_MAX)
            return NULL;
    }
    block = (header *)top;
    block->size = size;
    top += size;
    return block;
}

/* Takes a free block of at least `size` bytes out of the list and leaves what is over in its
 * place. */
static header *reuse(size_t size)
{
    for (header **link = &free_list; *link != NULL; link = &(*link)->next) {
        header *block = *link;
        if (block->size < size)
            continue;
        if (block->size - size >= 2 * UNIT) {
            header *rest = (header *)((uintptr_t)block + size);
            rest->size = block->size - size;
            rest->next = block->next;
            block->size = size;
            *link = rest;
        } else {
            *link = block->next;
        }
        return block;
    }
    return NULL;
}

void *heap_alloc(size_t size)
{
    header *block;
    if (size > SIZE_MAX - 2 * UNIT)
        return NULL;
    size = (size + 2 * UNIT - 1) / UNIT * UNIT; /* header and rounding up */
    block = reuse(size);
    if (block == NULL)
        block = extend(size);
    if (block == NULL)
        return NULL;
    used += block->size;
    return (unsigned char *)block + UNIT;
}

static bool touches(const header *a, const header *b)
{
    return (uintptr_t)a + a->size == (uintptr_t)b;
}

void heap_free(void *memory)
{
    header *block, *before = NULL, **link = &free_list;
    if (memory == NULL)
        return;
    block = (header *)((uintptr_t)memory - UNIT);
    used -= block->size;
    while (*link != NULL && *link < block) {
        before = *link;
        link = &(*link)->next;
    }
    block->next = *link;
    *link = block;
    if (block->next != NULL && touches(block, block->next)) {
        block->size += block->next->size;
        block->next = block->next->next;
    }
    if (before != NULL && touches(before, block)) {
        before->size += block->size;
        before->next = block->next;
        block = before;
    }
    if (block->next == NULL && (uintptr_t)block + block->size == top) {
        /* The last block goes back to the untouched rest, so that a larger one fits there. */
        for (link = &free_list; *link != block; link = &(*link)->next)
            ;
        *link = NULL;
        top = (uintptr_t)block;
    }
}

size_t heap_used(void)
{
    return used;
}
