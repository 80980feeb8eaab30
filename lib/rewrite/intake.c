/* SPDX-License-Identifier: ISC */
/* A message on its way in: see intake.h.
 *
 * The text goes to the queue's draft as it comes; envelope addresses are kept
 * as they were given and looked up at the end, when all tables are asked in
 * one place and the answer "cannot tell now" still has a reply to go into. */
#include "rewrite/intake.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/why.h"
#include "conf/param.h"
#include "delivery/handover.h"
#include "mail/date.h"
#include "queue/writer.h"
#include "rewrite/envelope.h"
#include "rewrite/maps.h"
#include "rewrite/message.h"
#include "stats/stats.h"

#define ARENA_MAX ((size_t)256 * 1024 * 1024)
#define PREPEND_MAX ((size_t)256 * 1024)

struct intake_site {
	const struct conf_common *common;
	struct queue *queue;
	struct handover *handover;
	struct rewrite_maps *maps;
	uint64_t flushes; /* that were counted */
};

struct intake {
	struct intake_site *site;
	struct arena *arena;
	struct queue_draft *draft;
	struct intake_origin origin; /* strs in the arena */
	struct intake_envelope envelope;
	struct message_work work;
	struct buf prepend;
	uint64_t bytes;	 /* of content, as it came */
	bool begun;	 /* the text has begun */
	int error;	 /* 0, or the first -errno */
	uint64_t memory; /* memory_failures() when it was begun */
};

int intake_site_open(const struct conf *conf, const struct conf_common *common,
		     struct queue *queue, struct handover *handover,
		     struct intake_site **out, struct why *why)
{
	struct intake_site *site = calloc(1, sizeof(*site));
	int rc;

	*out = NULL;
	if (site == NULL)
		return why_fail(why, -ENOMEM, "out of memory");
	site->common = common;
	site->queue = queue;
	site->flushes = queue != NULL ? queue_flushes(queue) : 0;
	site->handover = handover;
	rc = rewrite_maps_open(conf, common, &site->maps, why);
	if (rc < 0) {
		free(site);
		return rc;
	}
	*out = site;
	return 0;
}

void intake_site_close(struct intake_site *site)
{
	if (site == NULL)
		return;
	rewrite_maps_close(site->maps);
	free(site);
}

/* ---- beginning ----------------------------------------------------------- */

/* Copies of every str of `origin`, in the arena. */
static int copy_origin(struct intake *in, const struct intake_origin *origin)
{
	struct intake_origin *o = &in->origin;
	struct str *strs[] = {
		&o->client_name,	 &o->client_address,
		&o->client_port,	 &o->client_helo,
		&o->client_protocol,	 &o->sasl_method,
		&o->sasl_username,	 &o->sasl_sender,
		&o->log_ident,		 &o->filter,
		&o->received_from,	 &o->received_comments,
		&o->received_by_comment, &o->received_with,
		&o->full_name,
	};

	*o = *origin;
	for (size_t i = 0; i < ARRAY_LEN(strs); i++) {
		if (strs[i]->n == 0)
			continue;
		*strs[i] = arena_str(in->arena, *strs[i]);
		if (strs[i]->p == NULL)
			return -ENOMEM;
	}
	return 0;
}

int intake_begin(struct intake_site *site, const struct intake_origin *origin,
		 struct intake **out)
{
	struct intake *in = calloc(1, sizeof(*in));

	*out = NULL;
	if (in == NULL)
		return -ENOMEM;
	in->site = site;
	in->memory = memory_failures();
	buf_init(&in->prepend, PREPEND_MAX);
	in->arena = arena_new(ARENA_MAX);
	if (in->arena == NULL || copy_origin(in, origin) < 0 ||
	    queue_begin(site->queue, &in->draft) < 0) {
		intake_abandon(in);
		return -ENOMEM;
	}
	intake_envelope_init(&in->envelope, in->arena);
	*out = in;
	return 0;
}

struct str intake_id(const struct intake *in)
{
	return queue_draft_id(in->draft);
}

static int keep_error(struct intake *in, int rc)
{
	if (rc < 0 && in->error == 0)
		in->error = rc;
	return rc;
}

int intake_sender(struct intake *in, struct str address, uint32_t ret,
		  struct str envid)
{
	return keep_error(
		in, intake_envelope_sender(&in->envelope, address, ret, envid));
}

int intake_recipient(struct intake *in, struct str address, struct str original,
		     struct str orcpt, uint32_t notify)
{
	const struct intake_address r = {address, original, orcpt, notify};

	return keep_error(in, intake_envelope_recipient(&in->envelope, &r));
}

size_t intake_recipient_count(const struct intake *in)
{
	return in->envelope.count;
}

void intake_hold(struct intake *in)
{
	in->envelope.hold = true;
}

