/* text.c - character classes and names as words. */
#include "text.h"

#include <string.h>

static bool is_upper(uint32_t c)
{
    return c >= 'A' && c <= 'Z';
}

static bool is_lower(uint32_t c)
{
    return c >= 'a' && c <= 'z';
}

bool tb_is_digit(uint32_t c)
{
    return c >= '0' && c <= '9';
}

bool tb_is_alpha(uint32_t c)
{
    return is_upper(c) || is_lower(c);
}

uint32_t tb_lower(uint32_t c)
{
    return is_upper(c) ? c + 32 : c;
}

bool tb_is_space(uint32_t c)
{
    return (c >= 0x09 && c <= 0x0d) || (c >= 0x1c && c <= 0x20) || c == 0x85 || c == 0xa0 ||
           c == 0x1680 || (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 ||
           c == 0x202f || c == 0x205f || c == 0x3000;
}

bool tb_is_currency(uint32_t c)
{
    return c == 0xa3 || c == 0xa5 || c == 0xa2 || (c >= 0x20a0 && c <= 0x20cf);
}

bool tb_is_word_char(uint32_t c)
{
    if (c == TB_NO_CHAR)
        return false;
    if (c < 0x80)
        return tb_is_alpha(c) || tb_is_digit(c);
    if (c < 0xc0)
        return c == 0xaa || c == 0xb2 || c == 0xb3 || c == 0xb5 || c == 0xb9 || c == 0xba;
    if (c == 0xd7 || c == 0xf7)
        return false;
    return !((c >= 0x2000 && c <= 0x2bff) || (c >= 0x3000 && c <= 0x303f) ||
             (c >= 0xff00 && c <= 0xff0f));
}

bool tb_is_boundary(tb_str text, size_t at)
{
    return at == text.len || (at < text.len && ((uint8_t)text.ptr[at] & 0xc0) != 0x80);
}

uint32_t tb_char_at(tb_str text, size_t at)
{
    uint32_t c;
    if (at >= text.len || tb_utf8_decode(text.ptr + at, text.len - at, &c) == 0)
        return TB_NO_CHAR;
    return c;
}

uint32_t tb_char_before(tb_str text, size_t at)
{
    if (at == 0)
        return TB_NO_CHAR;
    do
        at--;
    while (at > 0 && !tb_is_boundary(text, at));
    return tb_char_at(text, at);
}

static bool is_one_of(uint32_t c, const char *set)
{
    for (; *set != '\0'; set++)
        if (c == (uint8_t)*set)
            return true;
    return false;
}

bool tb_may_start(uint32_t c, uint32_t next)
{
    if (tb_is_word_char(c))
        return true;
    return next != TB_NO_CHAR && !tb_is_space(next) &&
           (is_one_of(c, "#@$*/~.-+<([{_&%\\=^") || tb_is_currency(c));
}

bool tb_may_end(uint32_t c)
{
    return tb_is_word_char(c) || is_one_of(c, "%*+/#_=&$~-!?") || c == 0xb0 || tb_is_currency(c) ||
           tb_opener(c) != 0;
}

uint32_t tb_opener(uint32_t c)
{
    switch (c) {
    case ')': return '(';
    case ']': return '[';
    case '}': return '{';
    case '>': return '<';
    default: return 0;
    }
}

size_t tb_words_room(size_t len)
{
    return 2 * len;
}

/* The byte as a word character, or ' ' for every other ASCII character. */
static uint8_t word_byte(tb_str name, size_t at)
{
    uint8_t c = at < name.len ? (uint8_t)name.ptr[at] : ' ';
    return c >= 0x80 || tb_is_alpha(c) || tb_is_digit(c) ? c : ' ';
}

size_t tb_words(tb_str name, char *out)
{
    size_t used = 0;
    for (size_t i = 0; i < name.len; i++) {
        uint8_t before = i > 0 ? word_byte(name, i - 1) : ' ';
        uint8_t c = word_byte(name, i), after = word_byte(name, i + 1);
        bool new_word = before == ' ' ||
                        (is_upper(c) && (is_lower(before) || tb_is_digit(before))) ||
                        (is_upper(c) && is_upper(before) && is_lower(after));
        if (c == ' ')
            continue;
        if (new_word && used > 0)
            out[used++] = ' ';
        out[used++] = (char)tb_lower(c);
    }
    if (used == 0 && name.len > 0) {
        memcpy(out, name.ptr, name.len);
        return name.len;
    }
    return used;
}

size_t tb_value_words(tb_str value, char *out)
{
    for (size_t i = 0; i < value.len; i++) {
        uint8_t c = (uint8_t)value.ptr[i];
        if (c < 0x80 && !tb_is_alpha(c) && !tb_is_digit(c) && !is_one_of(c, "_. -")) {
            memcpy(out, value.ptr, value.len);
            return value.len;
        }
    }
    return tb_words(value, out);
}
