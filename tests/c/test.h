/* test.h - the smallest test framework that states what failed. A test file is one program:
 *
 *     #include "test.h"
 *     static void adds(void) { CHECK(1 + 1 == 2); CHECK_INT(1 + 1, 2); }
 *     int main(void) { RUN(adds); return test_end(); }
 *
 * It prints a line per failed check and ends with "N passed, N failed" (checks, not functions). */
#ifndef THIMBLE_TEST_H
#define THIMBLE_TEST_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static long test_passed, test_failed;
static const char *test_name = "";

static inline bool test_check(bool ok, const char *file, int line, const char *what)
{
    if (ok) {
        test_passed++;
    } else if (++test_failed <= 50) {
        printf("%s:%d: %s: failed: %s\n", file, line, test_name, what);
    }
    return ok;
}

static inline bool test_check_int(long long got, long long want, const char *file, int line,
                                  const char *what)
{
    bool ok = test_check(got == want, file, line, what);
    if (!ok && test_failed <= 50)
        printf("    got %lld, want %lld\n", got, want);
    return ok;
}

static inline bool test_check_str(const char *got, const char *want, const char *file, int line,
                                  const char *what)
{
    bool ok = test_check(strcmp(got, want) == 0, file, line, what);
    if (!ok && test_failed <= 50)
        printf("    got  \"%s\"\n    want \"%s\"\n", got, want);
    return ok;
}

#define CHECK(condition) test_check((condition), __FILE__, __LINE__, #condition)
#define CHECK_INT(got, want) \
    test_check_int((long long)(got), (long long)(want), __FILE__, __LINE__, #got " == " #want)
#define CHECK_STR(got, want) test_check_str((got), (want), __FILE__, __LINE__, #got " == " #want)
#define RUN(function) (test_name = #function, function())

/* The last line of every test program; its value is the exit status. */
static inline int test_end(void)
{
    printf("%ld passed, %ld failed\n", test_passed, test_failed);
    return test_failed == 0 ? 0 : 1;
}

/* xorshift64*: the same numbers on every machine. Never seed with 0. */
static inline uint64_t test_random(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * 0x2545f4914f6cdd1dull;
}

/* Uniform in -1..1. */
static inline float test_uniform(uint64_t *state)
{
    return (float)((double)(test_random(state) >> 11) / 4503599627370496.0 - 1.0);
}

/* Keeps what is read reachable: a model reads its embedding from its file to the end of the test. */
static void *test_files[256];
static size_t test_file_count;

/* A whole file, terminated; exits when it cannot be read (a test without its data must not pass).
 * Freeing it is allowed, not required. */
static inline char *test_read_file(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    char *data = NULL;
    long length = -1;
    if (file != NULL && fseek(file, 0, SEEK_END) == 0 && (length = ftell(file)) >= 0)
        data = malloc((size_t)length + 1);
    if (data == NULL || fseek(file, 0, SEEK_SET) != 0 ||
        fread(data, 1, (size_t)length, file) != (size_t)length) {
        printf("cannot read %s\n0 passed, 1 failed\n", path);
        exit(1);
    }
    fclose(file);
    if (test_file_count < sizeof test_files / sizeof *test_files)
        test_files[test_file_count++] = data;
    data[length] = '\0';
    *size = (size_t)length;
    return data;
}

#endif
