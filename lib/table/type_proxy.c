/* SPDX-License-Identifier: ISC */
/* proxy:type:name — the same as type:name, asked through proxymap when this
 * process is in a jail and cannot open it.
 *
 * The jailed processes' connections to proxymap are kept and shared by all
 * proxied tables of the process; each carries one question at a time. */
#include <errno.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/why.h"
#include "ipc/channel.h"
#include "rt/fiber.h"
#include "table/inside.h"
#include "table/proxy.h"
#include "table/type.h"

#define IDLE_MAX 16u

struct proxy_table {
	struct table base;
	struct table *inner; /* NULL: ask proxymap */
	struct str name;     /* "type:name", within base.spec */
};

static struct channel *idle[IDLE_MAX];
static unsigned idle_count;

static struct proxy_table *proxy_of(struct table *t)
{
	return CONTAINER_OF(t, struct proxy_table, base);
}

static int proxy_open(struct table *t, struct str name, struct why *why)
{
	struct proxy_table *p = proxy_of(t);
	const struct table_type *type;
	struct str type_name;
	int r;

	p->name = str_after(t->spec, t->type->name.n + 1);
	if (table_jail() == NULL) {
		r = table_open(name, &t->opts, &p->inner, why);
		if (r == 0)
			t->whole_key = p->inner->whole_key;
		return r;
	}
	if (!str_cut(name, ':', &type_name, NULL))
		return why_fail(why, -EINVAL,
				"open dictionary: expecting \"type:name\" form "
				"instead of \"" STR_FMT "\"",
				STR_ARG(name));
	type = table_type_find(type_name);
	t->whole_key =
		type != NULL && (type->flags & TABLE_TYPE_WHOLE_KEY) != 0;
	return 0;
}

/* Send the question and read the answer.  Returns -errno, or 0 with *status
 * and *value. */
static int exchange(struct channel *ch, const struct proxy_table *p,
		    struct str key, int64_t deadline, uint64_t *status,
		    struct buf *value)
{
	BUF_SCOPED frame = BUF_INIT(MSG_MAX + 16);
	struct msg_writer w;
	struct msg m;
	uint64_t number;
	int r;

	msg_begin(&w, &frame, MSG_ASK);
	msg_put(&w, TAG_NUMBER, (uint64_t)1);
	msg_put(&w, TAG_NAME, p->name);
	msg_put(&w, TAG_KEY, key);
	msg_put(&w, TAG_FLAGS, proxy_flags(&p->base.opts));
	r = msg_end(&w);
	if (r == 0)
		r = channel_send(ch, &frame, NULL, 0, deadline);
	if (r == 0)
		r = channel_receive(ch, &m, deadline);
	if (r != 0)
		return r > 0 ? -EPIPE : r;
	number = msg_u64(&m, TAG_NUMBER, UINT64_MAX);
	*status = msg_u64(&m, TAG_STATUS, TABLE_LATER);
	if (*status == TABLE_FOUND && m.error == 0)
		buf_put(value, msg_str(&m, TAG_VALUE, MSG_MAX));
	r = msg_finish(&m);
	return r == 0 && (m.type != MSG_ANSWER || number != 1) ? -EBADMSG : r;
}

/* One try.  A kept connection may have been closed by the other side, which
 * is no reason to fail: *was_kept says so. */
static int try(const struct proxy_table *p, struct str key, int64_t deadline,
	       uint64_t *status, struct buf *value, bool *was_kept)
{
	struct channel *ch = NULL;
	int r = 0;

	*was_kept = idle_count > 0;
	if (*was_kept)
		ch = idle[--idle_count];
	else
		r = channel_connect(table_jail(), deadline, &ch, NULL);
	if (r == 0)
		r = exchange(ch, p, key, deadline, status, value);
	if (r == 0 && idle_count < IDLE_MAX)
		idle[idle_count++] = ch;
	else
		channel_close(ch);
	return r;
}

static enum table_answer proxy_ask(struct table *t, struct str key,
				   struct buf *value)
{
	struct proxy_table *p = proxy_of(t);
	int64_t deadline = clock_deadline(t->opts.timeout_ms);
	uint64_t status = TABLE_LATER;
	bool was_kept;
	int r;

	if (p->inner != NULL)
		return table_ask(p->inner, key, value);
	if (fiber_self() == NULL)
		return TABLE_LATER;
	do {
		buf_reset(value);
		r = try(p, key, deadline, &status, value, &was_kept);
	} while (was_kept && (r == -EPIPE || r == -ECONNRESET));
	if (r < 0 && r != -ECANCELED)
		log_warning(STR_FMT ": cannot ask proxymap: %s",
			    STR_ARG(str_first(t->spec, 200)), strerror(-r));
	return r < 0 ? TABLE_LATER : (enum table_answer)status;
}

static void proxy_close(struct table *t)
{
	table_close(proxy_of(t)->inner);
}

static int proxy_walk(struct table *t,
		      int (*visit)(void *arg, struct str key, struct str value),
		      void *arg, struct why *why)
{
	struct proxy_table *p = proxy_of(t);

	return p->inner == NULL ? -ENOTSUP
				: table_walk(p->inner, visit, arg, why);
}

const struct table_type table_type_proxy = {
	.name = STR_INIT("proxy"),
	.summary = STR_INIT("Another table, through the proxymap service."),
	.size = sizeof(struct proxy_table),
	/* The inner table folds keys, as its type does. */
	.flags = TABLE_TYPE_OWN_CASE,
	.open = proxy_open,
	.ask = proxy_ask,
	.close = proxy_close,
	.walk = proxy_walk,
};