int intake_filter(struct intake *in, struct str transport_nexthop)
{
	in->origin.filter = arena_str(in->arena, transport_nexthop);
	return keep_error(in, in->origin.filter.p == NULL ? -ENOMEM : 0);
}

int intake_redirect(struct intake *in, struct str address)
{
	in->envelope.redirect = arena_str(in->arena, address);
	return keep_error(in, in->envelope.redirect.p == NULL ? -ENOMEM : 0);
}

int intake_prepend(struct intake *in, struct str header)
{
	(void)buf_put(&in->prepend, header);
	(void)buf_put(&in->prepend, STR("\r\n"));
	return keep_error(in, in->prepend.failed ? -ENOMEM : 0);
}

/* ---- the text ------------------------------------------------------------ */

/* RFC 5321 4.4. */
static void put_received(struct intake *in, struct buf *out)
{
	const struct intake_origin *o = &in->origin;
	const struct conf_common *c = in->site->common;

	(void)buf_put(out, STR("Received: "));
	if (o->received_from.n > 0)
		(void)buf_putf(out, "from " STR_FMT "\r\n" STR_FMT "\t",
			       STR_ARG(o->received_from),
			       STR_ARG(o->received_comments));
	(void)buf_putf(out, "by " STR_FMT " (" STR_FMT STR_FMT ")",
		       STR_ARG(c->myhostname), STR_ARG(c->mail_name),
		       STR_ARG(o->received_by_comment));
	if (o->received_with.n > 0)
		(void)buf_putf(out, " with " STR_FMT,
			       STR_ARG(o->received_with));
	else
		(void)buf_put(out, STR("\r\n\t"));
	(void)buf_putf(out, "%sid " STR_FMT, o->received_with.n > 0 ? " " : "",
		       STR_ARG(intake_id(in)));
	/* Several recipients would learn of each other. */
	if (in->envelope.count == 1 && o->received_from.n > 0) {
		(void)buf_put(out, STR("\r\n\tfor <"));
		(void)intake_envelope_put_first(&in->envelope, out);
		(void)buf_put(out, STR(">"));
	}
	(void)buf_put(out, STR("; "));
	(void)date_put(out, (time_t)(queue_draft_time_us(in->draft) / 1000000));
	(void)buf_put(out, STR("\r\n"));
}

/* The envelope is known: everything that stands before the first header field
 * can be written. */
static int begin_text(struct intake *in)
{
	BUF_SCOPED top = BUF_INIT(PREPEND_MAX + 64 * 1024);
	const bool local = in->origin.flags & INTAKE_LOCAL;
	int rc;

	in->begun = true;
	in->work.common = in->site->common;
	in->work.maps = in->site->maps;
	in->work.draft = in->draft;
	in->work.arena = in->arena;
	in->work.complete = local;
	in->work.mapped = !(in->origin.flags & INTAKE_NO_MAPPINGS);
	in->work.full_name = in->origin.full_name;
	message_work_init(&in->work);
	rc = intake_envelope_map_sender(&in->envelope, in->site->maps,
					in->work.mapped);
	if (rc < 0)
		return rc;
	in->work.sender = in->envelope.sender;
	(void)buf_put(&top, buf_str(&in->prepend));
	if (!(in->origin.flags & INTAKE_NO_RECEIVED))
		put_received(in, &top);
	return top.failed ? -ENOMEM : queue_put(in->draft, buf_str(&top));
}

int intake_data(struct intake *in, struct str bytes)
{
	int rc = in->error;

	in->bytes += bytes.n;
	if (rc == 0 && in->origin.size_limit > 0 &&
	    in->bytes > in->origin.size_limit)
		rc = -EFBIG;
	if (rc == 0 && !in->begun)
		rc = begin_text(in);
	if (rc == 0)
		rc = message_work_put(&in->work, bytes);
	return keep_error(in, rc);
}

/* ---- the end ------------------------------------------------------------- */

static const struct {
	int error;
	struct intake_result reply;
} replies[] = {
	{-EFBIG, {0, 552, "5.3.4", "Error: message file too big"}},
	{-ELOOP, {0, 554, "5.4.0", "Error: too many hops"}},
	{-ENOSPC, {0, 452, "4.3.1", "Error: insufficient system storage"}},
	{-EDQUOT, {0, 452, "4.3.1", "Error: insufficient system storage"}},
	{-E2BIG, {0, 451, "4.6.0", "Alias expansion error"}},
	{-ENODATA, {0, 554, "5.5.1", "Error: no valid recipients"}},
};

static void reply_for(int error, struct intake_result *result)
{
	for (size_t i = 0; i < ARRAY_LEN(replies); i++)
		if (replies[i].error == error) {
			*result = replies[i].reply;
			return;
		}
	*result = (struct intake_result){0, 451, "4.3.0",
					 "Error: queue file write error"};
}

