/* SPDX-License-Identifier: ISC */
/* The end of an attempt: reports, then remove the message or let it wait. */
#include <errno.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "delivery/log.h"
#include "qmgr/finish.h"
#include "qmgr/journal.h"
#include "qmgr/qmgr.h"

/* ---- decisions ---------------------------------------------------------- */

int64_t finish_backoff_ms(int64_t age_ms, int64_t least_ms, int64_t most_ms)
{
	int64_t wait = age_ms;

	if (wait > most_ms)
		wait = most_ms;
	if (wait < least_ms)
		wait = least_ms;
	return wait;
}

bool finish_wants_failure(uint32_t notify)
{
	return notify == 0 || (notify & NOTIFY_FAILURE) != 0;
}

bool finish_wants_delay(uint32_t notify)
{
	return notify == 0 || (notify & NOTIFY_DELAY) != 0;
}

static bool is_expired(const struct message *m)
{
	const struct qmgr_params *p = m->q->params;

	if ((m->marks & MARK_EXPIRED) != 0)
		return true;
	return message_age_ms(m) >= (m->envelope.sender.n > 0
					     ? p->maximal_queue_lifetime
					     : p->bounce_queue_lifetime);
}

static bool owes_delay_warning(const struct message *m)
{
	int64_t after = m->q->params->delay_warning_time;

	return after > 0 && (m->marks & MARK_DELAY_WARNED) == 0 &&
	       message_age_ms(m) > after;
}

/* How many recipients this attempt gave `action`. */
static size_t count_fresh(const struct message *m, enum outcome_action action)
{
	size_t n = 0;

	for (size_t i = 0; i < m->envelope.recipient_count; i++)
		n += m->fresh[i] == (uint8_t)action;
	return n;
}

static bool wants_success(const struct message *m)
{
	for (size_t i = 0; i < m->envelope.recipient_count; i++)
		if (m->fresh[i] == OUTCOME_SENT &&
		    (m->envelope.recipients[i].notify & NOTIFY_SUCCESS) != 0)
			return true;
	return false;
}

static bool is_done(const struct message *m)
{
	for (size_t i = 0; i < m->envelope.recipient_count; i++)
		if (!recipient_is_final(&m->states[i]))
			return false;
	return true;
}

bool finish_is_quick(const struct message *m)
{
	if (m->after == AFTER_DELETE)
		return true;
	if (count_fresh(m, OUTCOME_BOUNCED) > 0 || wants_success(m))
		return false;
	if (m->segment != NULL && !is_done(m))
		return false; /* it needs a file */
	return count_fresh(m, OUTCOME_DEFERRED) == 0 ||
	       (!is_expired(m) && !owes_delay_warning(m));
}

/* ---- reports ------------------------------------------------------------ */

/* The recipients that this attempt gave `action`, one byte each; NULL: no
 * memory. */
static uint8_t *select_fresh(struct message *m, enum outcome_action action)
{
	size_t n = m->envelope.recipient_count;
	uint8_t *set = arena_array(m->arena, n + 1, 1);

	for (size_t i = 0; set != NULL && i < n; i++)
		set[i] = m->fresh[i] == (uint8_t)action;
	return set;
}

static void log_expired(const struct message *m)
{
	char room[LOG_LINE_MAX];
	struct buf line = BUF_IN(room);

	buf_putf(&line, "%s: from=<", m->id.text);
	delivery_put_address(&line, m->envelope.sender);
	buf_putf(&line, ">, status=%s, returned to sender",
		 (m->marks & MARK_EXPIRED) != 0 ? "force-expired" : "expired");
	log_info(STR_FMT, STR_ARG(buf_str(&line)));
}

/* What was deferred fails now. */
static void expire(struct message *m)
{
	if (count_fresh(m, OUTCOME_DEFERRED) == 0 || !is_expired(m))
		return;
	log_expired(m);
	for (size_t i = 0; i < m->envelope.recipient_count; i++) {
		if (m->fresh[i] != OUTCOME_DEFERRED)
			continue;
		m->fresh[i] = OUTCOME_BOUNCED;
		m->states[i].action = OUTCOME_BOUNCED;
		m->states[i].last.action = OUTCOME_BOUNCED;
	}
}

