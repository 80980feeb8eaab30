/* SPDX-License-Identifier: ISC */
/* The reason of a failure, in words for people. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/why.h"

int why_fail(struct why *why, int error, const char *fmt, ...)
{
	va_list args;

	if (why == NULL)
		return error;
	/* The arguments may point into why->text: "while reading x: %s". */
	char text[WHY_MAX];

	va_start(args, fmt);
	if (vsnprintf(text, sizeof(text), fmt, args) < 0)
		text[0] = '\0';
	va_end(args);
	memcpy(why->text, text, sizeof(text));
	return error;
}
