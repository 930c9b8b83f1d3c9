/* needle_flat.h - tool lists in any dialect -> the flat form that Needle 1 was trained on. With
 * JSON-Schema tools as they are, it names their `properties` as an argument. */
#ifndef THIMBLE_NEEDLE_FLAT_H
#define THIMBLE_NEEDLE_FLAT_H

#include "base.h"

/* *out: `text` with every tool that is not in flat form already written as
 * {"name","description","parameters":{KEY:{"type","description","required"}}}. Taken apart:
 * OpenAI's wrapper, "inputSchema" and "input_schema", JSON-Schema objects, {KEY:"type"}. Types
 * become those of the training data (an integer is a number); allowed values are listed in the
 * description. Order is kept. Text that is no JSON list stays as it is. False: out of memory. */
bool tb_needle_flatten(tb_arena *arena, tb_str text, tb_str *out, tb_error *err);

#endif
