/* SPDX-License-Identifier: ISC */
/* The macros in the arguments of a pipe command: see local/pipe.h. */
#include <errno.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/why.h"
#include "conf/conf.h"
#include "local/pipe.h"
#include "local/task.h"
#include "mail/address.h"

#define ARGUMENT_MAX ((size_t)16 * 1024)

struct macros {
	const struct pipe_attributes *p;
	const struct delivery_request *request;
	const struct recipient *recipient;
	const struct mail_delimiter *delimiter;
	struct arena *arena;
	bool per_recipient; /* a macro of the recipient was used */
	struct str unknown; /* a name that is none */
};

/* ---- forms of addresses -------------------------------------------------- */

/* Folded and quoted as the flags want it. */
static struct str form(struct macros *m, struct str address, bool fold)
{
	unsigned flags = fold ? m->p->flags : m->p->flags & PIPE_QUOTE;
	BUF_SCOPED plain = BUF_INIT(ARGUMENT_MAX);
	BUF_SCOPED quoted = BUF_INIT(ARGUMENT_MAX);
	struct str local, domain;
	bool has_domain = mail_address_split(address, &local, &domain);

	if (flags & PIPE_FOLD_USER)
		(void)mail_address_fold(&plain, local, true);
	else
		buf_put(&plain, local);
	if (has_domain) {
		buf_put_byte(&plain, '@');
		if (flags & PIPE_FOLD_HOST)
			(void)mail_address_fold(&plain, domain, true);
		else
			buf_put(&plain, domain);
	}
	if ((flags & PIPE_QUOTE) && plain.n > 0 &&
	    mail_address_quote(&quoted, buf_str(&plain)))
		return arena_str(m->arena, buf_str(&quoted));
	return arena_str(m->arena, buf_str(&plain));
}

static struct str folded(struct macros *m, struct str text, unsigned flag)
{
	BUF_SCOPED plain = BUF_INIT(ARGUMENT_MAX);

	if (!(m->p->flags & flag))
		return text;
	(void)mail_address_fold(&plain, text, true);
	return arena_str(m->arena, buf_str(&plain));
}

/* ---- names
 * ---------------------------------------------------------------------------------
 */

static struct str sender_of(struct macros *m)
{
	if (m->request->sender.n > 0)
		return form(m, m->request->sender, false);
	return m->p->null_sender.n > 0 ? form(m, m->p->null_sender, false)
				       : STR("");
}

static struct str size_of(struct macros *m)
{
	return arena_strf(m->arena, "%llu",
			  (unsigned long long)m->request->size);
}

/* Macros that are the same for all recipients. */
static bool of_message(struct macros *m, struct str name, struct str *value)
{
	static const struct {
		struct str name, attribute;
	} attributes[] = {
		{STR_INIT("client_address"), STR_INIT("client_address")},
		{STR_INIT("client_helo"), STR_INIT("client_helo")},
		{STR_INIT("client_hostname"), STR_INIT("client_name")},
		{STR_INIT("client_port"), STR_INIT("client_port")},
		{STR_INIT("client_protocol"), STR_INIT("client_protocol")},
		{STR_INIT("sasl_method"), STR_INIT("sasl_method")},
		{STR_INIT("sasl_sender"), STR_INIT("sasl_sender")},
		{STR_INIT("sasl_username"), STR_INIT("sasl_username")},
	};

	for (size_t i = 0; i < ARRAY_LEN(attributes); i++)
		if (str_eq(attributes[i].name, name)) {
			*value = delivery_request_attr(m->request,
						       attributes[i].attribute);
			return true;
		}
	if (str_eq(name, STR("sender")))
		*value = sender_of(m);
	else if (str_eq(name, STR("nexthop")))
		*value = folded(m, m->request->nexthop, PIPE_FOLD_HOST);
	else if (str_eq(name, STR("queue_id")))
		*value = m->request->id;
	else if (str_eq(name, STR("size")))
		*value = size_of(m);
	else if (str_eq(name, STR("envid")))
		*value = m->request->envid;
	else
		return false;
	return true;
}

static bool of_recipient(struct macros *m, struct str name, struct str *value)
{
	const struct recipient *r = m->recipient;
	struct str local, domain, user, extension;

	(void)mail_address_split(r->address, &local, &domain);
	(void)mail_address_split_extension(local, m->delimiter, &user,
					   &extension);
	if (str_eq(name, STR("recipient")))
		*value = form(m, r->address, true);
	else if (str_eq(name, STR("original_recipient")))
		*value = form(m, r->original.n > 0 ? r->original : r->address,
			      true);
	else if (str_eq(name, STR("user")))
		*value = folded(m, user, PIPE_FOLD_USER);
	else if (str_eq(name, STR("extension")))
		*value = folded(m, extension, PIPE_FOLD_USER);
	else if (str_eq(name, STR("mailbox")))
		*value = folded(m, local, PIPE_FOLD_USER);
	else if (str_eq(name, STR("domain")))
		*value = folded(m, domain, PIPE_FOLD_HOST);
	else
		return false;
	m->per_recipient = true;
	return true;
}

static enum expand_answer find(void *arg, struct str name, struct str *value)
{
	struct macros *m = arg;

	if (!of_message(m, name, value) && !of_recipient(m, name, value)) {
		m->unknown = name;
		return EXPAND_FAILED;
	}
	return value->n > 0 ? EXPAND_FOUND : EXPAND_ABSENT;
}

/* ---- arguments
 * ------------------------------------------------------------------------------
 */

struct words {
	struct str *list;
	size_t count;
};

static int add_one(struct macros *m, struct str text, struct words *out,
		   struct why *why)
{
	BUF_SCOPED word = BUF_INIT(ARGUMENT_MAX);
	int error =
		conf_expand_with(&(struct expand_names){.arg = m, .find = find},
				 text, &word, why);

	if (m->unknown.n > 0)
		return why_fail(why, -EINVAL, "unknown macro: " STR_FMT,
				STR_ARG(m->unknown));
	if (error != 0)
		return error;
	if (out->count >= TASK_WORDS_MAX)
		return why_fail(why, -E2BIG, "too many arguments");
	out->list[out->count] = arena_str(m->arena, buf_str(&word));
	return out->list[out->count++].p == NULL ? -ENOMEM : 0;
}

/* An argument that comes out empty stays: positions must not shift. */
static int add_argument(struct macros *m, struct str text, struct words *out,
			struct why *why)
{
	const struct delivery_request *r = m->request;
	int error;

	m->per_recipient = false;
	m->recipient = &r->recipients[0];
	error = add_one(m, text, out, why);
	for (size_t i = 1;
	     i < r->recipient_count && m->per_recipient && error == 0; i++) {
		m->recipient = &r->recipients[i];
		error = add_one(m, text, out, why);
	}
	return error;
}

int pipe_expand(const struct pipe_attributes *p,
		const struct delivery_request *request,
		const struct mail_delimiter *delimiter, struct arena *a,
		struct str **words, size_t *count, struct why *why)
{
	struct macros m = {
		.p = p, .request = request, .delimiter = delimiter, .arena = a};
	struct words out = {.count = 0};
	int error = 0;

	out.list = arena_array(a, TASK_WORDS_MAX, sizeof(struct str));
	if (out.list == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < p->argc && error == 0; i++)
		error = add_argument(&m, p->argv[i], &out, why);
	*words = out.list;
	*count = out.count;
	return error;
}
