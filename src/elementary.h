/* elementary.h - the few functions of the C library's math.h that the engine needs, in double.
 *
 * Written out so that they give the same bits everywhere (libm differs between systems, and the
 * freestanding wasm build has none). Accurate to a few units in the last place of a double in the
 * ranges stated; results for the network are rounded to float. Build with -ffp-contract=off. */
#ifndef THIMBLE_ELEMENTARY_H
#define THIMBLE_ELEMENTARY_H

/* e^x. 0 below -700, e^700 above 700; NaN gives 0. */
double tb_exp(double x);

/* Natural logarithm of a positive, normal, finite number; anything else gives 0. */
double tb_log(double x);

/* sin and cos of an angle in radians, |angle| <= 100000. */
void tb_sincos(double angle, double *sin, double *cos);

/* Correctly rounded square root of a number >= 0. */
float tb_sqrt(float x);

#endif
