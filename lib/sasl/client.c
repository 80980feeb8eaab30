/* SPDX-License-Identifier: ISC */
/* lib/sasl/client.c — the client half of SASL, by GNU SASL. */
#include <errno.h>
#include <gsasl.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/byteset.h"
#include "base/why.h"
#include "sasl/client.h"

enum { WORD_MAX = 4096 };

/* The best first. */
static const struct mech {
	const char *name;
	unsigned weak; /* the enum sasl_forbid that rule it out */
	bool first;    /* the client speaks first */
	bool mutual;
} mechs[] = {
	{"SCRAM-SHA-256", 0, true, true},
	{"SCRAM-SHA-1", 0, true, true},
	{"CRAM-MD5", SASL_NO_DICTIONARY | SASL_NO_ACTIVE | SASL_MUTUAL, false,
	 false},
	{"PLAIN",
	 SASL_NO_PLAINTEXT | SASL_NO_DICTIONARY | SASL_NO_ACTIVE | SASL_MUTUAL,
	 true, false},
	{"LOGIN",
	 SASL_NO_PLAINTEXT | SASL_NO_DICTIONARY | SASL_NO_ACTIVE | SASL_MUTUAL,
	 false, false},
};

struct sasl_client {
	const struct mech *mech;
	Gsasl *library;
	Gsasl_session *session;
	bool done;
};

/* ---- what may be used ---------------------------------------------------- */

int sasl_forbid_parse(struct str list, unsigned *out, struct why *why)
{
	static const struct {
		struct str word;
		unsigned bit;
	} words[] = {
		{STR_INIT("noplaintext"), SASL_NO_PLAINTEXT},
		{STR_INIT("noanonymous"), SASL_NO_ANONYMOUS},
		{STR_INIT("nodictionary"), SASL_NO_DICTIONARY},
		{STR_INIT("noactive"), SASL_NO_ACTIVE},
		{STR_INIT("mutual_auth"), SASL_MUTUAL},
	};
	struct str word;

	*out = 0;
	while (str_next_word(&list, &byteset_separator, &word)) {
		size_t i = 0;

		while (i < ARRAY_LEN(words) &&
		       !str_eq_nocase(words[i].word, word))
			i++;
		if (i == ARRAY_LEN(words))
			return why_fail(
				why, -EINVAL,
				"unknown SASL security option: " STR_FMT,
				STR_ARG(word));
		*out |= words[i].bit;
	}
	return 0;
}

static bool has_word(struct str list, struct str name)
{
	struct str word;

	while (str_next_word(&list, &byteset_separator, &word)) {
		if (str_eq_nocase(word, name))
			return true;
	}
	return false;
}

/* Whether a list of words to allow, or with "!" not to, has room for it. */
static bool is_allowed(struct str list, struct str name)
{
	struct str word;
	bool any = false;

	while (str_next_word(&list, &byteset_separator, &word)) {
		if (str_eat(&word, STR("!"))) {
			if (str_eq_nocase(word, name))
				return false;
			continue;
		}
		any = true;
		if (str_eq_nocase(word, name))
			return true;
	}
	return !any;
}

static const struct mech *choose(const struct sasl_client_opts *opts)
{
	for (size_t i = 0; i < ARRAY_LEN(mechs); i++) {
		struct str name = str_of_c(mechs[i].name);

		if ((mechs[i].weak & opts->forbid) == 0 &&
		    has_word(opts->offered, name) &&
		    is_allowed(opts->allowed, name))
			return &mechs[i];
	}
	return NULL;
}

/* ---- life ---------------------------------------------------------------- */

static bool set(Gsasl_session *session, Gsasl_property property,
		struct str value)
{
	return gsasl_property_set_raw(session, property,
				      value.p == NULL ? "" : value.p,
				      value.n) == GSASL_OK;
}

int sasl_client_open(const struct sasl_client_opts *opts,
		     struct sasl_client **out, struct why *why)
{
	const struct mech *mech = choose(opts);
	struct sasl_client *c;

	if (mech == NULL)
		return why_fail(why, -ENOENT, "no mechanism available");
	c = calloc(1, sizeof(*c));
	if (c == NULL)
		return why_fail(why, -ENOMEM, "out of memory");
	c->mech = mech;
	if (gsasl_init(&c->library) != GSASL_OK ||
	    gsasl_client_start(c->library, mech->name, &c->session) !=
		    GSASL_OK ||
	    !set(c->session, GSASL_AUTHID, opts->user) ||
	    !set(c->session, GSASL_PASSWORD, opts->password) ||
	    !set(c->session, GSASL_SERVICE, opts->service) ||
	    !set(c->session, GSASL_HOSTNAME, opts->host)) {
		sasl_client_close(c);
		return why_fail(why, -ENOMEM, "out of memory");
	}
	*out = c;
	return 0;
}

void sasl_client_close(struct sasl_client *c)
{
	if (c == NULL)
		return;
	if (c->session != NULL)
		gsasl_finish(c->session);
	if (c->library != NULL)
		gsasl_done(c->library);
	free(c);
}

struct str sasl_client_mech(const struct sasl_client *c)
{
	return str_of_c(c->mech->name);
}

/* ---- talking ------------------------------------------------------------- */

static int step(struct sasl_client *c, const char *in, struct buf *out)
{
	char *response = NULL;
	int status = gsasl_step64(c->session, in, &response);
	int error = -EBADMSG;

	buf_reset(out);
	if (status == GSASL_OK || status == GSASL_NEEDS_MORE) {
		c->done = status == GSASL_OK;
		error = buf_put(out, str_of_c(response)) ? 0 : -EBADMSG;
	}
	gsasl_free(response);
	return error;
}

bool sasl_client_initial(struct sasl_client *c, struct buf *out)
{
	if (!c->mech->first || step(c, "", out) != 0)
		return false;
	if (out->n == 0)
		buf_put_byte(out, '=');
	return true;
}

int sasl_client_step(struct sasl_client *c, struct str challenge,
		     struct buf *out)
{
	char text[WORD_MAX];

	/* A server that has said all may still want an empty line. */
	if (c->done && challenge.n == 0) {
		buf_reset(out);
		return 0;
	}
	if (!str_to_c(challenge, text, sizeof(text)))
		return -EBADMSG;
	return step(c, text, out);
}

bool sasl_client_is_done(const struct sasl_client *c)
{
	return c->done || !c->mech->mutual;
}
