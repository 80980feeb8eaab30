/* SPDX-License-Identifier: ISC */
/* The writers' end of the connection to qmgr.
 *
 * A keeper fiber takes what qmgr says (which journal segments are free again)
 * until the connection ends, then connects again, once a second, tells how all
 * segments stand and asks qmgr to look through incoming/ for what was missed
 * meanwhile. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "delivery/control.h"
#include "delivery/handover.h"
#include "ipc/channel.h"
#include "queue/journal.h"
#include "rt/fiber.h"

#define RETRY_MS 1000
#define LOOK_MS 5000	  /* how often what was missed is asked for */
#define SLOW_DOWN_MS 1000 /* as in_flow_delay */
#define PATH_MOST 128

struct handover {
	struct queue *q;
	char path[PATH_MOST];
	struct channel *channel; /* NULL: not connected */
	struct fiber *keeper;
	bool missed; /* something was not handed over */
	bool closed; /* the keeper frees */
	struct buf frame;
	struct buf packed;
};

int handover_open(const char *path, struct queue *q, struct handover **out)
{
	struct handover *h = calloc(1, sizeof(*h));

	*out = NULL;
	if (h == NULL)
		return -ENOMEM;
	if (!str_to_c(str_of_c(path), h->path, sizeof(h->path))) {
		free(h);
		return -ENOMEM;
	}
	h->q = q;
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
	h->q = NULL;
	fiber_cancel(h->keeper);
}

/* ---- the keeper --------------------------------------------------------- */

/* Tell what is new of our segments. */
static int send_news(struct handover *h)
{
	struct segment_news news;
	struct msg_writer w;
	int error = 0;

	while (error == 0 && queue_segment_news(h->q, &news)) {
		buf_reset(&h->frame);
		msg_begin(&w, &h->frame, MSG_SEGMENT);
		msg_put(&w, TAG_SEGMENT, str_of_c(news.name));
		msg_put(&w, TAG_GENERATION, news.generation);
		msg_put(&w, TAG_LENGTH, news.end);
		msg_put(&w, TAG_COUNT, news.count);
		msg_put(&w, TAG_FLAGS, (uint64_t)news.flags);
		error = msg_end(&w);
		if (error == 0)
			error = channel_post(h->channel, &h->frame, NULL, 0);
	}
	if (error != 0) {
		queue_segments_renew(h->q);
		h->missed = true;
	}
	return error;
}

static void ask_for_scan(struct handover *h)
{
	const struct control c = {
		.verb = CONTROL_SCAN, .id = STR(""), .site = STR("")};

	if (h->q == NULL)
		return;
	queue_segments_renew(h->q);
	if (send_news(h) != 0)
		return;
	buf_reset(&h->frame);
	if (control_encode(&h->frame, &c) == 0 &&
	    channel_post(h->channel, &h->frame, NULL, 0) == 0)
		h->missed = false;
}

static void take(struct handover *h, struct msg *m)
{
	struct str name;
	uint64_t generation;

	if (m->type == MSG_RELEASE) {
		name = msg_str(m, TAG_SEGMENT, SEGMENT_NAME_MAX);
		generation = msg_u64(m, TAG_GENERATION, UINT64_MAX);
		if (m->error == 0 && h->q != NULL)
			queue_segment_released(h->q, name, generation);
	}
	msg_drop(m);
}

/* Wait until the connection ends. */
static void wait_for_end(struct handover *h)
{
	struct msg m;
	int error = 0;

	while (error == 0 || error == -ETIMEDOUT) {
		error = channel_receive(h->channel, &m,
					clock_deadline(LOOK_MS));
		if (error == 0)
			take(h, &m);
		if (error == -ETIMEDOUT && h->missed)
			ask_for_scan(h);
	}
}

static void keeper(void *arg)
{
	struct handover *h = arg;
	int64_t began;

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
		began = clock_now();
		wait_for_end(h);
		channel_close(h->channel);
		h->channel = NULL;
		h->missed = true; /* perhaps: what was on its way */
		/* Where qmgr cannot take it, it needs a moment. */
		if (clock_now() - began < RETRY_MS && !h->closed)
			(void)fiber_sleep(clock_deadline(RETRY_MS));
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
	if (place->segment == NULL) {
		msg_put_fds(&w, 1);
	} else {
		msg_put(&w, TAG_SEGMENT, str_of_c(place->segment));
		msg_put(&w, TAG_GENERATION, place->generation);
		msg_put(&w, TAG_RECORD, place->record);
		msg_put(&w, TAG_SIZE, place->image_length);
	}
	msg_put(&w, TAG_ID, queue_id_str(&place->id));
	msg_put(&w, TAG_OFFSET, place->offset);
	msg_put(&w, TAG_LENGTH, place->length);
	/* A large envelope is read from the file. */
	if (!h->packed.failed && h->packed.n < MSG_MAX - 512)
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

/* Send the message in h->frame, and the descriptor of a file. */
static int post(struct handover *h, struct queue_place *place)
{
	int fd = place->fd;

	if (place->segment != NULL)
		return channel_post(h->channel, &h->frame, NULL, 0);
	place->fd = -1;
	return channel_post(h->channel, &h->frame, &fd, 1);
}

void handover_send(struct handover *h, struct queue_place *place,
		   const struct envelope *e)
{
	int error = -EPIPE;

	begin(h);
	/* Who sends more than qmgr takes is slowed down here. */
	if (h->channel != NULL && channel_is_congested(h->channel))
		channel_drain(h->channel, clock_deadline(SLOW_DOWN_MS));
	if (h->channel != NULL)
		error = encode(h, place, e);
	if (error == 0)
		error = post(h, place);
	queue_place_close(place);
	if (error != 0)
		h->missed = true;
	else
		(void)send_news(h);
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
