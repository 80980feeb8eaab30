/* SPDX-License-Identifier: ISC */
/* The writers' end of the connection to qmgr.
 *
 * A keeper fiber waits for the connection to end (qmgr says nothing on it),
 * then connects again, once a second, and asks qmgr to look through incoming/
 * for what was missed meanwhile. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "delivery/control.h"
#include "delivery/handover.h"
#include "ipc/channel.h"
#include "rt/fiber.h"

#define RETRY_MS 1000
#define LOOK_MS 5000	  /* how often what was missed is asked for */
#define SLOW_DOWN_MS 1000 /* as in_flow_delay */
#define PATH_MOST 128

struct handover {
	char path[PATH_MOST];
	struct channel *channel; /* NULL: not connected */
	struct fiber *keeper;
	bool missed; /* something was not handed over */
	bool closed; /* the keeper frees */
	struct buf frame;
	struct buf packed;
};

int handover_open(const char *path, struct handover **out)
{
	struct handover *h = calloc(1, sizeof(*h));

	*out = NULL;
	if (h == NULL)
		return -ENOMEM;
	if (!str_to_c(str_of_c(path), h->path, sizeof(h->path))) {
		free(h);
		return -ENOMEM;
	}
	buf_init(&h->frame, MSG_MAX + 64);
	buf_init(&h->packed, MSG_MAX);
	*out = h;
	return 0;
}

static void handover_free(struct handover *h)
{
	channel_close(h->channel);
	buf_release(&h->frame);
	buf_release(&h->packed);
	free(h);
}

void handover_close(struct handover *h)
{
	if (h == NULL)
		return;
	if (h->keeper == NULL) {
		handover_free(h);
		return;
	}
	h->closed = true;
	fiber_cancel(h->keeper);
}

/* ---- the keeper --------------------------------------------------------- */

static void ask_for_scan(struct handover *h)
{
	const struct control c = {
		.verb = CONTROL_SCAN, .id = STR(""), .site = STR("")};

	buf_reset(&h->frame);
	if (control_encode(&h->frame, &c) == 0 &&
	    channel_post(h->channel, &h->frame, NULL, 0) == 0)
		h->missed = false;
}

/* Wait until the connection ends, reading past whatever is said. */
static void wait_for_end(struct handover *h)
{
	struct msg m;
	int error = 0;

	while (error == 0 || error == -ETIMEDOUT) {
		error = channel_receive(h->channel, &m,
					clock_deadline(LOOK_MS));
		if (error == 0)
			msg_drop(&m);
		if (error == -ETIMEDOUT && h->missed)
			ask_for_scan(h);
	}
}

static void keeper(void *arg)
{
	struct handover *h = arg;

	while (!h->closed && !fiber_is_canceled()) {
		if (h->channel == NULL &&
		    channel_connect(h->path, clock_deadline(RETRY_MS),
				    &h->channel, NULL) == 0 &&
		    h->missed)
			ask_for_scan(h);
		if (h->channel == NULL) {
			(void)fiber_sleep(clock_deadline(RETRY_MS));
			continue;
		}
		wait_for_end(h);
		channel_close(h->channel);
		h->channel = NULL;
		h->missed = true; /* perhaps: what was on its way */
	}
	h->keeper = NULL;
	if (h->closed)
		handover_free(h);
}

/* ---- handing over ------------------------------------------------------- */

static int encode(struct handover *h, const struct queue_place *place,
		  const struct envelope *e)
{
	struct msg_writer w;

	buf_reset(&h->frame);
	buf_reset(&h->packed);
	envelope_pack(&h->packed, e);
	msg_begin(&w, &h->frame, MSG_QUEUED);
	msg_put_fds(&w, 1);
	msg_put(&w, TAG_ID, queue_id_str(&place->id));
	msg_put(&w, TAG_OFFSET, place->offset);
	msg_put(&w, TAG_LENGTH, place->length);
	/* A large envelope is read from the file. */
	if (!h->packed.failed && h->packed.n < MSG_MAX - 256)
		msg_put(&w, TAG_ENVELOPE, buf_str(&h->packed));
	return msg_end(&w);
}

/* Connect the first time: a Unix socket connects at once or not. */
static void begin(struct handover *h)
{
	if (h->keeper != NULL)
		return;
	if (h->channel == NULL)
		(void)!channel_connect(h->path, clock_now(), &h->channel, NULL);
	h->keeper = fiber_spawn(keeper, h);
}

void handover_send(struct handover *h, struct queue_place *place,
		   const struct envelope *e)
{
	int fd = place->fd, error = -EPIPE;

	place->fd = -1;
	begin(h);
	/* Who sends more than qmgr takes is slowed down here. */
	if (h->channel != NULL && channel_is_congested(h->channel))
		channel_drain(h->channel, clock_deadline(SLOW_DOWN_MS));
	if (h->channel != NULL)
		error = encode(h, place, e);
	if (error == 0)
		error = channel_post(h->channel, &h->frame, &fd, 1);
	else
		(void)close(fd);
	if (error != 0)
		h->missed = true;
}

void handover_flush(struct handover *h, int64_t deadline)
{
	const struct control c = {
		.verb = CONTROL_SCAN, .id = STR(""), .site = STR("")};

	if (h->channel == NULL)
		return;
	/* The messages go out in order; a lone SCAN behind them does no
	 * harm and tells us when. */
	buf_reset(&h->frame);
	if (!h->missed)
		(void)channel_drain(h->channel, deadline);
	else if (control_encode(&h->frame, &c) == 0)
		(void)channel_send(h->channel, &h->frame, NULL, 0, deadline);
}
