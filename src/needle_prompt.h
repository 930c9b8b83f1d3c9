/* needle_prompt.h - the texts that Needle 1 reads and writes (spec of Needle 1, 3): tool lists with
 * names in snake case, answers with the caller's names back in. */
#ifndef THIMBLE_NEEDLE_PROMPT_H
#define THIMBLE_NEEDLE_PROMPT_H

#include "base.h"

enum { TB_NEEDLE_TOOLS = 4096 };

/* A name as the model knows it, and the caller's. */
typedef struct {
    tb_str snake, name;
} tb_needle_name;

/* What the constraint knows of a tool: its name (snake case, not empty) and the keys of those of
 * its parameters that are objects. */
typedef struct {
    tb_str name;
    const tb_str *keys;
    uint32_t key_count;
    bool keyed; /* its `parameters` are an object, or missing */
} tb_needle_tool;

typedef struct {
    tb_str text;                 /* what the encoder reads */
    const tb_needle_name *names; /* snake names differ; may be empty */
    uint32_t name_count;
    const tb_needle_tool *tools; /* in the order of the list */
    uint32_t tool_count;
} tb_needle_tools;

/* getWeather -> get_weather. `out` has room for 2 * name.len bytes; returns the length, 0 for a
 * name without ASCII letters and digits. */
size_t tb_snake_case(tb_str name, char *out);

/* Reads a tool list. Text that is no JSON is taken as it is, with no names, as the original program
 * does. `flat` turns JSON-Schema tools and OpenAI's wrapper into the form that the model was
 * trained on: {"name","description","parameters":{KEY:{"type","description","required"}}}, allowed
 * values as words in the description; tools in that form already stay as they are. The result lives
 * in `arena` and in `text`. TB_E_TOOLS: no UTF-8, a list that is a number, boolean or null, a name
 * that is no string or has half a surrogate pair. */
bool tb_needle_tools_read(tb_arena *arena, tb_str text, bool flat, tb_needle_tools *out,
                          tb_error *err);

/* The answer from the decoded text: a leading <tool_call> is cut; where tools have names, JSON is
 * written anew with the caller's names, and in anything else the names are replaced wherever they
 * occur, the longest first. A name that snake case leaves empty is not replaced. */
bool tb_needle_restore(tb_arena *arena, tb_str raw, const tb_needle_tools *tools, tb_str *out,
                       tb_error *err);

#endif
