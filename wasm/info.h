/* info.h - the open model and the module's memory in figures, as JSON for Router.info. */
#ifndef THIMBLE_INFO_H
#define THIMBLE_INFO_H

#include "model.h"

typedef struct {
    size_t model, scratch, used; /* bytes: the model's arena, the scratch arena, everything */
} info_memory;

/* Writes {"abi","model","format","kernels","numeric","sizes":{..},"memory":{..}} into out[0..room).
 * TB_E_NOMEM if it does not fit: 2048 bytes do for any name of up to 1000. */
bool info_write(const tb_model *model, const info_memory *memory, char *out, size_t room,
                tb_str *json, tb_error *err);

#endif
