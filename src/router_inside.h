/* router_inside.h - what router.c, list.c and answer.c share; nobody else includes it. */
#ifndef THIMBLE_ROUTER_INSIDE_H
#define THIMBLE_ROUTER_INSIDE_H

#include "grammar.h"
#include "router.h"

struct tb_router {
    tb_model *model;
    tb_tokenizer tokenizer;
    uint64_t fingerprint; /* of the weight file */
    double calibration;   /* exponent that makes a product of probabilities a confidence */
};

struct tb_list {
    tb_str text; /* the tools as JSON; names and descriptions lie in it */
    bool lenient;
    tb_tools *tools;
    tb_segment *segments; /* (count): token rows and anchors */
    tb_encoded *encoded;  /* (count): what the encoder made of them */
    uint32_t **kept;      /* (count): the anchor rows, ascending, encoded[i].kept of them */
    size_t *block_floats; /* (count): size of each tool's block */
    uint64_t fingerprint; /* of the weights it was made with */
    uint32_t count;
    size_t rows; /* of all tools */
};

struct tb_route {
    const tb_router *router;
    const tb_list *list;
    tb_arena *scratch;
    tb_route_options options;
    tb_query query;
    tb_encoded encoded;          /* of the request */
    const tb_encoded **segments; /* (1 + list->count): the request, then the tools */
    tb_grammar *grammar;
    tb_decoder *decoder;
    tb_place *places;   /* (room): of the positions allowed */
    float *scores;      /* (room) */
    float *probability; /* (TB_MAX_DECISIONS): of each decision; 1 if it was forced */
    int32_t *steps;     /* (TB_MAX_DECISIONS): positions chosen */
    uint32_t forced;
    bool begun; /* the first step is taken and, unless forced, scored */
    bool finished;
};

/* 64-bit mix of bytes, for noticing that they are others; no protection against malice. */
uint64_t tb_fingerprint(const uint8_t *bytes, size_t len);

/* Scratch bytes for preparing or loading a list from `len` bytes. */
size_t tb_list_scratch(const tb_router *router, size_t len);

/* Writes the answer of a decided route; the k best first choices by route->scores. */
bool tb_answer_write(tb_route *route, tb_str *answer, tb_error *err);
bool tb_rank_write(tb_route *route, unsigned k, tb_str *answer, tb_error *err);

#endif
