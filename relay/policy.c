/* SPDX-License-Identifier: ISC */
/* relay/policy.c — how to talk to one host: security, and who we are there. */
#include <errno.h>

#include "base/arena.h"
#include "base/byteset.h"
#include "base/why.h"
#include "conf/param.h"
#include "relay/relay.h"
#include "table/maps.h"
#include "table/site.h"

enum { NAMES_MOST = 16, VALUE_MAX = 4096 };

/* ---- levels -------------------------------------------------------------- */

bool relay_level_parse(const struct relay *r, struct str word,
		       struct relay_level *out)
{
	static const struct str missing[] = {STR_INIT("fingerprint"),
					     STR_INIT("dane"),
					     STR_INIT("dane-only")};

	*out = (struct relay_level){.level = TLS_LEVEL_NONE};
	for (size_t i = 0; i < ARRAY_LEN(missing); i++) {
		if (str_eq_nocase(word, missing[i])) {
			out->unavailable = missing[i];
			return true;
		}
	}
	if (!tls_level_parse(word, &out->level))
		return false;
	out->match = str_eq_nocase(word, STR("secure"))
			     ? r->params->smtp_tls_secure_cert_match
			     : r->params->smtp_tls_verify_cert_match;
	return true;
}

/* "[mail.example]:587", "example.com:26" -> the name alone. */
static struct str name_of_nexthop(struct str nexthop)
{
	if (str_eat(&nexthop, STR("[")))
		(void)str_cut(nexthop, ']', &nexthop, NULL);
	else
		(void)str_cut(nexthop, ':', &nexthop, NULL);
	return nexthop;
}

/* Read "secure match=a:b servername=c" of a policy table. */
static int parse_policy(const struct relay *r, struct str text,
			struct relay_level *level, struct str *server_name,
			struct why *why)
{
	struct str word;

	if (!str_next_word(&text, &byteset_separator, &word) ||
	    !relay_level_parse(r, word, level))
		return why_fail(why, -EAGAIN, "TLS policy: unknown level");
	while (str_next_word(&text, &byteset_separator, &word)) {
		if (str_eat(&word, STR("match=")))
			level->match = word;
		else if (str_eat(&word, STR("servername=")))
			*server_name = word;
		else if (!str_begins(word, STR("connection_reuse=")))
			return why_fail(why, -EAGAIN,
					"TLS policy: " STR_FMT
					" is not available",
					STR_ARG(word));
	}
	return 0;
}

/* Look into smtp_tls_policy_maps.
 * Returns: 0, *level untouched when there is no policy; -EAGAIN. */
static int find_policy(struct relay *r, struct str nexthop, struct arena *a,
		       struct relay_level *level, struct str *server_name,
		       struct why *why)
{
	BUF_SCOPED value = BUF_INIT(VALUE_MAX);
	enum table_answer answer;
	struct str text;

	if (maps_is_empty(r->policies))
		return 0;
	answer = maps_ask(r->policies, nexthop, &value);
	if (answer == TABLE_ABSENT && !str_begins(nexthop, STR("[")))
		answer = maps_find_domain(r->policies, name_of_nexthop(nexthop),
					  true, &value);
	switch (answer) {
	case TABLE_ABSENT:
		return 0;
	case TABLE_LATER:
		return why_fail(why, -EAGAIN, "TLS policy lookup error");
	case TABLE_FOUND:
		break;
	}
	text = arena_str(a, buf_str(&value));
	if (text.p == NULL)
		return why_fail(why, -ENOMEM, "out of memory");
	return parse_policy(r, text, level, server_name, why);
}

/* Names out of "hostname, nexthop, dot-nexthop, mx.example". */
static int set_names(struct str list, const struct relay_question *q,
		     struct arena *a, struct relay_policy *out)
{
	struct str nexthop = name_of_nexthop(q->nexthop);
	struct byteset separators = byteset_separator;
	struct str word;

