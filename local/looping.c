/* SPDX-License-Identifier: ISC */
/* Messages that were here before: see local/looping.h. */
#include "local/looping.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "local/content.h"
#include "rt/loop.h"

#define HEADER_LOOK ((size_t)256 * 1024) /* bytes of a header that count */
#define DEPTH_MAX 50			 /* replacements of replacements */

struct look {
	const struct delivery_request *request;
	struct str address;
};

/* For offload(): 1 it was here before, 0 not, -errno. */
static int look_for_loop(void *arg)
{
	const struct look *l = arg;
	size_t want = HEADER_LOOK;
	char *text;
	ssize_t n;
	int found;

	if (l->request->length < want)
		want = (size_t)l->request->length;
	text = malloc(want + 1);
	if (text == NULL)
		return -ENOMEM;
	n = pread(l->request->fd, text, want, (off_t)l->request->offset);
	found = n < 0 ? -errno
		      : content_was_delivered_to(str_of(text, (size_t)n),
						 l->address);
	free(text);
	return found;
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
