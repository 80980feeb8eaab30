/* SPDX-License-Identifier: ISC */
/* tests/unit/queue/in_spool.h — a spool of a test's own, and messages in it. */
#ifndef TEST_IN_SPOOL_H
#define TEST_IN_SPOOL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/why.h"
#include "queue/spool.h"

static char spool[64];

/* Make one, with nothing in it; remove it and all that is in it (returns: 0, or
 * not). */
static inline void spool_make(void)
{
	struct why why;

	strcpy(spool, "/tmp/queue_test.XXXXXX");
	assert_non_null(mkdtemp(spool));
	assert_int_equal(
		queue_make_tree(spool, (uid_t)-1, (gid_t)-1, (gid_t)-1, &why),
		0);
}

static inline int spool_remove(void)
{
	char command[128];

	(void)snprintf(command, sizeof(command), "rm -rf %s", spool);
	return system(command);
}

static inline struct queue *spool_open_with(const struct queue_opts *opts)
{
	struct queue *q;
	struct why why;

	assert_int_equal(queue_open(spool, opts, &q, &why), 0);
	return q;
}

/* ---- messages ----------------------------------------------------------- */

/* One with every letter of record.def. */
static inline struct envelope spool_envelope(void)
{
	static struct attr attrs[] = {
		{STR_INIT("client_name"), STR_INIT("c.example")},
		{STR_INIT("client_address"), STR_INIT("192.0.2.7")},
	};
	static struct recipient recipients[] = {
		{.address = STR_INIT("a@example.com"),
		 .original = STR_INIT("list@example.com"),
		 .notify = NOTIFY_SUCCESS},
		{.address = STR_INIT("b c@example.com"),
		 .original = STR_INIT(""),
		 .orcpt = STR_INIT("rfc822;b c@example.com")},
	};

	return (struct envelope){
		.arrived_us = 1700000000123456,
		.flags = ENVELOPE_8BITMIME,
		.ret = RETURN_HEADERS,
		.sender = STR("s@example.org"),
		.envid = STR("id+1"),
		.attrs = attrs,
		.attr_count = 2,
		.recipients = recipients,
		.recipient_count = 2,
	};
}

/* The byte at `at` of a message of `size` bytes. */
static inline char spool_byte(size_t size, size_t at)
{
	return (char)('a' + (size + at) % 26);
}

/* Commit a message of `size` bytes.  Returns: what queue_commit() does. */
static inline int spool_try_commit(struct queue *q, size_t size,
				   struct queue_place *place)
{
	const struct envelope e = spool_envelope();
	struct queue_draft *d;
	char chunk[1000];

	assert_int_equal(queue_begin(q, &d), 0);
	for (size_t done = 0; done < size; done += sizeof(chunk)) {
		size_t n = size - done < sizeof(chunk) ? size - done
						       : sizeof(chunk);

		for (size_t i = 0; i < n; i++)
			chunk[i] = spool_byte(size, done + i);
		assert_int_equal(queue_put(d, str_of(chunk, n)), 0);
	}
	assert_int_equal(queue_draft_size(d), size);
	return queue_commit(d, &e, place);
}

static inline struct queue_place spool_commit(struct queue *q, size_t size)
{
	struct queue_place place;

	assert_int_equal(spool_try_commit(q, size, &place), 0);
	return place;
}

#endif
