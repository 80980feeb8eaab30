/* SPDX-License-Identifier: ISC */
/* Queue ids: see queue/id.h. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/clock.h"
#include "queue/id.h"

#define SECONDS_DIGITS 6u /* at least */
#define MICROS_DIGITS 4u
#define SEPARATOR 'z'

static const char digits[] =
	"0123456789BCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz";

/* Append `value` in `base` with at least `least` digits; returns the end. */
static char *put_digits(char *to, uint64_t value, unsigned base, unsigned least)
{
	char reversed[16];
	unsigned n = 0;

	while (value > 0 || n < least) {
		reversed[n++] = digits[value % base];
		value /= base;
	}
	while (n > 0)
		*to++ = reversed[--n];
	return to;
}

/* Read `s` in base 52.  Returns false when it is not. */
static bool read_digits(struct str s, uint64_t *value)
{
	*value = 0;
	if (s.n == 0 || s.n > 10)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		const char *at = memchr(digits, s.p[i], sizeof(digits) - 1);

		if (at == NULL)
			return false;
		*value = *value * 52 + (uint64_t)(at - digits);
	}
	return true;
}

void queue_id_maker_init(struct queue_id_maker *m)
{
	uint32_t random = 0;
	uint64_t process = (uint64_t)getpid() & 0x3fffff;

	/* Without random bits the process number still tells the makers of one
	 * machine apart. */
	if (getrandom(&random, sizeof(random), GRND_NONBLOCK) < 0)
		random = (uint32_t)clock_wall_us();
	m->last_us = 0;
	m->number = (uint64_t)(random & 0x3f) << 22 | process;
}

struct queue_id queue_id_next(struct queue_id_maker *m, int64_t *us)
{
	struct queue_id id = {.text = ""};
	int64_t now = clock_wall_us();
	char *to = id.text;

	/* Also when the clock is set back: ids of one maker only rise. */
	if (now <= m->last_us)
		now = m->last_us + 1;
	m->last_us = now;
	to = put_digits(to, (uint64_t)now / 1000000, 52, SECONDS_DIGITS);
	to = put_digits(to, (uint64_t)now % 1000000, 52, MICROS_DIGITS);
	*to++ = SEPARATOR;
	to = put_digits(to, m->number, 51, 1);
	*to = '\0';
	*us = now;
	return id;
}

bool queue_id_is_valid(struct str s)
{
	if (s.n < 5 || s.n > QUEUE_ID_MAX)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (!((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
		      (c >= 'a' && c <= 'z')))
			return false;
	}
	return true;
}

/* Fills: *seconds and *micros of a long id.  Returns whether it is one. */
static bool long_id_parse(struct str s, uint64_t *seconds, uint64_t *micros)
{
	size_t at = str_find_last_byte(s, SEPARATOR);

	if (at == SIZE_MAX || at < SECONDS_DIGITS + MICROS_DIGITS)
		return false;
	return read_digits(str_first(s, at - MICROS_DIGITS), seconds) &&
	       read_digits(str_of(s.p + at - MICROS_DIGITS, MICROS_DIGITS),
			   micros) &&
	       *seconds < (uint64_t)1 << 40 && *micros < 1000000;
}

int64_t queue_id_time_us(struct str s)
{
	uint64_t seconds, micros;

	if (!long_id_parse(s, &seconds, &micros))
		return -1;
	return (int64_t)(seconds * 1000000 + micros);
}

void queue_id_hash_name(struct str id, char hex[6])
{
	uint64_t seconds, micros;

	if (long_id_parse(id, &seconds, &micros)) {
		(void)snprintf(hex, 6, "%05X", (unsigned)micros);
		return;
	}
	for (size_t i = 0; i < 5; i++)
		hex[i] = i < id.n ? id.p[i] : '0';
	hex[5] = '\0';
}
