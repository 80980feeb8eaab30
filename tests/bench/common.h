/* SPDX-License-Identifier: ISC */
/* tests/bench/common.h — what the programs of the benchmark share: a clock,
 * the message that is sent, and percentiles. They end with a sentence and
 * exit status 1 when something is missing. */
#ifndef BENCH_COMMON_H
#define BENCH_COMMON_H

#include <stddef.h>

/* Seconds of the monotonic clock. */
double bench_now(void);

/* End the program with a sentence for people. */
_Noreturn void bench_die(const char *format, ...)
	__attribute__((format(printf, 1, 2)));

/* A number given on the command line, from `least` to `most`; ends the program
 * with a sentence otherwise. `option` is for the sentence. */
long bench_number(const char *option, const char *text, long least, long most);

/* A message of about `size` bytes, header and body, with `eol` at the end of
 * each line and no line that begins with a dot.
 * Fills:   *n, its length.
 * Gives:   the bytes; free(). */
char *bench_message(size_t size, const char *eol, size_t *n);

/* How long each unit of work took. */
struct bench_times {
	double *seconds;
	size_t count;
	size_t room;
};

/* Take the time of one more unit. */
void bench_times_put(struct bench_times *t, double seconds);

/* The time, in milliseconds, that `percent` of the units did not exceed; 0
 * without units. Sorts. */
double bench_times_percentile(struct bench_times *t, unsigned percent);

#endif