static void put_attrs(struct intake *in)
{
	const struct intake_origin *o = &in->origin;
	struct intake_envelope *e = &in->envelope;
	const struct attr rows[] = {
		{STR("client_name"), o->client_name},
		{STR("client_address"), o->client_address},
		{STR("client_port"), o->client_port},
		{STR("client_helo"), o->client_helo},
		{STR("client_protocol"), o->client_protocol},
		{STR("sasl_method"), o->sasl_method},
		{STR("sasl_username"), o->sasl_username},
		{STR("sasl_sender"), o->sasl_sender},
		{STR("log_ident"), o->log_ident},
		{STR("filter"), o->filter},
		{STR("redirect"), e->redirect},
		{STR("message_id"), in->work.message_id},
		{STR("rewrite_context"),
		 o->flags & INTAKE_LOCAL ? STR("local") : STR("remote")},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (rows[i].value.n > 0)
			(void)keep_error(in, intake_envelope_attr(e, &rows[i]));
}

static uint32_t envelope_flags(const struct intake *in)
{
	const unsigned from = in->origin.flags;

	return (from & INTAKE_8BITMIME ? ENVELOPE_8BITMIME : 0u) |
	       (from & INTAKE_SMTPUTF8 ? ENVELOPE_SMTPUTF8 : 0u) |
	       (from & INTAKE_BOUNCE ? ENVELOPE_BOUNCE : 0u) |
	       (from & INTAKE_DOUBLE_BOUNCE ? ENVELOPE_DOUBLE_BOUNCE : 0u) |
	       (in->envelope.hold ? ENVELOPE_HOLD : 0u);
}

/* Everything short of the commit. */
static int complete(struct intake *in, struct envelope *e)
{
	int rc = in->error;

	if (rc == 0 && !in->begun)
		rc = begin_text(in);
	if (rc == 0)
		rc = message_work_finish(&in->work);
	if (rc == 0 &&
	    (int64_t)in->work.hops > in->site->common->hopcount_limit)
		rc = -ELOOP;
	if (rc == 0)
		rc = intake_envelope_map(&in->envelope, in->site->maps,
					 in->work.mapped);
	if (rc == 0) {
		put_attrs(in);
		rc = in->error;
	}
	if (rc == 0)
		intake_envelope_finish(&in->envelope, e);
	e->arrived_us = queue_draft_time_us(in->draft);
	e->flags = envelope_flags(in);
	/* Something of it may be missing. */
	if (rc == 0 && in->memory != memory_failures())
		rc = -ENOMEM;
	return rc;
}

static void log_message_id(const struct intake *in)
{
	bool resent = in->work.seen & SEEN_RESENT;

	log_line(LOG_LEVEL_INFO, "cleanup", STR_FMT ": %smessage-id=" STR_FMT,
		 STR_ARG(intake_id(in)), resent ? "resent-" : "",
		 STR_ARG(in->work.message_id));
}

static int commit(struct intake *in, const struct envelope *e,
		  struct intake_result *result)
{
	struct queue_place place;
	struct queue_id id = {""};
	int rc;

	(void)!str_to_c(intake_id(in), id.text, sizeof(id.text));
	log_message_id(in);
	result->size = queue_draft_size(in->draft);
	rc = queue_commit(in->draft, e, &place);
	in->draft = NULL;
	/* Of all that were made meanwhile, each is counted once. */
	stats_add(STAT_queue_flushes,
		  queue_flushes(in->site->queue) - in->site->flushes);
	in->site->flushes = queue_flushes(in->site->queue);
	if (rc < 0) {
		stats_add(STAT_queue_commit_failures, 1);
		log_line(LOG_LEVEL_WARNING, "cleanup",
			 "%s: cannot store the message: %s", id.text,
			 strerror(-rc));
		return rc;
	}
	stats_add(STAT_queue_commits, 1);
	stats_add(STAT_queue_bytes, place.length);
	if (in->site->handover != NULL)
		handover_send(in->site->handover, &place, e);
	else
		queue_place_close(&place);
	return 0;
}

int intake_end(struct intake *in, struct intake_result *result)
{
	struct envelope e = {0};
	int rc;

	*result = (struct intake_result){0};
	rc = complete(in, &e);
	if (rc == 0)
		rc = commit(in, &e, result);
	if (rc < 0) {
		if (in->draft != NULL && rc != -EFBIG)
			log_line(LOG_LEVEL_WARNING, "cleanup",
				 STR_FMT ": message not accepted: %s",
				 STR_ARG(intake_id(in)), strerror(-rc));
		reply_for(rc, result);
	}
	intake_abandon(in);
	return rc;
}

void intake_abandon(struct intake *in)
{
	if (in == NULL)
		return;
	if (in->begun)
		message_work_release(&in->work);
	queue_abandon(in->draft);
	buf_release(&in->prepend);
	intake_envelope_release(&in->envelope);
	arena_free(in->arena);
	free(in);
}
