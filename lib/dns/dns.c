/* SPDX-License-Identifier: ISC */
/* lib/dns/dns.c — questions, their answers, and the cache.
 *
 * Whoever asks first puts an entry into the cache and its question on the
 * wire; whoever asks the same before the answer is there waits for the same
 * entry.  An entry that is LATER leaves the cache when it is settled, so the
 * next one asks again. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/map.h"
#include "base/why.h"
#include "dns/answer.h"
#include "dns/inside.h"

enum {
	CACHE_MOST = 10000,		/* answers */
	CACHE_BYTES = 32 * 1024 * 1024, /* of all answers */
	ENTRY_BYTES = 1024 * 1024,	/* of one */
	TTL_MOST = 24 * 3600,		/* seconds */
	ABSENT_TTL_MOST = 3600,
};

/* ---- life ---------------------------------------------------------------- */

int dns_open(const struct dns_opts *opts, struct dns **out, struct why *why)
{
	struct dns *d = calloc(1, sizeof(*d));
	int error = d == NULL ? -ENOMEM : 0;

	if (error == 0) {
		list_init(&d->recent);
		d->cache_most =
			opts->cache_most > 0 ? opts->cache_most : CACHE_MOST;
		d->cache = map_new();
		error = d->cache == NULL ? -ENOMEM : 0;
	}
	if (error == 0 && opts->hosts_file)
		error = hosts_open(&d->hosts);
	if (error == -ENOMEM)
		(void)why_fail(why, error, "out of memory");
	if (error == 0)
		error = wire_open(opts, &d->wire, why);
	if (error != 0) {
		dns_close(d);
		return error;
	}
	*out = d;
	return 0;
}

static void forget(struct dns *d, struct dns_entry *e)
{
	(void)map_take(d->cache, e->key);
	list_remove(&e->node);
	d->bytes -= e->bytes;
	e->cached_in = NULL;
	entry_drop(e);
}

void dns_close(struct dns *d)
{
	if (d == NULL)
		return;
	wire_close(d->wire);
	LIST_EACH(n, &d->recent)
	forget(d, CONTAINER_OF(n, struct dns_entry, node));
	map_free(d->cache);
	hosts_close(d->hosts);
	free(d);
}

/* ---- entries ------------------------------------------------------------- */

struct dns_entry *entry_hold(struct dns_entry *e)
{
	e->held++;
	return e;
}

void entry_drop(struct dns_entry *e)
{
	if (e == NULL || --e->held > 0)
		return;
	arena_free(e->arena);
	free(e);
}

/* A lower-case copy without a dot at the end. */
static struct str copy_name(struct arena *a, struct str name)
{
	char *copy;

	if (str_ends(name, STR(".")))
		name.n--;
	copy = arena_alloc(a, name.n + 1);
	if (copy == NULL)
		return str_of(NULL, 0);
	for (size_t i = 0; i < name.n; i++) {
		char c = name.p[i];

		copy[i] = c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
	}
	return str_of(copy, name.n);
}

/* Gives: an entry that the caller holds; NULL: no memory. */
static struct dns_entry *entry_new(enum dns_type type, struct str name)
{
	struct dns_entry *e = calloc(1, sizeof(*e));

	if (e == NULL)
		return NULL;
	e->held = 1;
	e->type = type;
	e->answer = DNS_LATER;
	e->expires = 0;
	list_init(&e->node);
	waitq_init(&e->arrival);
	e->arena = arena_new(ENTRY_BYTES);
	if (e->arena != NULL)
		e->name = copy_name(e->arena, str_first(name, DNS_NAME_MAX));
	if (e->name.p != NULL)
		e->key = arena_strf(e->arena, "%d " STR_FMT, (int)type,
				    STR_ARG(e->name));
	if (e->key.p == NULL) {
		entry_drop(e);
		return NULL;
	}
	e->asking = e->name;
	return e;
}

static const char *type_word(enum dns_type type)
{
	switch (type) {
	case DNS_A:
		return "A";
	case DNS_PTR:
		return "PTR";
	case DNS_MX:
		return "MX";
	case DNS_TXT:
		return "TXT";
	case DNS_AAAA:
		return "AAAA";
	}
	return "?";
}

