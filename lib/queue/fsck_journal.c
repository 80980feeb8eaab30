/* SPDX-License-Identifier: ISC */
/* fsck of journals: segments, their records, their ledgers, and what else lies
 * in journal/. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/why.h"
#include "queue/fsck_inside.h"

/* A segment that is looked through. */
struct looking {
	const struct fsck_item *item;
	int fd;
	struct ledger *ledger;
	uint64_t newest; /* generation that was seen in it */
};

/* ---- records --------------------------------------------------------------
 */

/* Save what is damaged, so that nobody finds it there again. */
static int keep(struct fsck *f, struct looking *l,
		const struct segment_record *r, char *kept)
{
	struct settling to = {
		.q = f->q,
		.from = l->fd,
		.tail = r->image,
		.id = r->id,
		.to = QUEUE_CORRUPT,
		.name = kept,
	};
	int error;

	if (r->damaged > 0) {
		error = segment_keep_damaged(f->q, l->fd,
					     str_of_c(l->item->name), r, kept);
	} else {
		(void)snprintf(kept, KEPT_NAME_MAX + 1, "%s", r->id.text);
		error = queue_settle(&to);
		if (error == 0)
			(void)close(to.fd);
	}
	return error != 0 ? error : ledger_done(l->ledger, r->record);
}

static void tell_record(struct fsck *f, struct looking *l,
			const struct segment_record *r, const char *words)
{
	char what[WHY_MAX + 128], remedy[KEPT_NAME_MAX + 64];
	char kept[KEPT_NAME_MAX + 1];
	struct fsck_finding finding = {
		.path = l->item->path,
		.what = what,
		.remedy = "--fix copies it to corrupt/, out of the way",
	};
	int error;

	(void)snprintf(what, sizeof(what), "at %llu: %s%s%s",
		       (unsigned long long)r->record, words,
		       r->id.text[0] != '\0' ? ", message " : "", r->id.text);
	if (f->fix) {
		error = keep(f, l, r, kept);
		if (error == 0)
			(void)snprintf(remedy, sizeof(remedy),
				       "copied to corrupt/%s", kept);
		else
			(void)snprintf(remedy, sizeof(remedy),
				       "cannot be copied to corrupt/: %s",
				       strerror(-error));
		finding.remedy = remedy;
		finding.is_done = error == 0;
	}
	fsck_told(f, &finding);
}

/* A whole record, of which the ledger does not say that it is done. */
static int check_record(struct fsck *f, struct looking *l,
			const struct segment_record *r)
{
	CLEANUP(arena_free) struct arena *a = arena_new(SIZE_MAX);
	BUF_SCOPED image = BUF_INIT(SEGMENT_SIZE_MAX);
	struct segment_record with_tail = *r;
	struct queue_message m;
	struct why why;
	int error;

	(void)buf_put(&image, r->image);
	(void)buf_put(&image, ledger_tail(l->ledger, r->record));
	if (a == NULL || image.failed)
		return -ENOMEM;
	with_tail.image = buf_str(&image);
	error = queue_read_image(with_tail.image, a, &m, &why);
	if (error == -EBADMSG)
		tell_record(f, l, &with_tail, why.text);
	else if (error == 0)
		f->in_journals++;
	return error == -EBADMSG ? 0 : error;
}

static int check_one(struct fsck *f, struct looking *l,
		     const struct segment_record *r)
{
	enum queue_name where;
	char words[64];

	if (r->generation > l->newest)
		l->newest = r->generation;
	if (ledger_is_done(l->ledger, r->record))
		return 0;
	if (r->damaged > 0) {
		(void)snprintf(words, sizeof(words), "%llu damaged bytes",
			       (unsigned long long)r->damaged);
		tell_record(f, l, r, words);
		return 0;
	}
	if (queue_file_find(f->q, queue_id_str(&r->id), &where) != 0)
		return check_record(f, l, r);
	fsck_told(f, &(struct fsck_finding){
			     .path = l->item->path,
			     .what = "a message in it has a file already",
			     .remedy = "the file counts",
			     .is_note = true});
	return 0;
}

static int check_records(struct fsck *f, struct looking *l)
{
	CLEANUP(segment_read_end) struct segment_reader *reader = NULL;
	struct segment_record r;
	int error = segment_read_begin(l->fd, str_of_c(l->item->name),
				       ledger_released(l->ledger),
				       SEGMENT_SIZE_MAX, &reader);

	while (error == 0) {
		fsck_count(f, "journal");
		error = segment_read_next(reader, &r);
		if (error == 0)
			error = check_one(f, l, &r);
	}
	return error == 1 ? 0 : error;
}

/* ---- segments and ledgers -------------------------------------------------
 */

