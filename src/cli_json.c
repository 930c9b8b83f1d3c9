/* cli_json.c - pieces of JSON that the commands take out of lines and answers. */
#include "cli.h"

#include <string.h>

/* The byte behind the string that begins at text[at]. The text is valid JSON. */
static size_t string_end(tb_str text, size_t at)
{
    for (at++; at < text.len && text.ptr[at] != '"'; at++)
        if (text.ptr[at] == '\\')
            at++;
    return at + 1;
}

tb_str cli_value_text(tb_str text, const tb_json_node *node)
{
    size_t at = node->type == TB_JSON_STRING ? node->at - 1 : node->at; /* with its quote */
    size_t end = at, depth = 0;
    do {
        char c = text.ptr[end];
        if (c == '"') {
            end = string_end(text, end);
            continue;
        }
        if (depth == 0 && memchr(",]} \t\r\n", c, 7))
            break;
        if (c == '{' || c == '[')
            depth++;
        if (c == '}' || c == ']')
            depth--;
        end++;
    } while (end < text.len && (depth || !memchr("\"]}", text.ptr[end - 1], 3)));
    return (tb_str){text.ptr + at, end - at};
}

void cli_print_calls(tb_str text, const tb_json *json, uint32_t calls, bool openai)
{
    uint32_t call = calls + 1;
    fputs(openai ? "{\"tool_calls\":[" : "[", stdout);
    for (uint32_t i = 0; i < json->nodes[calls].count; i++, call = json->nodes[call].next) {
        uint32_t name = tb_json_get(json, call, tb_str_of("name"));
        uint32_t arguments = tb_json_get(json, call, tb_str_of("arguments"));
        tb_str n = cli_value_text(text, &json->nodes[name]);
        tb_str a = cli_value_text(text, &json->nodes[arguments]);
        if (i)
            putchar(',');
        if (!openai) {
            printf("{\"name\":%.*s,\"arguments\":%.*s}", (int)n.len, n.ptr, (int)a.len, a.ptr);
            continue;
        }
        printf("{\"id\":\"call_%u\",\"type\":\"function\",\"function\":{\"name\":%.*s,"
               "\"arguments\":\"",
               i, (int)n.len, n.ptr);
        for (size_t k = 0; k < a.len; k++) {
            if (a.ptr[k] == '"' || a.ptr[k] == '\\')
                putchar('\\');
            putchar(a.ptr[k]);
        }
        fputs("\"}}", stdout);
    }
    puts(openai ? "]}" : "]");
}
