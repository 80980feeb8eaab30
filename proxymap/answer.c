/* SPDX-License-Identifier: ISC */
/* From an ASK to an ANSWER.  No sockets here.
 *
 * Only what proxy_read_maps names is opened: whoever is caught in a jail shall
 * not read the whole machine by asking for it. */
#include <errno.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/map.h"
#include "conf/conf.h"
#include "ipc/msg.h"
#include "proxymap/proxymap.h"
#include "table/elements.h"
#include "table/proxy.h"
#include "table/table.h"

#define REFUSED_MAX 1000u /* tables that were refused are named once */

struct proxymap {
	struct map *allowed; /* "type:name" to itself */
	struct map *open;    /* flags and "type:name" to struct table */
	struct map *refused;
};

void proxymap_free(struct proxymap *p)
{
	size_t cursor = 0;
	struct str key;
	void *table;

	if (p == NULL)
		return;
	while (p->open != NULL && map_next(p->open, &cursor, &key, &table))
		table_close(table);
	map_free(p->open);
	map_free(p->allowed);
	map_free(p->refused);
	free(p);
}

/* Allow proxy:type:name, wherever it stands: also as a member of another
 * table, within braces. */
static int allow(struct proxymap *p, struct str list)
{
	struct str element, inside;
	int r = 0;

	while (r == 0 && conf_list_next(&list, &element)) {
		if (elements_unbrace(element, &inside)) {
			r = allow(p, inside);
			continue;
		}
		if (!str_eat(&element, STR("proxy:")))
			continue;
		while (str_eat(&element, STR("proxy:")))
			continue;
		r = map_put(p->allowed, element, p, NULL);
	}
	return r;
}

struct proxymap *proxymap_new(struct str read_maps)
{
	CLEANUP(proxymap_free) struct proxymap *p = calloc(1, sizeof(*p));
	struct proxymap *out;

	if (p == NULL)
		return NULL;
	p->allowed = map_new();
	p->open = map_new();
	p->refused = map_new();
	if (p->allowed == NULL || p->open == NULL || p->refused == NULL ||
	    allow(p, read_maps) < 0)
		return NULL;
	out = p;
	p = NULL;
	return out;
}

static void refuse(struct proxymap *p, struct str name)
{
	if (map_get(p->refused, name) != NULL ||
	    map_count(p->refused) >= REFUSED_MAX)
		return;
	log_warning("request for unapproved table: \"" STR_FMT "\"",
		    STR_ARG(str_first(name, 200)));
	log_warning("to approve this table for read-only access, list "
		    "proxy:" STR_FMT " in main.cf:proxy_read_maps",
		    STR_ARG(str_first(name, 200)));
	if (map_put(p->refused, name, p, NULL) < 0)
		return; /* it will be said again */
}

/* The table called `name`, opened with `flags`; NULL when nobody can tell. */
static struct table *find(struct proxymap *p, struct str name, uint64_t flags)
{
	struct table_opts opts = proxy_opts(flags);
	BUF_SCOPED key = BUF_INIT(name.n + 32);
	struct table *t;

	while (str_eat(&name, STR("proxy:")))
		continue;
	if (map_get(p->allowed, name) == NULL) {
		refuse(p, name);
		return NULL;
	}
	buf_put_u64(&key, flags);
	buf_put_byte(&key, ' ');
	if (!buf_put(&key, name))
		return NULL;
	t = map_get(p->open, buf_str(&key));
	if (t != NULL)
		return t;
	if (table_open_always(name, &opts, &t) < 0)
		return NULL;
	/* Opening may have waited, and another fiber been here. */
	if (map_get(p->open, buf_str(&key)) != NULL) {
		table_close(t);
		return map_get(p->open, buf_str(&key));
	}
	if (map_put(p->open, buf_str(&key), t, NULL) < 0) {
		table_close(t);
		return NULL;
	}
	return t;
}

int proxymap_answer(struct proxymap *p, struct msg *m, struct buf *frame)
{
	uint64_t number = msg_u64(m, TAG_NUMBER, UINT64_MAX);
	uint64_t flags = msg_u64(m, TAG_FLAGS, PROXY_FLAGS_ALL);
	struct str name = msg_str(m, TAG_NAME, PROXY_TEXT_MAX);
	struct str key = msg_str(m, TAG_KEY, MSG_MAX);
	BUF_SCOPED value = BUF_INIT(PROXY_TEXT_MAX);
	enum table_answer answer = TABLE_LATER;
	struct msg_writer w;
	struct table *t;
	int r = msg_finish(m);

	if (r < 0 || m->type != MSG_ASK)
		return -EBADMSG;
	t = find(p, name, flags);
	if (t != NULL)
		answer = table_ask(t, key, &value);
	msg_begin(&w, frame, MSG_ANSWER);
	msg_put(&w, TAG_NUMBER, number);
	msg_put(&w, TAG_STATUS, (uint64_t)answer);
	if (answer == TABLE_FOUND)
		msg_put(&w, TAG_VALUE, buf_str(&value));
	return msg_end(&w);
}
