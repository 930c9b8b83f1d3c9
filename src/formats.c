/* formats.c - one small recogniser per format. */
#include "formats.h"

#include <string.h>

#include "text.h"

tb_string_format tb_format_named(tb_str name)
{
    static const struct {
        char name[10];
        uint8_t format;
    } NAMES[] = {
        {"date", TB_FORMAT_DATE},   {"time", TB_FORMAT_TIME}, {"date-time", TB_FORMAT_DATE_TIME},
        {"email", TB_FORMAT_EMAIL}, {"uri", TB_FORMAT_URI},   {"url", TB_FORMAT_URI},
        {"ipv4", TB_FORMAT_IPV4},   {"ipv6", TB_FORMAT_IPV6}, {"hostname", TB_FORMAT_HOSTNAME},
        {"uuid", TB_FORMAT_UUID},
    };
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++)
        if (tb_str_equal(tb_str_of(NAMES[i].name), name))
            return (tb_string_format)NAMES[i].format;
    return TB_FORMAT_NONE;
}

/* ---- pieces --------------------------------------------------------------------------------- */

static uint8_t byte_at(tb_str s, size_t at)
{
    return at < s.len ? (uint8_t)s.ptr[at] : 0;
}

static tb_str from(tb_str s, size_t at)
{
    return (tb_str){s.ptr + at, s.len - at};
}

static bool is_hex(uint8_t c)
{
    return tb_is_digit(c) || (tb_lower(c) >= 'a' && tb_lower(c) <= 'f');
}

static bool is_alnum(uint8_t c)
{
    return tb_is_digit(c) || tb_is_alpha(c);
}

static bool is_one_of(uint8_t c, const char *set)
{
    for (; *set != '\0'; set++)
        if (c == (uint8_t)*set)
            return true;
    return false;
}

/* Matches s against a picture: 'd' a digit, 'x' a hexadecimal one, anything else itself. */
static bool has_shape(tb_str s, const char *picture)
{
    for (size_t i = 0; picture[i] != '\0'; i++) {
        uint8_t c = byte_at(s, i);
        if (picture[i] == 'd'   ? !tb_is_digit(c)
            : picture[i] == 'x' ? !is_hex(c)
                                : c != (uint8_t)picture[i])
            return false;
    }
    return true;
}

static int two_digits(tb_str s, size_t at)
{
    return (s.ptr[at] - '0') * 10 + (s.ptr[at + 1] - '0');
}

/* ---- the formats ---------------------------------------------------------------------------- */

