/* decimal.h - doubles to and from decimal text, exactly, as Python's json module does it. */
#ifndef THIMBLE_DECIMAL_H
#define THIMBLE_DECIMAL_H

#include "base.h"

enum { TB_DECIMAL_ROOM = 32 };

/* The double nearest to a JSON number's spelling (ties to even; infinite beyond the range). The
 * spelling must be valid: -? digits [. digits] [e [+-] digits]. Time is bounded whatever its
 * length. */
double tb_decimal_read(tb_str spelling);

/* The shortest decimal that reads back as `value`, written as Python's repr() does: "1.0", "1e-07",
 * "1e+16", "NaN", "Infinity", "-Infinity". Returns its length. */
size_t tb_decimal_write(double value, char out[TB_DECIMAL_ROOM]);

#endif