static struct str reason_text(struct arena *a, enum dns_type type,
			      struct str name, const char *words)
{
	struct str text =
		arena_strf(a,
			   "Host or domain name not found. Name service error "
			   "for name=" STR_FMT " type=%s: %s",
			   STR_ARG(name), type_word(type), words);

	return text.p != NULL ? text : STR("Host or domain name not found");
}

static void settle(struct dns_entry *e, enum dns_answer answer, uint32_t ttl)
{
	struct dns *d = e->cached_in;
	uint32_t most = answer == DNS_FOUND ? TTL_MOST : ABSENT_TTL_MOST;

	e->answer = answer;
	e->done = true;
	e->expires = clock_deadline((int64_t)(ttl < most ? ttl : most) * 1000);
	waitq_wake_all(&e->arrival);
	if (d == NULL)
		return;
	e->bytes = sizeof(*e) + arena_used(e->arena);
	d->bytes += e->bytes;
	if (answer == DNS_LATER || ttl == 0)
		forget(d, e);
}

void entry_settle(struct dns_entry *e, enum dns_answer answer,
		  const char *words, uint32_t ttl)
{
	e->count = 0;
	e->reason = reason_text(e->arena, e->type, e->name, words);
	settle(e, answer, ttl);
}

void entry_settle_found(struct dns_entry *e, uint32_t ttl)
{
	settle(e, DNS_FOUND, ttl);
}

/* ---- the cache ----------------------------------------------------------- */

static bool is_over_full(const struct dns *d)
{
	return map_count(d->cache) > d->cache_most || d->bytes > CACHE_BYTES;
}

/* Forget what was not used for the longest time.  What is under way stays. */
static void make_room(struct dns *d)
{
	LIST_EACH(n, &d->recent)
	{
		struct dns_entry *e = CONTAINER_OF(n, struct dns_entry, node);

		if (!is_over_full(d))
			return;
		if (e->done)
			forget(d, e);
	}
}

/* Returns: the entry, held for the caller; NULL when it is not there. */
static struct dns_entry *recall(struct dns *d, struct str key)
{
	struct dns_entry *e = map_get(d->cache, key);

	if (e == NULL)
		return NULL;
	if (e->done && clock_now() >= e->expires) {
		forget(d, e);
		return NULL;
	}
	list_remove(&e->node);
	list_append(&d->recent, &e->node);
	return entry_hold(e);
}

static void keep(struct dns *d, struct dns_entry *e)
{
	if (map_put(d->cache, e->key, e, NULL) != 0)
		return; /* asked for by this one alone */
	e->cached_in = d;
	list_append(&d->recent, &e->node);
	(void)entry_hold(e);
	make_room(d);
}

/* ---- asking -------------------------------------------------------------- */

/* Begin to find out.  Gives: an entry, settled or on its way; NULL: no
 * memory. */
static struct dns_entry *begin(struct dns *d, enum dns_type type,
			       struct str name)
{
	struct dns_entry *e = entry_new(type, name);
	struct dns_entry *known;

	if (e == NULL)
		return NULL;
	if (!dns_name_is_askable(e->name)) {
		entry_settle(e, DNS_NXDOMAIN, "Host not found", 0);
		return e;
	}
	if (d->hosts != NULL && hosts_answer(d->hosts, e))
		return e;
	known = recall(d, e->key);
	if (known != NULL) {
		entry_drop(e);
		return known;
	}
	keep(d, e);
	wire_ask(d->wire, e);
	return e;
}

/* A result of nothing but words. */
static enum dns_answer fill_later(struct dns_result *out, enum dns_type type,
				  struct str name, const char *words)
{
	*out = (struct dns_result){
		.answer = DNS_LATER,
		.reason = STR_INIT("Host or domain name not found"),
		.entry = entry_new(type, name),
	};
	if (out->entry != NULL)
		out->reason = reason_text(out->entry->arena, type,
					  out->entry->name, words);
	return DNS_LATER;
}

/* Wait for `e` and make it the result.  Takes: the caller's hold on `e`. */
static enum dns_answer finish(struct dns_entry *e, enum dns_type type,
			      struct str name, int64_t deadline,
			      struct dns_result *out)
{
	int error = 0;