/* Report what failed; what cannot be reported waits for another attempt. */
static void report_failures(struct message *m)
{
	uint8_t *failed;
	int error;

	if (count_fresh(m, OUTCOME_BOUNCED) == 0)
		return;
	failed = select_fresh(m, OUTCOME_BOUNCED);
	error = failed == NULL ? -ENOMEM
			       : report_send(m, REPORT_FAILURE, failed);
	if (error != 0)
		log_warning("%s: cannot return the message: %s", m->id.text,
			    strerror(-error));
	for (size_t i = 0; i < m->envelope.recipient_count; i++) {
		struct recipient_state *s = &m->states[i];

		if (m->fresh[i] != OUTCOME_BOUNCED)
			continue;
		if (error != 0) {
			m->fresh[i] = OUTCOME_DEFERRED;
			s->action = OUTCOME_DEFERRED;
			s->last.action = OUTCOME_DEFERRED;
		} else {
			(void)queue_outcome_record(&m->unsaved, &s->last, 0);
		}
	}
}

static void report_successes(struct message *m)
{
	uint8_t *sent;

	if (!wants_success(m))
		return;
	sent = select_fresh(m, OUTCOME_SENT);
	if (sent == NULL || report_send(m, REPORT_SUCCESS, sent) != 0)
		log_warning("%s: cannot report the delivery", m->id.text);
}

static void report_delay(struct message *m)
{
	uint8_t *late;

	if (!owes_delay_warning(m) || count_fresh(m, OUTCOME_DEFERRED) == 0)
		return;
	late = select_fresh(m, OUTCOME_DEFERRED);
	if (late == NULL || report_send(m, REPORT_DELAY, late) != 0)
		return;
	m->marks |= MARK_DELAY_WARNED;
	queue_mark_record(&m->unsaved, MARK_DELAY_WARNED);
}

/* ---- the file ----------------------------------------------------------- */

/* It cannot be removed, and is found again: write down for whom nothing is left
 * to be done. */
static void save_all(struct message *m)
{
	for (size_t i = 0; i < m->envelope.recipient_count; i++)
		if (m->fresh[i] == OUTCOME_SENT)
			(void)queue_outcome_record(&m->unsaved,
						   &m->states[i].last, 0);
	message_save(m);
}

static void remove_message(struct message *m)
{
	int error = 0;

	if (m->segment != NULL)
		journal_done(m);
	else
		error = queue_file_remove(m->q->queue, m->where,
					  queue_id_str(&m->id));

	if (error != 0 && error != -ENOENT) {
		log_error("%s: cannot remove: %s", m->id.text,
			  strerror(-error));
		save_all(m);
	} else if (m->after != AFTER_DELETE) {
		log_info("%s: removed", m->id.text);
	}
	message_free(m);
}

/* Let it wait: its reasons, its time, its place. */
static void let_wait(struct message *m)
{
	const struct qmgr_params *p = m->q->params;
	enum queue_name to = QUEUE_DEFERRED;
	int64_t now_s = clock_wall_us() / 1000000;
	int64_t wait =
		finish_backoff_ms(message_age_ms(m), p->minimal_backoff_time,
				  p->maximal_backoff_time);
	int fd;

	for (size_t i = 0; i < m->envelope.recipient_count; i++)
		if (m->fresh[i] == OUTCOME_DEFERRED)
			(void)queue_outcome_record(&m->unsaved,
						   &m->states[i].last, 0);
	message_save(m);
	if (m->segment != NULL &&
	    journal_settle(m, m->after == AFTER_HOLD ? QUEUE_HOLD : to,
			   now_s + (wait + 999) / 1000) != 0) {
		message_free(m); /* it is taken up again later */
		return;
	}
	if (m->after == AFTER_HOLD)
		to = QUEUE_HOLD;
	if (m->after == AFTER_REQUEUE) {
		to = QUEUE_INCOMING;
		wait = 0;
		scan_want(m->q, SCAN_INCOMING);
	}
	fd = m->fd >= 0 ? m->fd
			: queue_file_open(m->q->queue, m->where,
					  queue_id_str(&m->id), true);
	if (fd >= 0)
		(void)!queue_file_set_time(fd, now_s + (wait + 999) / 1000);
	if (fd >= 0 && fd != m->fd)
		(void)close(fd);
	if (message_move(m, to) != 0 && m->where == QUEUE_INCOMING)
		/* A scan of incoming/ would try it again at once. */
		(void)message_move(m, QUEUE_ACTIVE);
	else if (m->where == QUEUE_DEFERRED)
		feed_put(m->q, queue_id_str(&m->id),
			 now_s + (wait + 999) / 1000,
			 site_of_all(m, count_fresh(m, OUTCOME_DEFERRED)));
	message_free(m);
}

void finish_message(struct message *m)
{
	if (m->after == AFTER_DELETE) {
		remove_message(m);
		return;
	}
	expire(m);
	report_failures(m);
	report_successes(m);
	report_delay(m);
	if (is_done(m))
		remove_message(m);
	else
		let_wait(m);
}
