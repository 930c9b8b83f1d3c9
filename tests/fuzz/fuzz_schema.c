/* fuzz_schema.c - any bytes as a tool list: an error with a code, or a list that keeps its
 * promises. */
#include <stdlib.h>
#include <string.h>

#include "../../src/schema.h"

enum { ROOM = 8 << 20 };

static void must(bool ok)
{
    if (!ok)
        abort();
}

static void check_argument(const tb_tool *tool, const tb_argument *a)
{
    must(a->depth >= 1 && a->depth <= TB_MAX_DEPTH && a->object < tool->object_count);
    must((a->value_count > 0) == (a->type == TB_ENUM || a->type == TB_BOOLEAN) &&
         a->value_count <= TB_MAX_VALUES);
    must(a->first_value + a->value_count <= tool->value_count);
    if (a->pattern != NULL)
        (void)tb_pattern_found(a->pattern, tb_str_of("abc 123 \xc3\xa9"));
    (void)tb_number_fits(a, (tb_number){15, 1});
}

static void check_tools(const tb_tools *tools)
{
    must(tools->count <= TB_MAX_TOOLS);
    for (uint32_t i = 0; i < tools->count; i++) {
        const tb_tool *tool = &tools->tools[i];
        must(tool->name.len >= 1 && tool->name.len <= TB_MAX_TOOL_NAME);
        must(i == 0 || tb_str_compare(tools->tools[i - 1].name, tool->name) < 0);
        must(tool->argument_count <= TB_MAX_ARGUMENTS && tool->object_count <= TB_MAX_OBJECTS);
        for (uint32_t o = 1; o < tool->object_count; o++)
            must(tool->objects[o].parent < o && tool->objects[o].first <= tool->argument_count);
        for (uint32_t a = 0; a < tool->argument_count; a++)
            check_argument(tool, &tool->arguments[a]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t memory[ROOM], scratch_memory[ROOM];
    char *copy = malloc(size > 0 ? size : 1);
    if (copy == NULL)
        return 0;
    if (size > 0)
        memcpy(copy, data, size);
    for (int lenient = 0; lenient < 2; lenient++) {
        tb_arena arena, scratch;
        tb_error err = {TB_OK, {0}};
        tb_tools *tools;
        tb_arena_init(&arena, memory, ROOM);
        tb_arena_init(&scratch, scratch_memory, ROOM);
        tools = tb_schema_read(&arena, &scratch, copy, size, lenient, &err);
        memset(scratch_memory, 0xaa, scratch.peak);
        must((tools != NULL) == (err.status == TB_OK));
        if (tools != NULL)
            check_tools(tools);
        else
            must(err.status == TB_E_JSON || err.status == TB_E_TOOLS || err.status == TB_E_SCHEMA ||
                 err.status == TB_E_NOMEM);
    }
    free(copy);
    return 0;
}

extern const char *const fuzz_seeds[];
const char *const fuzz_seeds[] = {
    "[]",
    "[{\"name\":\"a\"}]",
    "[{\"name\":\"a\",\"parameters\":{\"x\":\"string\",\"y\":{\"type\":\"number\",\"required\":true}}}]",
    "[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"description\":\"d\",\"parameters\":{"
    "\"type\":\"object\",\"properties\":{"
    "\"a\":{\"type\":\"string\",\"pattern\":\"^(a|b)+[^c-e]{2,3}\\\\d$\",\"minLength\":2,"
    "\"maxLength\":9,\"format\":\"email\"},"
    "\"b\":{\"type\":\"integer\",\"minimum\":1,\"exclusiveMaximum\":9.5,\"multipleOf\":2},"
    "\"c\":{\"enum\":[1,\"x\",true,null]},"
    "\"d\":{\"type\":\"array\",\"items\":{\"type\":\"boolean\"},\"minItems\":1,\"maxItems\":3,"
    "\"uniqueItems\":true}},\"required\":[\"b\",\"a\"],\"additionalProperties\":false}}}]",
    "[{\"name\":\"n\",\"inputSchema\":{\"type\":\"object\",\"$defs\":{\"p\":{\"type\":\"object\","
    "\"properties\":{\"q\":{\"const\":5}},\"required\":[\"q\"]}},\"properties\":{"
    "\"r\":{\"$ref\":\"#/$defs/p\"},"
    "\"s\":{\"anyOf\":[{\"type\":\"null\"},{\"type\":[\"string\",\"null\"]}],\"description\":\"x\"},"
    "\"t\":{\"type\":\"object\",\"properties\":{\"u\":{\"type\":\"object\",\"properties\":{"
    "\"v\":{}}}}}}}}]",
    "[{\"name\":\"a\",\"input_schema\":{\"$ref\":\"#/x~1y\",\"x/y\":{\"$ref\":\"#/x~1y\"}}},"
    "{\"name\":\"b\"},{\"name\":\"a\"}]",
    "[{\"name\":\"e\",\"parameters\":{\"type\":\"object\",\"properties\":{"
    "\"a\":{\"type\":\"integer\",\"enum\":[1,2,0.5,1e400],\"multipleOf\":2},"
    "\"b\":{\"const\":\"x\",\"enum\":[\"x\",1]},\"c\":{\"type\":\"object\",\"properties\":0},"
    "\"d\":{\"type\":\"number\",\"enum\":[0.5,3],\"multipleOf\":0.1},"
    "\"f\":{\"type\":\"boolean\",\"enum\":[true]},\"g\":{\"type\":\"string\",\"minLength\":1.5}}}}]",
    NULL,
};
