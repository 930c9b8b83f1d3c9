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
    double min_confidence; /* below which the model's makers advise to make no call */
    double none_above;    /* no call is made where "none fits" is likelier than this, be a tool likelier still */
};

struct tb_list {
    tb_str text; /* the tools as JSON, for saving */
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
    const tb_list *list;  /* the tools to decide among */
    const tb_list *whole; /* the caller's: `list`, or more (shortlist.c) */
    float *match;    /* NULL, or (whole->count + 1): how well each tool fits (shortlist.c) */
    uint32_t *which; /* and (list->count): where the tools of `list` stand in `whole` */
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
    bool begun; /* the first step is taken and scored */
    bool finished;
};

/* 64-bit mix of bytes, for noticing that they are others; no protection against malice. */
uint64_t tb_fingerprint(const uint8_t *bytes, size_t len);

/* Scratch bytes for preparing or loading a list from `len` bytes. */
size_t tb_list_scratch(const tb_router *router, size_t len);

/* Encodes the request against the tools of `list`, and makes ready to decide. */
tb_route *tb_route_open(const tb_router *router, const tb_list *list, tb_arena *scratch,
                        const tb_query *query, const tb_route_options *options,
                        const tb_grammar_options *grammar, tb_error *err);
/* The first step, which deciding and ranking share: scores of the tools in order, then of END. */
bool tb_route_first(tb_route *route, tb_error *err);

/* Lists longer than this are narrowed before deciding, which is righter than deciding among all
 * (models/RESULTS.md). */
enum { TB_WHOLE_LIST = 12 };
/* tb_route_open over the tools of a long list that fit best. */
tb_route *tb_shortlist_open(const tb_router *router, const tb_list *list, tb_arena *scratch,
                            const tb_query *query, const tb_route_options *options,
                            const tb_grammar_options *grammar, tb_error *err);
/* Once the first step is taken: (whole->count + 1) logits for tb_rank_write. The tools decided among
 * have their scores, the others follow below them in the order of `match`; spoils that. */
float *tb_shortlist_rank(const tb_route *route);
/* Scratch bytes of both, without the routes'. */
size_t tb_shortlist_bytes(size_t count);

/* Writes the answer of a decided route; the k best tools by `scores`, (whole->count + 1) logits in
 * the list's order, the last for "none"; spoils them. */
bool tb_answer_write(tb_route *route, tb_str *answer, tb_error *err);
bool tb_rank_write(tb_route *route, float *scores, unsigned k, tb_str *answer, tb_error *err);

#endif
