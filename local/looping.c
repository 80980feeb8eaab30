/* SPDX-License-Identifier: ISC */
/* Messages that were here before: see local/looping.h. */
#include "local/looping.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "local/content.h"
#include "rt/loop.h"

#define HEADER_LOOK ((size_t)256 * 1024) /* bytes of a header that count */
#define HEADER_SHORT ((size_t)8 * 1024)	 /* that take no thread */
#define DEPTH_MAX 50			 /* replacements of replacements */

struct look {
	const struct delivery_request *request;
	struct str address;
};

static size_t bytes_of(const struct look *l, size_t most)
{
	return l->request->length < most ? (size_t)l->request->length : most;
}

/* For offload(): 1 it was here before, 0 not, -errno. */
static int look_for_loop(void *arg)
{
	const struct look *l = arg;
	size_t want = bytes_of(l, HEADER_LOOK);
	char *text = malloc(want + 1);
	ssize_t n;
	int found;

	if (text == NULL)
		return -ENOMEM;
	n = pread(l->request->fd, text, want, (off_t)l->request->offset);
	found = n < 0 ? -errno
		      : content_was_delivered_to(str_of(text, (size_t)n),
						 l->address);
	free(text);
	return found;
}

/* The same at once, where the header is short and in memory still, as that of a
 * message that has just come: to hand it to a thread takes longer.
 * Returns: also -EAGAIN: it takes a thread. */
static int look_at_once(const struct look *l)
{
	static char room[HEADER_SHORT]; /* no fiber waits here */
	struct iovec part = {.iov_base = room,
			     .iov_len = bytes_of(l, sizeof(room))};
	ssize_t n = preadv2(l->request->fd, &part, 1, (off_t)l->request->offset,
			    RWF_NOWAIT);
	struct str text;

	if (n < 0 || (size_t)n != part.iov_len)
		return -EAGAIN;
	text = str_of(room, (size_t)n);
	if (text.n < l->request->length &&
	    str_find(text, STR("\r\n\r\n")) == SIZE_MAX)
		return -EAGAIN;
	return content_was_delivered_to(text, l->address);
}

bool looping_stop(struct delivery *d)
{
	struct look l = {d->request, d->recipient->address};
	int found;

	if (d->recipient->depth > DEPTH_MAX) {
		delivery_say(d, OUTCOME_BOUNCED, STR("5.4.6"),
			     "alias database loop for " STR_FMT,
			     STR_ARG(d->recipient->address));
		return true;
	}
	found = look_at_once(&l);
	if (found == -EAGAIN)
		found = offload(look_for_loop, &l);
	if (found < 0)
		delivery_say(d, OUTCOME_DEFERRED, STR("4.3.0"),
			     "cannot read the message: %s", strerror(-found));
	else if (found > 0)
		delivery_say(d, OUTCOME_BOUNCED, STR("5.4.6"),
			     "mail forwarding loop for " STR_FMT,
			     STR_ARG(d->recipient->address));
	return found != 0;
}
