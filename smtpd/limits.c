/* SPDX-License-Identifier: ISC */
/* smtpd/limits.c — see limits.h. */
#include "smtpd/limits.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/map.h"
#include "mail/domain.h"
#include "smtpd/state.h"

#define CLIENTS_MAX 65536 /* from here on those without sessions go */

/* ---- the end of a session ----------------------------------------------- */

static void put_count(struct buf *b, const char *name, unsigned total,
		      unsigned ok)
{
	if (total == 0)
		return;
	buf_put_byte(b, ' ');
	for (const char *p = name; *p != '\0'; p++)
		buf_put_byte(b, *p >= 'A' && *p <= 'Z' ? (char)(*p + 32) : *p);
	buf_putf(b, "=%u", ok);
	if (ok != total)
		buf_putf(b, "/%u", total);
}

void limits_log_end(const struct session *s)
{
	static const char *const names[] = {
#define VERB(id, name, flags) name,
#include "smtpd/verbs.def"
#undef VERB
		"unknown",
	};
	BUF_SCOPED text = BUF_INIT(1024);
	unsigned total = 0, ok = 0;

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		put_count(&text, names[i], s->counts[i].total, s->counts[i].ok);
		total += s->counts[i].total;
		ok += s->counts[i].ok;
	}
	buf_putf(&text, " commands=%u", ok);
	if (ok != total)
		buf_putf(&text, "/%u", total);
	if (s->bare_lf_seen && s->server->bare_newline == BARE_NOTE)
		buf_put(&text, STR(" notes=bare_lf"));
	log_info("disconnect from " STR_FMT STR_FMT, STR_ARG(s->client),
		 STR_ARG(buf_str(&text)));
}

/* ---- per client --------------------------------------------------------- */

struct limits_client {
	int64_t sessions;
	int64_t counts[EVENT_COUNT];
	int64_t since; /* when the counts began */
	struct str key;
	char key_bytes[17];
};

struct limits {
	const struct smtpd_params *params;
	struct map *clients;
};

struct limits *limits_new(const struct smtpd_params *params)
{
	struct limits *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return NULL;
	l->params = params;
	l->clients = map_new();
	if (l->clients == NULL) {
		free(l);
		return NULL;
	}
	return l;
}

/* Forget clients without sessions whose counts began before `since`. */
static void drop_idle(struct limits *l, int64_t since)
{
	struct str key;
	void *value;
	size_t cursor = 0;

	while (map_next(l->clients, &cursor, &key, &value)) {
		struct limits_client *c = value;

		if (c->sessions > 0 || c->since >= since)
			continue;
		map_take(l->clients, c->key);
		free(c);
	}
}

void limits_free(struct limits *l)
{
	size_t cursor = 0;
	struct str key;
	void *value;

	if (l == NULL)
		return;
	while (map_next(l->clients, &cursor, &key, &value))
		free(value);
	map_free(l->clients);
	free(l);
}

/* Those whose counts are over go first; then, rather than grow, all that have
 * no session now. */
static void make_room(struct limits *l)
{
	int64_t now = clock_now();

	if (map_count(l->clients) >= CLIENTS_MAX)
		drop_idle(l, now - l->params->anvil_rate_time_unit + 1);
	if (map_count(l->clients) >= CLIENTS_MAX)
		drop_idle(l, INT64_MAX);
}

/* Clients whose addresses agree in the first bits are one. */
static void make_key(const struct limits *l, struct str address,
		     struct limits_client *c)
{
	struct ip ip = {.n = 0};
	int64_t bits;

	(void)ip_parse(address, &ip);
	bits = ip.n == 4 ? l->params->smtpd_client_ipv4_prefix_length
			 : l->params->smtpd_client_ipv6_prefix_length;
	for (size_t i = 0; i < ip.n; i++) {
		int64_t keep = bits - (int64_t)(8 * i);

		if (keep <= 0)
			ip.bytes[i] = 0;
		else if (keep < 8)
			ip.bytes[i] =
				(uint8_t)(ip.bytes[i] & (0xff << (8 - keep)));
	}
	c->key_bytes[0] = (char)ip.n;
	memcpy(c->key_bytes + 1, ip.bytes, sizeof(ip.bytes));
	c->key = str_of(c->key_bytes, sizeof(c->key_bytes));
}

struct limits_client *limits_enter(struct limits *l, struct str address)
{
	struct limits_client probe = {0};
	struct limits_client *c;

	make_key(l, address, &probe);
	c = map_get(l->clients, probe.key);
	if (c == NULL) {
		make_room(l);
		c = calloc(1, sizeof(*c));
		if (c == NULL)
			return NULL;
		make_key(l, address, c);
		c->since = clock_now();
		if (map_put(l->clients, c->key, c, NULL) != 0) {
			free(c);
			return NULL;
		}
	}
	c->sessions++;
	return c;
}

void limits_leave(struct limits *l, struct limits_client *c)
{
	static const int64_t none[EVENT_COUNT];

	if (c == NULL || --c->sessions > 0)
		return;
	if (memcmp(c->counts, none, sizeof(none)) != 0 &&
	    clock_now() - c->since < l->params->anvil_rate_time_unit)
		return;
	map_take(l->clients, c->key);
	free(c);
}

static int64_t limit_of(const struct smtpd_params *p, enum session_event event)
{
	switch (event) {
	case EVENT_CONNECTION:
		return p->smtpd_client_connection_count_limit;
	case EVENT_RATE:
		return p->smtpd_client_connection_rate_limit;
	case EVENT_MESSAGE:
		return p->smtpd_client_message_rate_limit;
	case EVENT_RECIPIENT:
		return p->smtpd_client_recipient_rate_limit;
	case EVENT_AUTH:
		return p->smtpd_client_auth_rate_limit;
	case EVENT_TLS:
		return p->smtpd_client_new_tls_session_rate_limit;
	case EVENT_COUNT:
		break;
	}
	return 0;
}

bool limits_allow(struct limits *l, struct limits_client *c,
		  enum session_event event, int64_t *count)
{
	int64_t limit = limit_of(l->params, event);
	int64_t now;

	*count = 0;
	if (c == NULL)
		return true;
	if (event == EVENT_CONNECTION) {
		*count = c->sessions;
		return limit == 0 || c->sessions <= limit;
	}
	if (limit == 0)
		return true;
	now = clock_now();
	if (now - c->since >= l->params->anvil_rate_time_unit) {
		memset(c->counts, 0, sizeof(c->counts));
		c->since = now;
	}
	*count = ++c->counts[event];
	return *count <= limit;
}
