/* safetensors.h - reading and writing SafeTensors files: 8 bytes little-endian header length, JSON
 * header, data. */
#ifndef THIMBLE_SAFETENSORS_H
#define THIMBLE_SAFETENSORS_H

#include <stddef.h>

#include "vec.h"

typedef struct SafeTensors SafeTensors;

/* Reads the whole file; fails on anything malformed (lengths, offsets, JSON, types other than F32
 * and F16 are only refused when read). */
SafeTensors *safetensors_open(const char *path);
void safetensors_close(SafeTensors *s);
/* Value of a string in __metadata__, as it stands in the JSON (escapes kept); null if absent. */
const char *safetensors_metadata(const SafeTensors *s, const char *key);
/* An integer in the metadata; fails if absent or out of low..high. */
long safetensors_integer(const SafeTensors *s, const char *key, long low, long high);
/* Copies an F32 or F16 tensor of exactly `count` elements; fails if it is missing or has another
 * type or size. */
void safetensors_read(const SafeTensors *s, const char *name, real *out, size_t count);

typedef struct {
    const char *key;
    char value[256];
} MetadataItem;

typedef struct {
    char name[112];
    int rows, columns, dims;
    const real *data;
} TensorItem;

/* Writes F32 tensors to PATH.tmp and renames. Returns 0, or -1 after a warning on stderr (training
 * goes on). */
int safetensors_write(const char *path, const MetadataItem *metadata, int metadata_count,
                      const TensorItem *tensors, int tensor_count);

#endif
