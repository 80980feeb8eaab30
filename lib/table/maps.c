/* SPDX-License-Identifier: ISC */
/* Lists of tables, and the keys under which addresses, domains and networks
 * are looked for. */
#include <errno.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/byteset.h"
#include "base/why.h"
#include "conf/conf.h"
#include "mail/address.h"
#include "mail/domain.h"
#include "table/maps.h"
#include "table/site.h"

#define MAPS_MAX 1000u
#define KEY_MAX ((size_t)64 << 10)

struct maps {
	struct table **tables; /* owned array of owned tables */
	size_t count;
	size_t answered; /* 1 and up: who answered last */
};

static int add_table(struct maps *m, struct str spec,
		     const struct table_opts *opts, struct why *why)
{
	struct table **more;
	struct table *t;
	int r;

	if (m->count == MAPS_MAX)
		return why_fail(why, -E2BIG, "too many tables");
	more = realloc(m->tables, (m->count + 1) * sizeof(struct table *));
	if (more == NULL)
		return why_fail(why, -ENOMEM, "out of memory");
	m->tables = more;
	r = table_open_always(spec, opts, &t);
	if (r < 0)
		return why_fail(why, r, "out of memory");
	m->tables[m->count++] = t;
	return 0;
}

int maps_open(const char *title, struct str text, const struct table_opts *opts,
	      struct maps **out, struct why *why)
{
	static const struct table_opts usual = {.fold_key = true};
	CLEANUP(maps_close) struct maps *m = calloc(1, sizeof(*m));
	struct str element;

	(void)title;
	*out = NULL;
	if (m == NULL)
		return why_fail(why, -ENOMEM, "out of memory");
	while (conf_list_next(&text, &element)) {
		int r = add_table(m, element, opts == NULL ? &usual : opts,
				  why);

		if (r < 0)
			return r;
	}
	*out = m;
	m = NULL;
	return 0;
}

void maps_close(struct maps *m)
{
	if (m == NULL)
		return;
	for (size_t i = 0; i < m->count; i++)
		table_close(m->tables[i]);
	free(m->tables);
	free(m);
}

bool maps_is_empty(const struct maps *m)
{
	return m == NULL || m->count == 0;
}

struct str maps_answered_by(const struct maps *m)
{
	if (m == NULL || m->answered == 0)
		return STR("");
	return table_spec(m->tables[m->answered - 1]);
}

static enum table_answer ask(struct maps *m, struct str key, bool part,
			     struct buf *value)
{
	buf_reset(value);
	/* An empty key is no question. */
	if (m == NULL || key.n == 0)
		return TABLE_ABSENT;
	for (size_t i = 0; i < m->count; i++) {
		enum table_answer answer;

		if (part && !table_takes_parts(m->tables[i]))
			continue;
		answer = table_ask(m->tables[i], key, value);
		if (answer != TABLE_ABSENT) {
			m->answered = i + 1;
			return answer;
		}
	}
	return TABLE_ABSENT;
}

enum table_answer maps_ask(struct maps *m, struct str key, struct buf *value)
{
	return ask(m, key, false, value);
}

enum table_answer maps_ask_part(struct maps *m, struct str key,
				struct buf *value)
{
	return ask(m, key, true, value);
}

/* ---- addresses ----------------------------------------------------------- */

/* One address being looked for. */
struct search {
	struct maps *m;
	struct site *site;
	struct str address, local, user, ext, domain;
	bool has_domain;
	struct buf *key; /* room to build keys in */
	struct buf *value;
};

/* Ask for an address or a local part: quoted, and as it is if that differs. */
static enum table_answer ask_quoted(struct search *s, struct str internal,
				    struct str tail, bool part)
{
	enum table_answer answer;

	buf_reset(s->key);
	if (mail_address_quote(s->key, internal) && buf_put(s->key, tail)) {
		answer = ask(s->m, buf_str(s->key), part, s->value);
		if (answer != TABLE_ABSENT)
			return answer;
		if (s->key->n == internal.n + tail.n)
			return TABLE_ABSENT;
	}
	buf_reset(s->key);
	buf_put(s->key, internal);
	if (!buf_put(s->key, tail))
		return TABLE_LATER;
	return ask(s->m, buf_str(s->key), part, s->value);
}

/* user@domain, without the extension. */
static enum table_answer ask_noext(struct search *s)
{
	BUF_SCOPED plain = BUF_INIT(KEY_MAX);

	buf_put(&plain, s->user);
	if (s->has_domain) {
		buf_put_byte(&plain, '@');
		buf_put(&plain, s->domain);
	}
	if (plain.failed)
		return TABLE_LATER;
	return ask_quoted(s, buf_str(&plain), STR(""), true);
}

/* The key that a local part alone makes.  As an address without "@" it would
 * be quoted as one; one with "@" inside must not be taken apart there. */
static enum table_answer ask_local(struct search *s, struct str local,
				   struct str tail)
{
	if (str_find_byte(local, '@') != SIZE_MAX) {
		buf_reset(s->key);
		buf_put(s->key, local);
		if (!buf_put(s->key, tail))
			return TABLE_LATER;
		return ask(s->m, buf_str(s->key), true, s->value);
	}
	return ask_quoted(s, local, tail, true);
}

