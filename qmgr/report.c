/* SPDX-License-Identifier: ISC */
/* Sending reports: to whom, and putting them into the queue.
 *
 * A report to a sender comes from the null sender.  One about mail from the
 * null sender goes to the postmaster (if notify_classes wants that) and comes
 * from double_bounce_sender; about mail from there nothing is said at all. */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/byteset.h"
#include "base/clock.h"
#include "base/log.h"
#include "conf/conf.h"
#include "mail/address.h"
#include "qmgr/finish.h"
#include "qmgr/report_text.h"
#include "rewrite/intake.h"
#include "service/service.h"

#define FRONT_MOST ((size_t)64 << 20)
#define CHUNK ((size_t)64 * 1024)

/* ---- the message's own bytes -------------------------------------------- */

/* How many of the bytes in `chunk` belong to the header, which `state` has seen
 * so far: an empty line ends it. */
static size_t header_part(struct str chunk, int *state)
{
	for (size_t i = 0; i < chunk.n; i++) {
		if (chunk.p[i] == '\n') {
			if (*state == 1)
				return i + 1;
			*state = 1;
		} else if (chunk.p[i] != '\r') {
			*state = 0;
		}
	}
	return chunk.n;
}

/* Copy the content, or its header, of at most `most` bytes. */
static int copy_content(const struct message *m, struct intake *in,
			bool headers_only, uint64_t most)
{
	BUF_SCOPED chunk = BUF_INIT(CHUNK);
	uint64_t done = 0, length = m->length < most ? m->length : most;
	int state = 1, error = 0;
	int fd = message_open_content(m);

	if (fd < 0)
		return fd;
	while (error == 0 && done < length) {
		size_t n =
			length - done < CHUNK ? (size_t)(length - done) : CHUNK;
		char *p;
		ssize_t got;
		struct str part;

		buf_reset(&chunk);
		p = buf_room(&chunk, n);
		got = p == NULL ? -1
				: pread(fd, p, n, (off_t)(m->offset + done));
		if (got <= 0) {
			error = p == NULL ? -ENOMEM : got == 0 ? -EIO : -errno;
			break;
		}
		part = str_of(p, (size_t)got);
		if (headers_only)
			part = str_first(part, header_part(part, &state));
		error = intake_data(in, part);
		done += part.n;
		if (part.n < (size_t)got)
			break;
	}
	(void)close(fd);
	return error;
}

/* ---- one report --------------------------------------------------------- */

struct sending {
	struct message *m;
	struct report text;
	struct str from;  /* envelope sender */
	unsigned flags;	  /* enum intake_flag */
	const char *what; /* for the log */
};

static int fill_intake(const struct sending *s, struct intake *in)
{
	BUF_SCOPED text = BUF_INIT(FRONT_MOST);
	uint64_t limit = (uint64_t)s->m->q->params->bounce_size_limit;
	int error;

	report_put_front(&text, &s->text);
	if (text.failed)
		return -ENOMEM;
	error = intake_data(in, buf_str(&text));
	if (error == 0)
		error = copy_content(
			s->m, in, s->text.headers_only,
			s->text.headers_only && limit > 0 ? limit : UINT64_MAX);
	buf_reset(&text);
	report_put_end(&text, &s->text);
	return error != 0 ? error : intake_data(in, buf_str(&text));
}

/* Write it and take it up.  Returns 0 or -errno. */
static int send(const struct sending *s)
{
	struct qmgr *q = s->m->q;
	const struct intake_origin origin = {.flags = INTAKE_LOCAL |
						      INTAKE_BOUNCE | s->flags};
	struct intake_result result;
	struct intake *in;
	struct queue_id id = {.text = ""};
	int error;

	error = intake_begin(q->intake, &origin, &in);
	if (error != 0)
		return error;
	memcpy(id.text, intake_id(in).p,
	       str_first(intake_id(in), QUEUE_ID_MAX).n);
	(void)intake_sender(in, s->from, RETURN_UNSAID, STR(""));
	(void)intake_recipient(in, s->text.to, STR(""), STR(""), NOTIFY_NEVER);
	error = fill_intake(s, in);
	if (error != 0) {
		intake_abandon(in);
		return error;
	}
	error = intake_end(in, &result);
	if (error != 0)
		return error;
	log_line(LOG_LEVEL_INFO, "bounce", "%s: %s notification: %s",
		 s->m->id.text, s->what, id.text);
	return 0;
}

/* ---- to whom ------------------------------------------------------------ */

static bool has_class(const struct qmgr *q, struct str name)
{
	struct str rest = q->common->notify_classes, word;

	while (conf_list_next(&rest, &word))
		if (str_eq_nocase(word, name))
			return true;
	return false;
}

static struct str double_bounce_address(struct message *m)
{
	const struct conf_common *c = m->q->common;

	return arena_strf(m->arena, STR_FMT "@" STR_FMT,
			  STR_ARG(c->double_bounce_sender),
			  STR_ARG(c->myhostname));
}

static bool is_double_bounce(const struct message *m, struct str sender)
{
	struct str local;

	(void)mail_address_split(sender, &local, NULL);
	return str_eq_nocase(local, m->q->common->double_bounce_sender);
}

static struct str boundary_of(struct message *m)
{
	return arena_strf(m->arena, "%s.%lld/" STR_FMT, m->id.text,
			  (long long)clock_wall_us(),
			  STR_ARG(m->q->common->myhostname));
}

