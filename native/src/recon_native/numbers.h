/* Floats to their shortest digits and back. */
#ifndef RECON_NUMBERS_H
#define RECON_NUMBERS_H

#include <stddef.h>
#include <stdint.h>

enum { LONGEST_NUMBER = 32 };

/* 10^least and the powers after it, 128 bits of each, rounded up; from Python, which has large integers. */
int numbers_take_powers(const char *bytes, size_t size, int least);

/* At most LONGEST_NUMBER characters, as the format of snapshots has them; how many. Of finite floats only. */
size_t write_float(char *at, double value);
size_t write_integer(char *at, int64_t value);

enum { NUMBER_ODD = 0, NUMBER_INTEGER = 1, NUMBER_FLOAT = 2 };

/* The JSON number at `at`: its kind, its value, and where it ends. `end` must be readable and no part of a number. */
int read_number(const char *at, const char *end, const char **after, int64_t *integer, double *real);

#endif
