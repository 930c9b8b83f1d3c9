/* formats.h - the string formats of JSON Schema that are enforced; any other is an annotation. */
#ifndef THIMBLE_FORMATS_H
#define THIMBLE_FORMATS_H

#include "base.h"

typedef enum {
    TB_FORMAT_NONE,
    TB_FORMAT_DATE,      /* RFC 3339 full-date */
    TB_FORMAT_TIME,      /* RFC 3339 full-time, without leap seconds */
    TB_FORMAT_DATE_TIME, /* RFC 3339 date-time */
    TB_FORMAT_EMAIL,     /* RFC 5322 dot-atom "@" host name */
    TB_FORMAT_URI, /* RFC 3986 with a scheme, without addresses in brackets; "url" means it too */
    TB_FORMAT_IPV4,
    TB_FORMAT_IPV6,
    TB_FORMAT_HOSTNAME, /* RFC 1123 */
    TB_FORMAT_UUID
} tb_string_format;

/* The format of that name, TB_FORMAT_NONE for a name that is not enforced. */
tb_string_format tb_format_named(tb_str name);
/* Whether all of `text` is in that format; true for TB_FORMAT_NONE. */
bool tb_format_fits(tb_string_format format, tb_str text);

#endif