/* user+ext and user, each followed by `tail`. */
static enum table_answer ask_users(struct search *s, struct str tail,
				   bool *dropped_ext)
{
	enum table_answer answer = ask_local(s, s->local, tail);

	if (answer != TABLE_ABSENT || s->ext.n == 0)
		return answer;
	answer = ask_local(s, s->user, tail);
	*dropped_ext = answer == TABLE_FOUND;
	return answer;
}

static enum table_answer ask_user_if_own(struct search *s, bool *dropped_ext)
{
	enum table_answer own = site_is_own(s->site, s->domain);

	return own == TABLE_FOUND ? ask_users(s, STR(""), dropped_ext) : own;
}

static enum table_answer ask_at_domain(struct search *s)
{
	buf_reset(s->key);
	buf_put_byte(s->key, '@');
	if (!buf_put(s->key, s->domain))
		return TABLE_LATER;
	return ask(s->m, buf_str(s->key), true, s->value);
}

/* What is above `domain`; every level, or with `dot` as .parent. */
static enum table_answer ask_parents(struct maps *m, struct str domain,
				     bool dot, struct buf *value)
{
	enum table_answer answer = TABLE_ABSENT;

	while (answer == TABLE_ABSENT) {
		size_t at = str_find_byte(str_after(domain, 1), '.');

		if (at == SIZE_MAX)
			return TABLE_ABSENT;
		domain = str_after(domain, at + 1);
		answer = ask(m, dot ? domain : str_after(domain, 1), true,
			     value);
	}
	return answer;
}

static enum table_answer ask_domain_part(struct search *s, unsigned keys)
{
	enum table_answer answer = ask(s->m, s->domain, true, s->value);

	if (answer == TABLE_ABSENT && (keys & MAPS_PARENTS))
		answer = ask_parents(s->m, s->domain, false, s->value);
	if (answer == TABLE_ABSENT && (keys & MAPS_DOT_PARENTS))
		answer = ask_parents(s->m, s->domain, true, s->value);
	return answer;
}

static enum table_answer search(struct search *s, unsigned keys,
				bool *dropped_ext)
{
	enum table_answer answer = TABLE_ABSENT;

	if (keys & MAPS_FULL)
		answer = ask_quoted(s, s->address, STR(""), false);
	if (answer == TABLE_ABSENT && (keys & MAPS_NOEXT) && s->ext.n > 0) {
		answer = ask_noext(s);
		*dropped_ext = answer == TABLE_FOUND;
	}
	if (answer == TABLE_ABSENT && (keys & MAPS_USER_IF_OWN) &&
	    s->has_domain)
		answer = ask_user_if_own(s, dropped_ext);
	if (answer == TABLE_ABSENT && (keys & MAPS_AT_DOMAIN) &&
	    s->has_domain) {
		answer = ask_at_domain(s);
		*dropped_ext = answer == TABLE_FOUND;
	}
	if (answer == TABLE_ABSENT && (keys & MAPS_DOMAIN) && s->has_domain)
		answer = ask_domain_part(s, keys);
	if (answer == TABLE_ABSENT && (keys & MAPS_USER_AT))
		answer = ask_users(s, STR("@"), dropped_ext);
	return answer;
}

enum table_answer maps_find_address(struct maps *m, struct site *site,
				    struct str address, unsigned keys,
				    struct buf *value, struct str *ext)
{
	BUF_SCOPED key = BUF_INIT(KEY_MAX);
	struct search s = {.m = m,
			   .site = site,
			   .address = address,
			   .key = &key,
			   .value = value};
	enum table_answer answer;
	bool dropped_ext = false;

	if (ext != NULL)
		*ext = STR("");
	buf_reset(value);
	if (maps_is_empty(m) || address.n == 0)
		return TABLE_ABSENT;
	s.has_domain = mail_address_split(address, &s.local, &s.domain);
	site_split(site, s.local, &s.user, &s.ext);
	answer = search(&s, keys, &dropped_ext);
	if (ext != NULL && dropped_ext)
		*ext = s.ext;
	return answer;
}

/* ---- domains, addresses of hosts ----------------------------------------- */

enum table_answer maps_find_domain(struct maps *m, struct str domain, bool dot,
				   struct buf *value)
{
	enum table_answer answer = ask(m, domain, false, value);

	return answer != TABLE_ABSENT ? answer
				      : ask_parents(m, domain, dot, value);
}

enum table_answer maps_find_ip(struct maps *m, struct str address,
			       struct buf *value)
{
	enum table_answer answer = ask(m, address, false, value);
	bool v6 = str_find_byte(address, ':') != SIZE_MAX;

	while (answer == TABLE_ABSENT) {
		size_t at = str_find_last_byte(address, v6 ? ':' : '.');

		if (at == SIZE_MAX || at == 0)
			return TABLE_ABSENT;
		address = str_first(address, at);
		/* 2001:db8:: is 2001:db8 here. */
		if (v6 && address.p[at - 1] == ':')
			address.n--;
		answer = ask(m, address, true, value);
	}
	return answer;
}

bool maps_propagates(struct str list, const char *class_name)
{
	struct str word;

	while (str_next_word(&list, &byteset_separator, &word))
		if (str_eq_nocase(word, str_of_c(class_name)))
			return true;
	return false;
}