	if (e == NULL)
		return fill_later(out, type, name, "out of memory");
	while (!e->done && error == 0)
		error = waitq_wait(&e->arrival, deadline);
	if (!e->done) {
		entry_drop(e);
		return fill_later(out, type, name, "Host not found, try again");
	}
	*out = (struct dns_result){
		.answer = e->answer,
		.records = e->records,
		.count = e->count,
		.reason = e->reason,
		.entry = e,
	};
	return e->answer;
}

enum dns_answer dns_ask(struct dns *d, enum dns_type type, struct str name,
			int64_t deadline, struct dns_result *out)
{
	return finish(begin(d, type, name), type, name, deadline, out);
}

void dns_result_release(struct dns_result *r)
{
	if (r == NULL)
		return;
	entry_drop(r->entry);
	*r = (struct dns_result){.answer = DNS_LATER};
}

/* ---- by type ------------------------------------------------------------- */

enum dns_answer dns_mx(struct dns *d, struct str name, int64_t deadline,
		       struct dns_result *out)
{
	return dns_ask(d, DNS_MX, name, deadline, out);
}

enum dns_answer dns_txt(struct dns *d, struct str name, int64_t deadline,
			struct dns_result *out)
{
	return dns_ask(d, DNS_TXT, name, deadline, out);
}

bool dns_is_null_mx(const struct dns_result *mx)
{
	return mx->answer == DNS_FOUND && mx->count == 1 &&
	       mx->records[0].text.n == 0;
}

enum dns_answer dns_ptr(struct dns *d, struct str text, int64_t deadline,
			struct dns_result *out)
{
	char name[80];

	if (!dns_reverse_name(text, name))
		name[0] = '\0';
	return dns_ask(d, DNS_PTR, str_of_c(name), deadline, out);
}

/* Copy the records of `from` behind those of `to`. */
static bool append_records(struct dns_entry *to, const struct dns_result *from)
{
	for (size_t i = 0; i < from->count; i++) {
		struct dns_record *r = &to->records[to->count];

		*r = from->records[i];
		r->text = arena_str(to->arena, r->text);
		if (r->text.p == NULL)
			return false;
		to->count++;
	}
	return true;
}

/* Both families into one result. */
static enum dns_answer join(struct str name, const struct dns_result *six,
			    const struct dns_result *four,
			    struct dns_result *out)
{
	struct dns_entry *e = entry_new(DNS_A, name);

	if (e == NULL)
		return fill_later(out, DNS_A, name, "out of memory");
	e->records = arena_array(e->arena, six->count + four->count,
				 sizeof(*e->records));
	if (e->records == NULL || !append_records(e, six) ||
	    !append_records(e, four)) {
		entry_drop(e);
		return fill_later(out, DNS_A, name, "out of memory");
	}
	entry_settle_found(e, 0);
	return finish(e, DNS_A, name, DEADLINE_NEVER, out);
}

static void move_result(struct dns_result *to, struct dns_result *from)
{
	*to = *from;
	*from = (struct dns_result){.answer = DNS_LATER};
}

enum dns_answer dns_addresses(struct dns *d, struct str name, int family,
			      int64_t deadline, struct dns_result *out)
{
	DNS_RESULT_SCOPED six = {.answer = DNS_LATER};
	DNS_RESULT_SCOPED four = {.answer = DNS_LATER};
	struct dns_entry *four_asked;
	struct dns_entry *six_asked;

	if (family == AF_INET)
		return dns_ask(d, DNS_A, name, deadline, out);
	if (family == AF_INET6)
		return dns_ask(d, DNS_AAAA, name, deadline, out);
	four_asked = begin(d, DNS_A, name);
	six_asked = begin(d, DNS_AAAA, name);
	finish(six_asked, DNS_AAAA, name, deadline, &six);
	finish(four_asked, DNS_A, name, deadline, &four);
	if (four.answer == DNS_FOUND && six.answer == DNS_FOUND)
		return join(name, &six, &four, out);
	/* One is enough; a doubt outweighs a no; A says why. */
	if (six.answer == DNS_FOUND ||
	    (four.answer != DNS_FOUND && six.answer == DNS_LATER))
		move_result(out, &six);
	else
		move_result(out, &four);
	return out->answer;
}
