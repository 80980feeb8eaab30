/* SPDX-License-Identifier: ISC */
/* auth(8): the only process that can read passwords.
 *
 * smtpd and pop3d pass on what their clients say; this process answers yes, no
 * or "cannot tell now", and never shows what it read. */
#include "auth/auth.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "auth/mech.h"
#include "auth/ticket.h"
#include "base/byteset.h"
#include "base/clock.h"
#include "base/why.h"
#include "conf/param.h"
#include "rt/stream.h"
#include "sasl/line.h"

#define MASTER_MS 30000

static int set_sources(struct auth *a, struct why *why)
{
	const struct auth_params *p = a->params;
	struct user_sources *s = &a->sources;

	s->first_uid = p->malote_auth_first_uid;
	s->realms = str_dup_c(p->malote_auth_realms);
	if (p->malote_auth_users_file.n > 0)
		s->file = str_dup_c(p->malote_auth_users_file);
	if (str_eq_nocase(p->malote_auth_system, STR("pam")))
		s->pam_service = str_dup_c(p->malote_auth_pam_service);
	else if (str_eq_nocase(p->malote_auth_system, STR("shadow")))
		s->shadow = true;
	else if (p->malote_auth_system.n > 0 &&
		 !str_eq_nocase(p->malote_auth_system, STR("no")))
		return why_fail(why, -EINVAL,
				"malote_auth_system = " STR_FMT
				": say pam, shadow or no",
				STR_ARG(p->malote_auth_system));
	return s->realms == NULL ? why_fail(why, -ENOMEM, "out of memory") : 0;
}

/* VERSION, MECH, SPID, COOKIE: the same for every client. */
static int make_greeting(struct auth *a, struct why *why)
{
	struct str list = a->params->malote_auth_mechanisms;
	struct str word;
	char cookie[16];

	buf_init(&a->greeting, AUTH_LINE_MAX);
	(void)buf_put(&a->greeting, STR("VERSION\t1\t1\n"));
	while (str_next_word(&list, &byteset_separator, &word)) {
		char name[64];

		if (!str_to_c(word, name, sizeof(name)))
			name[0] = '\0';
		for (char *p = name; *p != '\0'; p++)
			if (*p >= 'a' && *p <= 'z')
				*p = (char)(*p - 'a' + 'A');
		if (!mech_is_known(a->mechs, name))
			return why_fail(why, -EINVAL,
					"malote_auth_mechanisms: " STR_FMT
					" is not one of plain, login",
					STR_ARG(word));
		(void)buf_putf(&a->greeting, "MECH\t%s\tplaintext\n", name);
	}
	if (getrandom(cookie, sizeof(cookie), 0) != (ssize_t)sizeof(cookie))
		return why_fail(why, -EIO, "no random numbers");
	(void)buf_putf(&a->greeting, "SPID\t%ld\nCOOKIE\t", (long)getpid());
	(void)buf_put_hex(&a->greeting, str_of(cookie, sizeof(cookie)));
	(void)buf_put_byte(&a->greeting, '\n');
	return a->greeting.failed ? why_fail(why, -ENOMEM, "out of memory") : 0;
}

static int auth_open(struct service_env *env, struct why *why)
{
	struct auth *a = calloc(1, sizeof(*a));
	int rc;

	if (a == NULL)
		return why_fail(why, -ENOMEM, "out of memory");
	env->state = a;
	a->params = env->params;
	rc = set_sources(a, why);
	if (rc == 0)
		rc = mech_site_open(&a->sources, &a->mechs, why);
	if (rc == 0)
		rc = make_greeting(a, why);
	if (rc == 0 &&
	    ticket_box_new(a->params->malote_auth_ticket_time, &a->tickets) < 0)
		rc = why_fail(why, -ENOMEM, "out of memory");
	return rc;
}

/* Who redeems tickets becomes the users behind them: that takes root, or,
 * where everything runs under one uid, that uid. */
static bool may_redeem(int fd)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
	       (peer.uid == 0 || peer.uid == geteuid());
}

static void put_user(struct buf *out, const struct user *u)
{
	(void)buf_put(out, STR("TICKET\tuser="));
	auth_line_put(out, buf_str(&u->name));
	(void)buf_putf(out, "\tuid=%u\tgid=%u\thome=", u->uid, u->gid);
	auth_line_put(out, buf_str(&u->home));
	(void)buf_put(out, STR("\tmail="));
	auth_line_put(out, buf_str(&u->mail));
}

static int redeem(struct auth *a, struct stream *s, struct str line)
{
	BUF_SCOPED out = BUF_INIT(AUTH_LINE_MAX);
	int64_t deadline = clock_deadline(MASTER_MS);
	struct str verb;
	struct str ticket;
	struct user *user;
	int rc;

	if (!auth_line_next(&line, &verb) || !str_eq(verb, STR("REDEEM")) ||
	    !auth_line_next(&line, &ticket))
		return -EPROTO;
	user = ticket_redeem(a->tickets, ticket);
	if (user != NULL) {
		put_user(&out, user);
		user_release(user);
		free(user);
	} else {
		(void)buf_put(&out, STR("NOTICKET"));
	}
	(void)buf_put_byte(&out, '\n');
	if (out.failed)
		return -EMSGSIZE;
	rc = stream_write(s, buf_str(&out), deadline);
	return rc < 0 ? rc : stream_flush(s, deadline);
}

void auth_serve_master(struct service_env *env, int fd)
{
	CLEANUP(stream_close) struct stream *s = NULL;
	struct str line;
	int rc;

	if (!may_redeem(fd) || stream_open(fd, AUTH_LINE_MAX, &s) < 0) {
		close(fd);
		return;
	}
	do {
		rc = stream_read_line(s, &line, DEADLINE_NEVER);
		if (rc == 0)
			rc = redeem(env->state, s, line);
	} while (rc == 0);
}

static void auth_accept(struct service_env *env, int fd,
			const struct service_listener *on)
{
	if (strcmp(on->name, "auth-master") == 0)
		auth_serve_master(env, fd);
	else
		auth_serve_client(env, fd);
}

static void auth_end(struct service_env *env)
{
	struct auth *a = env->state;

	mech_site_close(a->mechs);
	ticket_box_free(a->tickets);
	buf_release(&a->greeting);
	free(a->sources.file);
	free(a->sources.pam_service);
	free(a->sources.realms);
	free(a);
	env->state = NULL;
}

const struct service auth_service = {
	.name = "auth",
	.params = auth_param_rows,
	.param_count = AUTH_PARAM_COUNT,
	.params_size = sizeof(struct auth_params),
	.open = auth_open,
	.accept = auth_accept,
	.end = auth_end,
	.stays = true,
};