static bool is_date(tb_str s)
{
    static const uint8_t DAYS[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int year, month, day;
    if (s.len != 10 || !has_shape(s, "dddd-dd-dd"))
        return false;
    year = two_digits(s, 0) * 100 + two_digits(s, 2);
    month = two_digits(s, 5);
    day = two_digits(s, 8);
    if (month < 1 || month > 12 || day < 1)
        return false;
    return day <= DAYS[month - 1] ||
           (month == 2 && day == 29 && year % 4 == 0 && (year % 100 != 0 || year % 400 == 0));
}

static bool is_time(tb_str s)
{
    size_t at = 8;
    if (!has_shape(s, "dd:dd:dd") || two_digits(s, 0) > 23 || two_digits(s, 3) > 59 ||
        two_digits(s, 6) > 59)
        return false;
    if (byte_at(s, at) == '.') {
        if (!tb_is_digit(byte_at(s, ++at)))
            return false;
        while (tb_is_digit(byte_at(s, at)))
            at++;
    }
    if (tb_lower(byte_at(s, at)) == 'z')
        return at + 1 == s.len;
    if (byte_at(s, at) != '+' && byte_at(s, at) != '-')
        return false;
    s = from(s, at + 1);
    return s.len == 5 && has_shape(s, "dd:dd") && two_digits(s, 0) < 24 && two_digits(s, 3) < 60;
}

static bool is_date_time(tb_str s)
{
    return s.len > 11 && tb_lower(byte_at(s, 10)) == 't' && is_date((tb_str){s.ptr, 10}) &&
           is_time(from(s, 11));
}

/* The piece up to the next `mark` (or the end) from *at on; moves *at behind the mark. */
static tb_str next_part(tb_str s, size_t *at, char mark)
{
    size_t start = *at, end = start;
    while (end < s.len && s.ptr[end] != mark)
        end++;
    *at = end + 1;
    return (tb_str){s.ptr + start, end - start};
}

static bool is_hostname(tb_str s)
{
    if (s.len == 0 || s.len > 253)
        return false;
    for (size_t at = 0; at <= s.len;) {
        tb_str label = next_part(s, &at, '.');
        if (label.len == 0 || label.len > 63 || label.ptr[0] == '-' ||
            label.ptr[label.len - 1] == '-')
            return false;
        for (size_t i = 0; i < label.len; i++)
            if (!is_alnum((uint8_t)label.ptr[i]) && label.ptr[i] != '-')
                return false;
    }
    return true;
}

static bool is_ipv4(tb_str s)
{
    size_t parts = 0;
    for (size_t at = 0; at <= s.len; parts++) {
        tb_str part = next_part(s, &at, '.');
        int value = 0;
        if (part.len == 0 || part.len > 3 || (part.len > 1 && part.ptr[0] == '0'))
            return false;
        for (size_t i = 0; i < part.len; i++) {
            if (!tb_is_digit((uint8_t)part.ptr[i]))
                return false;
            value = value * 10 + (part.ptr[i] - '0');
        }
        if (value > 255)
            return false;
    }
    return parts == 4;
}

/* Counts the 16-bit groups in a piece without "::"; the last may be an IPv4 address if `last`. */
static bool count_groups(tb_str s, bool last, size_t *groups)
{
    if (s.len == 0)
        return true;
    for (size_t at = 0; at <= s.len;) {
        tb_str group = next_part(s, &at, ':');
        if (last && at > s.len && group.len > 4 && is_ipv4(group)) {
            *groups += 2;
            continue;
        }
        if (group.len == 0 || group.len > 4)
            return false;
        for (size_t i = 0; i < group.len; i++)
            if (!is_hex((uint8_t)group.ptr[i]))
                return false;
        ++*groups;
    }
    return true;
}

static bool is_ipv6(tb_str s)
{
    size_t groups = 0;
    for (size_t i = 0; i + 1 < s.len; i++)
        if (s.ptr[i] == ':' && s.ptr[i + 1] == ':')
            return count_groups((tb_str){s.ptr, i}, false, &groups) &&
                   count_groups(from(s, i + 2), true, &groups) && groups < 8;
    return count_groups(s, true, &groups) && groups == 8;
}

static bool is_email(tb_str s)
{
    size_t at_sign = s.len;
    tb_str local;
    while (at_sign > 0 && s.ptr[at_sign - 1] != '@')
        at_sign--;
    if (at_sign == 0 || at_sign - 1 > 64)
        return false;
    local = (tb_str){s.ptr, at_sign - 1};
    for (size_t at = 0; at <= local.len;) {
        tb_str atom = next_part(local, &at, '.');
        if (atom.len == 0)
            return false;
        for (size_t i = 0; i < atom.len; i++)
            if (!is_alnum((uint8_t)atom.ptr[i]) &&
                !is_one_of((uint8_t)atom.ptr[i], "!#$%&'*+/=?^_`{|}~-"))
                return false;
    }
    return is_hostname(from(s, at_sign));
}

static bool is_uri(tb_str s)
{
    size_t at = 0;
    bool fragment = false;
    if (!tb_is_alpha(byte_at(s, 0)))
        return false;
    while (is_alnum(byte_at(s, at)) || is_one_of(byte_at(s, at), "+.-"))
        at++;
    if (byte_at(s, at) != ':' || at + 1 == s.len)
        return false;
    for (at++; at < s.len; at++) {
        uint8_t c = (uint8_t)s.ptr[at];
        if (c == '#' && !fragment)
            fragment = true;
        else if (c == '%' && is_hex(byte_at(s, at + 1)) && is_hex(byte_at(s, at + 2)))
            at += 2;
        else if (!is_alnum(c) && !is_one_of(c, "._~:/?@!$&'()*+,;=-"))
            return false;
    }
    return true;
}

bool tb_format_fits(tb_string_format format, tb_str text)
{
    switch (format) {
    case TB_FORMAT_NONE: return true;
    case TB_FORMAT_DATE: return is_date(text);
    case TB_FORMAT_TIME: return is_time(text);
    case TB_FORMAT_DATE_TIME: return is_date_time(text);
    case TB_FORMAT_EMAIL: return is_email(text);
    case TB_FORMAT_URI: return is_uri(text);
    case TB_FORMAT_IPV4: return is_ipv4(text);
    case TB_FORMAT_IPV6: return is_ipv6(text);
    case TB_FORMAT_HOSTNAME: return is_hostname(text);
    case TB_FORMAT_UUID:
        return text.len == 36 && has_shape(text, "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx");
    }
    return false;
}