	byteset_add(&separators, STR(":"));
	out->names = arena_array(a, NAMES_MOST, sizeof(*out->names));
	if (out->names == NULL)
		return -ENOMEM;
	while (out->name_count < NAMES_MOST &&
	       str_next_word(&list, &separators, &word)) {
		struct str name = word;

		if (str_eq_nocase(word, STR("hostname")))
			name = q->host;
		else if (str_eq_nocase(word, STR("nexthop")))
			name = nexthop;
		else if (str_eq_nocase(word, STR("dot-nexthop")))
			name = arena_strf(a, "." STR_FMT, STR_ARG(nexthop));
		if (name.p == NULL)
			return -ENOMEM;
		out->names[out->name_count++] = name;
	}
	return 0;
}

static struct str server_name_of(struct str word,
				 const struct relay_question *q)
{
	if (str_eq_nocase(word, STR("hostname")))
		return q->host;
	if (str_eq_nocase(word, STR("nexthop")))
		return name_of_nexthop(q->nexthop);
	return word;
}

static int ask_security(struct relay *r, const struct relay_question *q,
			struct arena *a, struct relay_policy *out,
			struct why *why)
{
	struct relay_level level = r->level;
	struct str server_name = r->params->smtp_tls_servername;
	int error;

	if (q->local)
		return 0;
	error = find_policy(r, q->nexthop, a, &level, &server_name, why);
	if (error != 0)
		return error;
	if (level.unavailable.n > 0)
		return why_fail(why, -EAGAIN,
				"TLS security level " STR_FMT
				" is not available",
				STR_ARG(level.unavailable));
	out->level = level.level;
	out->server_name = server_name_of(server_name, q);
	if (level.level < TLS_LEVEL_VERIFY)
		return 0;
	if (set_names(level.match, q, a, out) != 0)
		return why_fail(why, -ENOMEM, "out of memory");
	/* Whoever checks names has to say which one it wants. */
	if (out->server_name.n == 0)
		out->server_name = q->host;
	return 0;
}

/* ---- logins -------------------------------------------------------------- */

/* The first key that is there: sender, host, host:port, next hop. */
static enum table_answer find_password(struct relay *r,
				       const struct relay_question *q,
				       struct arena *a, struct buf *value)
{
	struct str keys[] = {
		q->host,
		arena_strf(a, STR_FMT ":%u", STR_ARG(q->host),
			   (unsigned)q->port),
		q->nexthop,
	};

	if (r->params->smtp_sender_dependent_authentication &&
	    q->sender.n > 0) {
		enum table_answer answer =
			maps_find_address(r->passwords, r->site, q->sender,
					  MAPS_ADDRESS, value, NULL);

		if (answer != TABLE_ABSENT)
			return answer;
	}
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		enum table_answer answer;

		if (keys[i].n == 0)
			continue;
		answer = maps_ask(r->passwords, keys[i], value);
		if (answer != TABLE_ABSENT)
			return answer;
	}
	return TABLE_ABSENT;
}

static int ask_login(struct relay *r, const struct relay_question *q,
		     struct arena *a, struct relay_policy *out, struct why *why)
{
	BUF_SCOPED value = BUF_INIT(VALUE_MAX);
	struct str user;
	struct str password;

	if (!r->params->smtp_sasl_auth_enable || maps_is_empty(r->passwords))
		return 0;
	switch (find_password(r, q, a, &value)) {
	case TABLE_ABSENT:
		return 0;
	case TABLE_LATER:
		return why_fail(why, -EAGAIN, "SASL password lookup error");
	case TABLE_FOUND:
		break;
	}
	(void)str_cut(buf_str(&value), ':', &user, &password);
	out->user = arena_str(a, user);
	out->password = arena_str(a, password);
	if (out->user.p == NULL || out->password.p == NULL)
		return why_fail(why, -ENOMEM, "out of memory");
	return 0;
}

int relay_policy_ask(struct relay *r, const struct relay_question *q,
		     struct arena *a, struct relay_policy *out, struct why *why)
{
	int error;

	*out = (struct relay_policy){.level = TLS_LEVEL_NONE};
	error = ask_security(r, q, a, out, why);
	if (error == 0)
		error = ask_login(r, q, a, out, why);
	return error;
}