/* The generation it goes with is known from the records. */
static void check_ledger(struct fsck *f, struct looking *l)
{
	uint64_t lost = ledger_lost_bytes(l->ledger);
	char path[FSCK_PATH_MAX], what[128];
	struct fsck_finding finding = {
		.path = path, .what = what, .is_note = true};

	(void)snprintf(path, sizeof(path), "%s.o", l->item->path);
	if (lost > 0) {
		(void)snprintf(what, sizeof(what),
			       "%llu bytes at its end cannot be read",
			       (unsigned long long)lost);
		finding.remedy = "what they say was delivered is delivered "
				 "again";
		fsck_told(f, &finding);
	}
	if (l->newest <= ledger_released(l->ledger) + 1)
		return;
	(void)snprintf(what, sizeof(what),
		       "lost, or older than generation %llu of its segment",
		       (unsigned long long)l->newest);
	finding.is_note = false;
	finding.remedy = "--fix makes a new one; what was delivered of this "
			 "generation is delivered again";
	if (f->fix && ledger_release(l->ledger, l->newest - 1) == 0) {
		finding.remedy = "a new one was made; what was delivered of "
				 "this generation is delivered again";
		finding.is_done = true;
	}
	fsck_told(f, &finding);
}

static int check_opened(struct fsck *f, struct looking *l)
{
	uint64_t fixed = f->fixed;
	int error = ledger_open(f->q, str_of_c(l->item->name), &l->ledger);

	if (error == -ENOMEM)
		return error;
	if (error != 0) {
		fsck_problem(f, l->item, FSCK_LEAVE, "look at it",
			     "its ledger cannot be read: %s", strerror(-error));
		return 0;
	}
	f->segments++;
	error = check_records(f, l);
	if (error == -ENOMEM)
		return error;
	if (error != 0)
		fsck_problem(f, l->item, FSCK_LEAVE, "look at the disk",
			     "cannot be read: %s", strerror(-error));
	check_ledger(f, l);
	if (f->fixed == fixed)
		return 0;
	error = ledger_write(l->ledger);
	return error != 0 ? error : ledger_sync(l->ledger);
}

static int check_segment(struct fsck *f, struct fsck_item *item)
{
	struct looking l = {.item = item};
	int error = 0;

	if (!fsck_is_file(f, item, 0600))
		return 0;
	l.fd = segment_open(f->q, str_of_c(item->name));
	if (l.fd == -ENOENT)
		return 0;
	if (l.fd < 0) {
		fsck_problem(f, item, FSCK_LEAVE, "look at it",
			     "cannot be opened: %s", strerror(-l.fd));
		return 0;
	}
	if (segment_adopt(l.fd))
		error = check_opened(f, &l);
	else
		f->in_use++;
	ledger_close(l.ledger);
	(void)close(l.fd);
	return error;
}

/* ---- journal/ -------------------------------------------------------------
 */

static int check_name(struct fsck *f, struct fsck_item *item, void *arg)
{
	struct str name = str_of_c(item->name);
	char segment[SEGMENT_NAME_MAX + 1];

	(void)arg;
	if (f->running) { /* who is at work locks, makes and removes them */
		f->in_use += segment_name_is_valid(name);
		return 0;
	}
	if (segment_name_is_valid(name))
		return check_segment(f, item);
	if (str_ends(name, STR(".s")) || str_ends(name, STR(".n"))) {
		fsck_note(f, item, "is removed by the queue manager",
			  "left over from a crash; the message is elsewhere");
		return 0;
	}
	if (str_ends(name, STR(".o")) &&
	    segment_name_is_valid(str_first(name, name.n - 2)) &&
	    str_to_c(str_first(name, name.n - 2), segment, sizeof(segment))) {
		if (faccessat(item->dir, segment, F_OK, 0) < 0)
			fsck_note(f, item, "is removed by the queue manager",
				  "a ledger without a segment: nothing is "
				  "owed");
		else if (!fsck_is_file(f, item, 0600))
			return 0;
		return 0;
	}
	fsck_problem(f, item,
		     S_ISDIR(item->st.st_mode) ? FSCK_LEAVE : FSCK_MOVE,
		     "look at it", "no part of a journal: nobody looks at it");
	return 0;
}

int fsck_journals(struct fsck *f)
{
	if (f->q->journal_dir < 0)
		return 0;
	return fsck_each(f, f->q->journal_dir, "journal", check_name, NULL);
}

static int find_writer(struct fsck *f, struct fsck_item *item, void *arg)
{
	bool *found = arg;
	int fd = segment_open(f->q, str_of_c(item->name));

	if (fd < 0)
		return 0;
	*found = *found || !segment_adopt(fd);
	(void)close(fd);
	return 0;
}

bool fsck_has_writer(struct fsck *f)
{
	bool found = false;

	return f->q->journal_dir >= 0 &&
	       fsck_each(f, f->q->journal_dir, "journal", find_writer,
			 &found) == 0 &&
	       found;
}
