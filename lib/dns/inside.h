/* SPDX-License-Identifier: ISC */
/* lib/dns/inside.h — what a resolver consists of: for lib/dns only.
 *
 *	dns.c      questions, the cache, who waits for what
 *	wire.c     c-ares: sending, receiving, time
 *	answer.c   reading messages
 *	hosts.c    /etc/hosts
 *
 * An entry is a question with its answer.  It is held by everybody who looks
 * at it: the cache, the wire while it is under way, and every result. */
#ifndef DNS_INSIDE_H
#define DNS_INSIDE_H

#include "base/list.h"
#include "dns/dns.h"
#include "rt/fiber.h"

struct arena;
struct map;
struct hosts;
struct wire;

struct dns_entry {
	unsigned held;
	struct arena *arena; /* all texts and records */
	enum dns_type type;
	struct str name;       /* lower case, no dot at the end */
	struct str asking;     /* the same, or where an alias led */
	struct str key;	       /* in the cache */
	unsigned aliases;      /* followed by asking again */
	struct wire *wire;     /* while it is under way */
	struct dns *cached_in; /* NULL: not in a cache */
	struct list node;      /* in dns->recent */
	int64_t expires;
	size_t bytes; /* as counted in dns->bytes */
	bool done;
	struct waitq arrival;

	enum dns_answer answer;
	struct dns_record *records;
	size_t count;
	struct str reason;
};

struct dns {
	struct map *cache;  /* key -> struct dns_entry */
	struct list recent; /* the one used last is last */
	size_t bytes;
	size_t cache_most;
	struct wire *wire;
	struct hosts *hosts; /* NULL: not looked at */
};

/* ---- dns.c ---- */

/* Take hold of `e`; let go, and free it when nobody holds it. */
struct dns_entry *entry_hold(struct dns_entry *e);
void entry_drop(struct dns_entry *e);

/* Settle `e` without records; `words` go behind the usual front. */
void entry_settle(struct dns_entry *e, enum dns_answer answer,
		  const char *words, uint32_t ttl);

/* Settle it with the records that are in it. */
void entry_settle_found(struct dns_entry *e, uint32_t ttl);

/* ---- wire.c ---- */

MUST_USE int wire_open(const struct dns_opts *opts, struct wire **out,
		       struct why *why);

/* Everything under way is settled as LATER. */
void wire_close(struct wire *w);

/* Ask for e->type at e->asking; e is settled sooner or later. */
void wire_ask(struct wire *w, struct dns_entry *e);

/* ---- hosts.c ---- */

MUST_USE int hosts_open(struct hosts **out);
void hosts_close(struct hosts *h);

/* Settle `e`, a question for A, AAAA or PTR, if the file has the name.
 * Returns: whether it did. */
bool hosts_answer(struct hosts *h, struct dns_entry *e);

/* "2.0.0.127.in-addr.arpa" or the form of IPv6 into `text`.
 * Returns: false when `address` is none. */
bool dns_reverse_name(struct str address, char text[80]);

#endif
