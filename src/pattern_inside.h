/* pattern_inside.h - the program that a pattern becomes; between pattern.c, which makes it, and
 * pattern_match.c, which runs it; nobody else includes it. */
#ifndef THIMBLE_PATTERN_INSIDE_H
#define THIMBLE_PATTERN_INSIDE_H

#include "pattern.h"

typedef enum {
    CHAR,  /* character `arg` */
    ANY,   /* any character but a line end */
    CLASS, /* class `arg` */
    SPLIT, /* go on at both +arg and +other */
    JUMP,  /* go on at +arg */
    TEXT_START,
    TEXT_END,
    WORD_EDGE,
    NO_WORD_EDGE,
    MATCH
} opcode;

typedef struct {
    int32_t op;
    int32_t arg, other;
} instruction;

/* One part of a class: a range, or (set != 0) what the escape \<set> stands for. */
typedef struct {
    uint32_t low, high;
    char set;
} class_item;

typedef struct {
    uint16_t first, count;
    bool negated;
} char_class;

struct tb_pattern {
    instruction *program;
    class_item *items;
    char_class *classes;
    int32_t length;
};

#endif
