/* SPDX-License-Identifier: ISC */
/* Connections to delivery agents: many jobs under way on each, answered in any
 * order.  An agent that has nothing to do may close its connection; the next
 * job makes a new one. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/why.h"
#include "conf/param.h"
#include "ipc/channel.h"
#include "qmgr/journal.h"
#include "qmgr/qmgr.h"

#define CONNECT_MS 10000

struct connection {
	struct agent *agent; /* NULL: it has been given up */
	struct transport *transport;
	struct channel *channel;
	struct map *jobs; /* by number */
};

struct agent {
	struct connection *now; /* NULL: not connected */
	bool connecting;
	struct waitq connected;
	uint64_t last_number;
	struct buf frame;
};

/* ---- what agents say ---------------------------------------------------- */

static struct str key_of(const uint64_t *number)
{
	return str_of(number, sizeof(*number));
}

struct taking {
	struct job *job;
	uint32_t recipient;
};

/* Keep one recipient of a REPLACEMENT. */
static int take_replacement(const struct recipient *r, void *arg)
{
	struct taking *t = arg;
	struct job *j = t->job;
	struct arena *a = j->message->arena;
	struct recipient *new;

	if (j->replaced_count == j->replaced_room) {
		size_t room = j->replaced_room == 0 ? 8 : j->replaced_room * 2;

		new = arena_array(a, room, sizeof(*new));
		if (new == NULL)
			return -ENOMEM;
		if (j->replaced_count > 0)
			memcpy(new, j->replaced,
			       j->replaced_count * sizeof(*new));
		j->replaced = new;
		j->replaced_room = room;
	}
	new = &j->replaced[j->replaced_count];
	*new = *r;
	new->address = arena_str(a, r->address);
	new->original = arena_str(a, r->original);
	new->sender = arena_str(a, r->sender);
	new->orcpt = STR("");
	if (new->address.p == NULL || new->original.p == NULL ||
	    new->sender.p == NULL)
		return -ENOMEM;
	j->replaced_count++;
	return 0;
}

static int on_replacement(struct connection *c, struct msg *m)
{
	struct taking t = {.job = NULL};
	uint64_t number = msg_u64(m, TAG_NUMBER, UINT64_MAX);
	uint32_t recipient =
		(uint32_t)msg_u64(m, TAG_RECIPIENT_NUMBER, UINT32_MAX);

	t.job = map_get(c->jobs, key_of(&number));
	if (m->error != 0 || t.job == NULL)
		return -EBADMSG;
	if (t.job->replaced_for != recipient)
		t.job->replaced_count = 0;
	t.job->replaced_for = recipient;
	return delivery_replacement_decode(m, &number, &recipient,
					   take_replacement, &t);
}

static int on_outcome(struct connection *c, struct msg *m)
{
	struct outcome o;
	uint64_t number;
	int error = delivery_outcome_decode(m, NULL, &number, &o);
	struct job *j;

	if (error != 0)
		return error;
	j = map_get(c->jobs, key_of(&number));
	if (j == NULL)
		return -EBADMSG;
	if (o.action == OUTCOME_REPLACED && j->replaced_for == o.recipient) {
		o.replaced_by = j->replaced;
		o.replaced_count = j->replaced_count;
	}
	job_answer(j, &o);
	j->replaced_count = 0;
	return 0;
}

static int on_done(struct connection *c, struct msg *m)
{
	struct delivery_done d;
	int error = delivery_done_decode(m, NULL, &d);
	struct job *j;

	if (error != 0)
		return error;
	j = map_take(c->jobs, key_of(&d.number));
	if (j == NULL)
		return -EBADMSG;
	job_end(j, d.trouble, d.dsn, d.text);
	return 0;
}

static int on_message(struct connection *c, struct msg *m)
{
	int error = 0; /* what we do not know we pass over */

	if (m->type == MSG_OUTCOME)
		error = on_outcome(c, m);
	else if (m->type == MSG_REPLACEMENT)
		error = on_replacement(c, m);
	else if (m->type == MSG_DONE)
		error = on_done(c, m);
	msg_drop(m);
	return error;
}

/* ---- a connection ------------------------------------------------------- */

static void connection_end(struct connection *c, int error)
{
	struct transport *t = c->transport;
	size_t cursor = 0;
	struct str key;
	void *value;

	if (error != STREAM_END && error != -EPIPE && error != -ECONNRESET)
		log_warning("connection to private/%s ended: %s", t->name,
			    strerror(error < 0 ? -error : EIO));
	if (c->agent != NULL && c->agent->now == c)
		c->agent->now = NULL;
	channel_close(c->channel);
	if (map_count(c->jobs) > 0)
		journal_readers_lost(t->q);
	while (map_next(c->jobs, &cursor, &key, &value)) {
		struct job *j = value;

		(void)map_take(c->jobs, key_of(&j->number));
		job_lost(j);
		cursor = 0;
	}
	map_free(c->jobs);
	free(c);
	transport_run(t);
}