static struct report make_report(struct message *m, enum report_kind kind,
				 const uint8_t *wanted, struct str sender)
{
	const struct qmgr_params *p = m->q->params;
	bool full = kind == REPORT_FAILURE &&
		    m->envelope.ret != RETURN_HEADERS &&
		    (p->bounce_size_limit == 0 ||
		     m->length <= (uint64_t)p->bounce_size_limit);

	return (struct report){
		.kind = kind,
		.audience = REPORT_TO_SENDER,
		.hostname = m->q->common->myhostname,
		.mail_name = m->q->common->mail_name,
		.to = sender,
		.sender = sender,
		.boundary = boundary_of(m),
		.message = m,
		.wanted = wanted,
		.headers_only = !full,
		.now_s = clock_wall_us() / 1000000,
		.expires_s = (m->envelope.arrived_us / 1000 +
			      p->maximal_queue_lifetime) /
			     1000,
	};
}

static unsigned flags_of(const struct message *m)
{
	unsigned flags = 0;

	if ((m->envelope.flags & ENVELOPE_8BITMIME) != 0)
		flags |= INTAKE_8BITMIME;
	if ((m->envelope.flags & ENVELOPE_SMTPUTF8) != 0)
		flags |= INTAKE_SMTPUTF8;
	return flags;
}

static int to_postmaster(struct message *m, const struct report *base,
			 struct str recipient, const char *what)
{
	struct sending s = {
		.m = m,
		.text = *base,
		.from = double_bounce_address(m),
		.flags = flags_of(m) | INTAKE_DOUBLE_BOUNCE,
		.what = what,
	};

	s.text.audience = REPORT_TO_POSTMASTER;
	s.text.to = recipient;
	s.text.headers_only = true;
	return send(&s);
}

static int to_sender(struct message *m, const struct report *base)
{
	static const char *const what[] = {
		[REPORT_FAILURE] = "sender non-delivery",
		[REPORT_DELAY] = "sender delay",
		[REPORT_SUCCESS] = "sender delivery status",
	};
	const struct sending s = {
		.m = m,
		.text = *base,
		.from = STR(""),
		.flags = flags_of(m),
		.what = what[base->kind],
	};

	return send(&s);
}

/* Mail without a sender failed: whom to tell, if anybody. */
static int double_bounce(struct message *m, const struct report *base)
{
	struct str to = STR("postmaster");

	if (base->kind != REPORT_FAILURE || !has_class(m->q, STR("2bounce")))
		return 0;
	if (conf_str(m->q->env->conf, STR("2bounce_notice_recipient"), &to,
		     NULL) != 0 ||
	    to.n == 0)
		to = STR("postmaster");
	return to_postmaster(m, base, to, "postmaster non-delivery");
}

static bool wants(enum report_kind kind, uint32_t notify)
{
	switch (kind) {
	case REPORT_FAILURE:
		return finish_wants_failure(notify);
	case REPORT_DELAY:
		return finish_wants_delay(notify);
	case REPORT_SUCCESS:
		break;
	}
	return (notify & NOTIFY_SUCCESS) != 0;
}

/* Copies for the postmaster are a courtesy: not written, not retried. */
static void copy_to_postmaster(struct message *m, const struct report *base)
{
	const struct qmgr_params *p = m->q->params;

	if (base->kind == REPORT_FAILURE && has_class(m->q, STR("bounce")))
		(void)!to_postmaster(m, base, p->bounce_notice_recipient,
				     "postmaster non-delivery");
	if (base->kind == REPORT_DELAY && has_class(m->q, STR("delay")))
		(void)!to_postmaster(m, base, p->delay_notice_recipient,
				     "postmaster delay");
}

/* Report to one sender on the recipients in `mine`. */
static int report_to(struct message *m, enum report_kind kind, uint8_t *mine,
		     struct str sender)
{
	struct report base = make_report(m, kind, mine, sender);
	bool any = false;
	int error = 0;

	if (base.boundary.p == NULL)
		return -ENOMEM;
	if (is_double_bounce(m, sender))
		return 0;
	if (sender.n == 0)
		return double_bounce(m, &base);
	copy_to_postmaster(m, &base);
	for (size_t i = 0; i < m->envelope.recipient_count; i++) {
		if (mine[i] != 0 &&
		    !wants(kind, m->envelope.recipients[i].notify))
			mine[i] = 0;
		any = any || mine[i] != 0;
	}
	if (any)
		error = to_sender(m, &base);
	return error;
}

int report_send(struct message *m, enum report_kind kind, const uint8_t *wanted)
{
	size_t n = m->envelope.recipient_count;
	uint8_t *left = arena_array(m->arena, n + 1, 1);
	uint8_t *mine = arena_array(m->arena, n + 1, 1);
	int error = 0;

	if (left == NULL || mine == NULL)
		return -ENOMEM;
	memcpy(left, wanted, n);
	qmgr_enter(m->q);
	for (size_t i = 0; i < n && error == 0; i++) {
		struct str sender = message_sender(m, (uint32_t)i);

		if (left[i] == 0)
			continue;
		memset(mine, 0, n);
		for (size_t k = i; k < n; k++) {
			if (left[k] == 0 ||
			    !str_eq(message_sender(m, (uint32_t)k), sender))
				continue;
			mine[k] = 1;
			left[k] = 0;
		}
		error = report_to(m, kind, mine, sender);
	}
	qmgr_leave(m->q);
	return error;
}
