/* SPDX-License-Identifier: ISC */
/* One record of a segment: see qmgr/record.h. */
#include <errno.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/why.h"
#include "qmgr/qmgr.h"
#include "qmgr/record.h"
#include "qmgr/segment.h"
#include "rt/loop.h"

int record_settle_work(void *arg)
{
	return queue_settle(arg);
}

int record_settle(struct segment *s, const struct segment_record *r,
		  enum queue_name name)
{
	BUF_SCOPED image = BUF_INIT(SIZE_MAX / 2);
	struct settling to = {
		.q = s->q->queue, .from = s->fd, .id = r->id, .to = name};
	int error;

	/* The reader's bytes are gone when we have waited. */
	if (!buf_put(&image, r->image) ||
	    !buf_put(&image, ledger_tail(s->ledger, r->record)))
		return -ENOMEM;
	to.tail = buf_str(&image);
	error = segment_take(s, r->record);
	if (error != 0)
		return error;
	s->users++;
	error = offload(record_settle_work, &to);
	s->users--;
	if (error != 0) {
		segment_untake(s, r->record);
		s->again_at = clock_deadline(SEGMENT_AGAIN_MS);
		return error;
	}
	(void)close(to.fd);
	segment_note_done(s, r->record);
	return 0;
}

int record_put_away(struct segment *s, const struct segment_record *r,
		    const struct why *why)
{
	log_warning("saving corrupt message \"%s\" from the journal to queue "
		    "\"corrupt\": %s",
		    r->id.text, why->text);
	return record_settle(s, r, QUEUE_CORRUPT);
}

struct keeping {
	struct segment *s;
	const struct segment_record *r;
	char name[KEPT_NAME_MAX + 1];
};

static int keep_work(void *arg)
{
	struct keeping *k = arg;

	return segment_keep_damaged(k->s->q->queue, k->s->fd,
				    str_of_c(k->s->name), k->r, k->name);
}

void record_keep_damaged(struct segment *s, const struct segment_record *r)
{
	struct keeping k = {.s = s, .r = r};
	int error = offload(keep_work, &k);

	if (error == 0)
		error = segment_take(s, r->record);
	if (error != 0) {
		log_error("cannot save %llu damaged bytes at %llu of journal "
			  "segment %s to corrupt: %s",
			  (unsigned long long)r->damaged,
			  (unsigned long long)r->record, s->name,
			  strerror(-error));
		s->again_at = clock_deadline(SEGMENT_AGAIN_MS);
		return;
	}
	log_warning("saving %llu damaged bytes at %llu of journal segment "
		    "\"%s\" to queue \"corrupt\": corrupt/%s",
		    (unsigned long long)r->damaged,
		    (unsigned long long)r->record, s->name, k.name);
	segment_note_done(s, r->record);
}

int record_read(struct segment *s, const struct segment_record *r,
		struct arena *a, struct queue_message *out, struct why *why)
{
	BUF_SCOPED image = BUF_INIT(SEGMENT_SIZE_MAX);

	(void)buf_put(&image, r->image);
	(void)buf_put(&image, ledger_tail(s->ledger, r->record));
	return image.failed ? -ENOMEM
			    : queue_read_image(buf_str(&image), a, out, why);
}

bool record_is_owed(struct segment *s, const struct segment_record *r)
{
	int error;

	if (segment_is_taken(s, r->record))
		return false;
	/* It was settled, and a crash took the ledger's entry. */
	error = queue_file_settled(s->q->queue, queue_id_str(&r->id));
	if (error == -ENOENT &&
	    message_find(s->q, queue_id_str(&r->id)) == NULL)
		return true;
	if (error == 0 || error == -ENOENT)
		segment_note_done(s, r->record);
	else
		s->again_at = clock_deadline(SEGMENT_AGAIN_MS);
	return false;
}
