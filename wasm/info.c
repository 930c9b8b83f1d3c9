/* info.c - figures about model and memory as JSON. */
#include "info.h"

#include "json.h"
#include "router.h"

static void name(tb_json_writer *w, const char *separator, const char *key)
{
    tb_json_raw(w, separator);
    tb_json_string(w, tb_str_of(key));
    tb_json_raw(w, ":");
}

static void text(tb_json_writer *w, const char *separator, const char *key, tb_str value)
{
    name(w, separator, key);
    tb_json_string(w, value);
}

static void number(tb_json_writer *w, const char *separator, const char *key, size_t value)
{
    name(w, separator, key);
    tb_json_int(w, (int64_t)value);
}

bool info_write(const tb_model *model, const info_memory *memory, char *out, size_t room,
                tb_str *json, tb_error *err)
{
    const tb_config *c = tb_model_config(model);
    tb_json_writer w = {out, 0, room, false};
    number(&w, "{", "abi", TB_ABI);
    text(&w, ",", "model", c->name);
    text(&w, ",", "format", tb_str_of(c->format == TB_THIMBLE1 ? "thimble1" : "needle1"));
    text(&w, ",", "kernels", tb_str_of(tb_model_kernels(model)->name));
    text(&w, ",", "numeric", tb_str_of(tb_model_numeric(model) == TB_EXACT ? "exact" : "fast"));
    name(&w, ",", "sizes");
    number(&w, "{", "dModel", c->d_model);
    number(&w, ",", "heads", c->heads);
    number(&w, ",", "kvHeads", c->kv_heads);
    number(&w, ",", "encoderLayers", c->encoder_layers);
    number(&w, ",", "decoderLayers", c->decoder_layers);
    number(&w, ",", "vocabulary", c->vocab_size);
    tb_json_raw(&w, "}");
    name(&w, ",", "memory");
    number(&w, "{", "model", memory->model);
    number(&w, ",", "scratch", memory->scratch);
    number(&w, ",", "used", memory->used);
    tb_json_raw(&w, "}}");
    return tb_json_writer_end(&w, json, err);
}