static void connection_fiber(void *arg)
{
	struct connection *c = arg;
	struct qmgr *q = c->transport->q;
	struct msg m;
	int error = 0;

	while (error == 0) {
		if (!channel_has_input(c->channel))
			message_save_all(q);
		error = channel_receive(c->channel, &m,
					clock_deadline(q->common->ipc_timeout));
		if (error == 0)
			error = on_message(c, &m);
		else if (error == -ETIMEDOUT && map_count(c->jobs) == 0)
			error = 0; /* nobody owes an answer */
	}
	message_save_all(q);
	connection_end(c, error);
}

/* Connect.  Returns 0 or -errno. */
static int connection_new(struct transport *t, struct agent *a)
{
	struct connection *c = calloc(1, sizeof(*c));
	char path[256];
	int error;

	if (c == NULL)
		return -ENOMEM;
	(void)snprintf(path, sizeof(path), "private/%s", t->name);
	c->agent = a;
	c->transport = t;
	c->jobs = map_new();
	error = c->jobs == NULL
			? -ENOMEM
			: channel_connect(path, clock_deadline(CONNECT_MS),
					  &c->channel, NULL);
	if (error == 0 && fiber_spawn(connection_fiber, c) == NULL)
		error = -ENOMEM;
	if (error != 0) {
		channel_close(c->channel);
		map_free(c->jobs);
		free(c);
		return error;
	}
	a->now = c;
	return 0;
}

static struct agent *agent_of(struct transport *t)
{
	struct agent *a = t->agent;

	if (a != NULL)
		return a;
	a = calloc(1, sizeof(*a));
	if (a == NULL)
		return NULL;
	waitq_init(&a->connected);
	buf_init(&a->frame, MSG_MAX * 2);
	t->agent = a;
	return a;
}

/* Have a connection.  Returns 0 or -errno. */
static int be_connected(struct transport *t, struct agent *a)
{
	int error = 0;

	while (error == 0 && a->connecting)
		error = waitq_wait(&a->connected, DEADLINE_NEVER);
	if (error != 0)
		return error;
	if (a->now != NULL && !channel_is_broken(a->now->channel))
		return 0;
	a->connecting = true;
	error = connection_new(t, a);
	a->connecting = false;
	waitq_wake_all(&a->connected);
	return error;
}

void agent_free(struct agent *a)
{
	if (a == NULL)
		return;
	if (a->now != NULL) {
		a->now->agent = NULL;
		channel_break(a->now->channel);
	}
	buf_release(&a->frame);
	free(a);
}

/* ---- sending ------------------------------------------------------------ */

static int encode(struct buf *frame, const struct transport *t,
		  const struct job *j, const struct delivery_host *hosts,
		  size_t host_count)
{
	const struct message *m = j->message;
	struct delivery_request r = {
		.number = j->number,
		.id = queue_id_str(&m->id),
		.sender = j->sender,
		.transport = str_of_c(t->name),
		.nexthop = j->nexthop,
		.size = m->length,
		.offset = m->offset,
		.length = m->length,
		.arrived_us = m->envelope.arrived_us,
		.active_us = m->active_us,
		.handed_us = j->handed_us,
		.flags = m->envelope.flags,
		.ret = m->envelope.ret,
		.envid = m->envelope.envid,
		.attrs = m->envelope.attrs,
		.attr_count = m->envelope.attr_count,
		.recipients = j->recipients,
		.recipient_count = j->count,
		.host_count = host_count,
	};

	/* The encoder only reads them. */
	memcpy(&r.hosts, &hosts, sizeof(hosts));
	buf_reset(frame);
	return delivery_request_encode(frame, &r);
}

int agent_send(struct transport *t, struct job *j,
	       const struct delivery_host *hosts, size_t host_count)
{
	struct agent *a = agent_of(t);
	struct message *m = j->message;
	struct connection *c;
	int error, fd;

	if (a == NULL)
		return -ENOMEM;
	error = be_connected(t, a);
	if (error != 0)
		return error;
	c = a->now;
	j->number = ++a->last_number;
	error = encode(&a->frame, t, j, hosts, host_count);
	if (error != 0)
		return error;
	/* A descriptor of its own, which cannot write. */
	fd = message_open_content(m);
	if (fd < 0) {
		if (fd != -ENOENT)
			log_warning("%s: cannot open it: %s", m->id.text,
				    strerror(-fd));
		return fd == -ENOENT ? AGENT_NO_FILE : AGENT_UNREADABLE;
	}
	error = map_put(c->jobs, key_of(&j->number), j, NULL);
	if (error != 0) {
		(void)close(fd);
		return error;
	}
	error = channel_post(c->channel, &a->frame, &fd, 1);
	if (error != 0)
		(void)map_take(c->jobs, key_of(&j->number));
	return error;
}
