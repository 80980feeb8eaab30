/* SPDX-License-Identifier: ISC */
/* See common.h. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common.h"

double bench_now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

void bench_die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vfprintf(stderr, format, args);
	va_end(args);
	(void)fputc('\n', stderr);
	exit(EXIT_FAILURE);
}

long bench_number(const char *option, const char *text, long least, long most)
{
	char *end;
	long value;

	errno = 0;
	value = strtol(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || value < least ||
	    value > most)
		bench_die("--%s takes a number from %ld to %ld, not \"%s\"",
			  option, least, most, text);
	return value;
}

char *bench_message(size_t size, const char *eol, size_t *n)
{
	static const char *const header[] = {
		"From: Load <load@client.test>",
		"To: Somebody <somebody@client.test>",
		"Subject: one of many",
		"Date: Mon, 02 Nov 2026 12:00:00 +0000",
		"Message-ID: <one-of-many@client.test>",
		"",
	};
	static const char line[] = "What it says does not matter; that it is "
				   "kept until it is there does.";
	char *text = malloc(size + 1024);
	size_t at = 0;

	if (text == NULL)
		bench_die("no memory for a message of %zu bytes", size);
	for (size_t i = 0; i < sizeof(header) / sizeof(header[0]); i++)
		at += (size_t)sprintf(text + at, "%s%s", header[i], eol);
	do
		at += (size_t)sprintf(text + at, "%s%s", line, eol);
	while (at + sizeof(line) < size);
	*n = at;
	return text;
}

void bench_times_put(struct bench_times *t, double seconds)
{
	if (t->count == t->room) {
		t->room = t->room == 0 ? 4096 : 2 * t->room;
		t->seconds = reallocarray(t->seconds, t->room, sizeof(double));
		if (t->seconds == NULL)
			bench_die("no memory for %zu times", t->room);
	}
	t->seconds[t->count++] = seconds;
}

static int compare(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

double bench_times_percentile(struct bench_times *t, unsigned percent)
{
	if (t->count == 0)
		return 0;
	qsort(t->seconds, t->count, sizeof(double), compare);
	return 1000 * t->seconds[(t->count - 1) * percent / 100];
}
