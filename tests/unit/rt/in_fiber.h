/* SPDX-License-Identifier: ISC */
/* tests/unit/rt/in_fiber.h — a loop, a first fiber, and nothing left behind. */
#ifndef TEST_IN_FIBER_H
#define TEST_IN_FIBER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rt/fiber.h"
#include "rt/loop.h"

/* Checks inside fibers end the process: cmocka's own would jump away from the
 * fiber's stack. */
#define CHECK(condition)                                                       \
	do {                                                                   \
		if (!(condition)) {                                            \
			print_error("%s:%d: not so: %s\n", __FILE__, __LINE__, \
				    #condition);                               \
			abort();                                               \
		}                                                              \
	} while (0)

static inline void in_fiber(void (*fn)(void *arg), void *arg)
{
	assert_int_equal(loop_open(NULL), 0);
	assert_non_null(fiber_spawn(fn, arg));
	loop_run();
	assert_int_equal(fiber_count(), 0);
	loop_close();
}

static inline void spawn(void (*fn)(void *arg), void *arg)
{
	CHECK(fiber_spawn(fn, arg) != NULL);
}

#endif
