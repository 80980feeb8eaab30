/* SPDX-License-Identifier: ISC */
/* proxymap(8): looks up what processes in a jail cannot.
 *
 * One fiber per connection, one question at a time on each.  Idle connections
 * are closed when the process drains; those who ask connect again. */
#include "proxymap/proxymap.h"

#include <errno.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/list.h"
#include "base/log.h"
#include "base/why.h"
#include "ipc/channel.h"

#define SEND_MS 30000

struct server {
	struct proxymap *tables;
	struct list connections;
};

struct connection {
	struct list node;
	struct channel *channel;
	bool busy; /* a question is being answered */
};

static const struct param rows[] = {
#define PARAM(...) PARAM_ROW(struct proxymap_params, __VA_ARGS__),
#include "proxymap/params.def"
#undef PARAM
};

static int open_service(struct service_env *env, struct why *why)
{
	const struct proxymap_params *params = env->params;
	struct server *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return why_fail(why, -ENOMEM, "out of memory");
	list_init(&s->connections);
	s->tables = proxymap_new(params->proxy_read_maps);
	if (s->tables == NULL) {
		free(s);
		return why_fail(why, -ENOMEM, "out of memory");
	}
	env->state = s;
	return 0;
}

/* Answer until the other side, or a drain, ends it. */
static void converse(struct service_env *env, struct connection *c)
{
	struct server *s = env->state;
	BUF_SCOPED frame = BUF_INIT(MSG_MAX + 16);
	int r = 0;

	while (r == 0 && !service_draining(env)) {
		struct msg m;

		r = channel_receive(c->channel, &m, DEADLINE_NEVER);
		if (r != 0)
			break;
		c->busy = true;
		buf_reset(&frame);
		r = proxymap_answer(s->tables, &m, &frame);
		if (r == 0)
			r = channel_send(c->channel, &frame, NULL, 0,
					 clock_deadline(SEND_MS));
		c->busy = false;
	}
	if (r == -EBADMSG)
		log_warning("a message that makes no sense: closing the "
			    "connection");
}

static void accept_one(struct service_env *env, int fd,
		       const struct service_listener *on)
{
	struct server *s = env->state;
	struct connection c = {.busy = false};

	(void)on;
	if (channel_open(fd, &c.channel) < 0)
		return;
	list_append(&s->connections, &c.node);
	converse(env, &c);
	list_remove(&c.node);
	channel_close(c.channel);
}

static void drain(struct service_env *env)
{
	struct server *s = env->state;

	LIST_EACH(node, &s->connections)
	{
		struct connection *c =
			CONTAINER_OF(node, struct connection, node);

		if (!c->busy)
			channel_break(c->channel);
	}
}

static void end(struct service_env *env)
{
	struct server *s = env->state;

	proxymap_free(s->tables);
	free(s);
	env->state = NULL;
}

const struct service proxymap_service = {
	.name = "proxymap",
	.params = rows,
	.param_count = ARRAY_LEN(rows),
	.params_size = sizeof(struct proxymap_params),
	.open = open_service,
	.accept = accept_one,
	.drain = drain,
	.end = end,
	.stays = true,
};
