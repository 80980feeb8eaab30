/* SPDX-License-Identifier: ISC */
/* The server's side of SASL mechanisms: see mech.h.  The library object is
 * only read once it is made; each exchange has a session of its own, so
 * exchanges run in several threads. */
#include "auth/mech.h"

#include <errno.h>
#include <gsasl.h>
#include <stdlib.h>
#include <string.h>

#include "base/why.h"

struct mech_site {
	Gsasl *gsasl;
	const struct user_sources *sources;
};

struct mech_run {
	struct mech_site *site;
	Gsasl_session *session;
	struct user user;
	struct buf tried;
	enum user_answer answer;
	bool asked;
	bool asks_first; /* LOGIN, before its first step */
};

/* GNU SASL asks whether a name and a password go together. */
static int validate(Gsasl_session *session)
{
	struct mech_run *run = gsasl_session_hook_get(session);
	const char *name = gsasl_property_fast(session, GSASL_AUTHID);
	const char *other = gsasl_property_fast(session, GSASL_AUTHZID);
	const char *password = gsasl_property_fast(session, GSASL_PASSWORD);

	if (name == NULL || password == NULL)
		return GSASL_AUTHENTICATION_ERROR;
	buf_reset(&run->tried);
	(void)buf_put(&run->tried, str_of_c(name));
	/* Nobody acts for somebody else here. */
	if (other != NULL && other[0] != '\0' && strcmp(other, name) != 0)
		return GSASL_AUTHENTICATION_ERROR;
	run->asked = true;
	run->answer = user_check(run->site->sources, str_of_c(name),
				 str_of_c(password), &run->user);
	return run->answer == USER_YES ? GSASL_OK : GSASL_AUTHENTICATION_ERROR;
}

static int on_property(Gsasl *gsasl, Gsasl_session *session,
		       Gsasl_property property)
{
	(void)gsasl;
	return property == GSASL_VALIDATE_SIMPLE ? validate(session)
						 : GSASL_NO_CALLBACK;
}

int mech_site_open(const struct user_sources *sources, struct mech_site **out,
		   struct why *why)
{
	struct mech_site *site = calloc(1, sizeof(*site));
	int rc;

	*out = NULL;
	if (site == NULL)
		return why_fail(why, -ENOMEM, "out of memory");
	rc = gsasl_init(&site->gsasl);
	if (rc != GSASL_OK) {
		free(site);
		return why_fail(why, -EIO, "GNU SASL: %s", gsasl_strerror(rc));
	}
	gsasl_callback_set(site->gsasl, on_property);
	site->sources = sources;
	*out = site;
	return 0;
}

void mech_site_close(struct mech_site *site)
{
	if (site == NULL)
		return;
	gsasl_done(site->gsasl);
	free(site);
}

bool mech_is_known(struct mech_site *site, const char *name)
{
	/* Only those that ask with a name and a password can be checked
	 * against what crypt(3) keeps. */
	return (strcmp(name, "PLAIN") == 0 || strcmp(name, "LOGIN") == 0) &&
	       gsasl_server_support_p(site->gsasl, name);
}

int mech_begin(struct mech_site *site, const char *name, struct mech_run **out)
{
	struct mech_run *run;

	*out = NULL;
	if (!mech_is_known(site, name))
		return -EINVAL;
	run = calloc(1, sizeof(*run));
	if (run == NULL)
		return -ENOMEM;
	run->site = site;
	run->answer = USER_NO;
	user_init(&run->user);
	buf_init(&run->tried, USER_FIELD_MAX);
	if (gsasl_server_start(site->gsasl, name, &run->session) != GSASL_OK) {
		mech_free(run);
		return -ENOMEM;
	}
	gsasl_session_hook_set(run->session, run);
	run->asks_first = strcmp(name, "LOGIN") == 0;
	*out = run;
	return 0;
}

void mech_free(struct mech_run *run)
{
	if (run == NULL)
		return;
	if (run->session != NULL)
		gsasl_finish(run->session);
	user_release(&run->user);
	buf_release(&run->tried);
	free(run);
}

enum mech_answer mech_step(struct mech_run *run, const char *response,
			   struct buf *challenge)
{
	char *out = NULL;
	int rc = GSASL_OK;
	enum mech_answer answer = MECH_NO;

	/* An initial response answers the question for the name, which the
	 * library wants to ask first. */
	if (run->asks_first && *response != '\0') {
		rc = gsasl_step64(run->session, "", &out);
		gsasl_free(out);
		out = NULL;
	}
	run->asks_first = false;
	if (rc == GSASL_OK || rc == GSASL_NEEDS_MORE)
		rc = gsasl_step64(run->session, response, &out);
	buf_reset(challenge);
	if (rc == GSASL_OK && run->asked && run->answer == USER_YES)
		answer = MECH_YES;
	else if (rc == GSASL_NEEDS_MORE && out != NULL)
		answer = buf_put(challenge, str_of_c(out)) ? MECH_CONTINUE
							   : MECH_LATER;
	else if (rc == GSASL_MALLOC_ERROR ||
		 (run->asked && run->answer == USER_LATER))
		answer = MECH_LATER;
	gsasl_free(out);
	return answer;
}

const struct user *mech_user(const struct mech_run *run)
{
	return &run->user;
}

struct str mech_name_tried(const struct mech_run *run)
{
	return buf_str(&run->tried);
}
