/* SPDX-License-Identifier: ISC */
/* pop3d's life: what is opened before the rights are gone, and what looks
 * after the process.  A connection is in visit.c. */
#include "pop3d/pop3d.h"

#include <errno.h>
#include <stdlib.h>

#include "base/byteset.h"
#include "base/log.h"
#include "base/map.h"
#include "base/why.h"
#include "conf/conf.h"
#include "pop3d/broker.h"
#include "pop3d/mailbox.h"
#include "rt/fiber.h"
#include "rt/loop.h"
#include "sasl/auth_client.h"
#include "tls/server.h"

#define LOOK_AFTER_MS 5000
#define SESSION_TICKETS_MS 3600000

/* What local(8) is told about mailboxes, too: its rows, asked by name. */
static int read_site(struct pop3d *p, const struct conf *conf, struct why *why)
{
	struct half_site *s = &p->site;
	struct str locks, word;
	int error = conf_str(conf, STR("home_mailbox"), &s->home_mailbox, why);

	if (error == 0)
		error = conf_str(conf, STR("mail_spool_directory"), &s->spool,
				 why);
	if (error == 0)
		error = conf_str(conf, STR("mailbox_delivery_lock"), &locks,
				 why);
	if (error < 0)
		return error;
	while (str_next_word(&locks, &byteset_separator, &word)) {
		if (str_eq(word, STR("fcntl")))
			s->locks |= MAILBOX_LOCK_FCNTL;
		else if (str_eq(word, STR("dotlock")))
			s->locks |= MAILBOX_LOCK_DOT;
		/* flock is the session's own lock. */
	}
	s->lock_tries =
		conf_int(conf, STR("deliver_lock_attempts"), 20, 1, 1000000);
	s->lock_pause_ms =
		conf_time_ms(conf, STR("deliver_lock_delay"), 1000, 's');
	s->lock_stale_ms =
		conf_time_ms(conf, STR("stale_lock_time"), 500000, 's');
	s->session_wait_ms = p->params->pop3d_lock_wait;
	s->timeout_ms = p->params->pop3d_timeout;
	s->hard_errors = (uint64_t)p->params->pop3d_hard_error_limit;
	return 0;
}

/* Without a certificate there is no STLS; where TLS comes first there is
 * nothing then. */
static int open_tls(struct pop3d *p, struct why *why)
{
	const struct pop3d_params *r = p->params;
	const struct tls_server_opts opts = {
		.cert_file = r->pop3d_tls_cert_file,
		.key_file = r->pop3d_tls_key_file,
		.eccert_file = r->pop3d_tls_eccert_file,
		.eckey_file = r->pop3d_tls_eckey_file,
		.chain_files = r->pop3d_tls_chain_files,
		.protocols = r->pop3d_tls_protocols,
		.cipher_grade = r->pop3d_tls_ciphers,
		.exclude_ciphers = r->pop3d_tls_exclude_ciphers,
		.session_timeout_ms = SESSION_TICKETS_MS,
	};
	bool unset = opts.cert_file.n == 0 && opts.eccert_file.n == 0 &&
		     opts.chain_files.n == 0;
	int error;

	if (unset)
		return r->pop3d_tls_wrappermode
			       ? why_fail(why, -EINVAL,
					  "pop3d_tls_wrappermode needs a "
					  "certificate: set "
					  "pop3d_tls_cert_file")
			       : 0;
	error = tls_server_open(&opts, &p->tls, why);
	if (error < 0 && !r->pop3d_tls_wrappermode) {
		log_warning("TLS is not offered: %s", why->text);
		return 0;
	}
	return error;
}

static int open_auth(struct pop3d *p, struct why *why)
{
	p->auth_path = str_dup_c(p->params->pop3d_auth_path);
	p->master_path = str_dup_c(p->params->pop3d_auth_master_path);
	p->clients = map_new();
	if (p->auth_path == NULL || p->master_path == NULL ||
	    p->clients == NULL)
		return why_fail(why, -ENOMEM, "out of memory");
	p->site.master_path = p->master_path;
	return auth_client_open(p->auth_path, "pop3", &p->auth, why);
}

/* The broker comes before all that holds keys. */
static int pop3d_open(struct service_env *env, struct why *why)
{
	struct pop3d *p = calloc(1, sizeof(*p));
	int error;

	if (p == NULL)
		return why_fail(why, -ENOMEM, "out of memory");
	env->state = p;
	p->env = env;
	p->params = env->params;
	p->log_fd = service_log_fd(env);
	error = read_site(p, env->conf, why);
	if (error == 0)
		error = open_auth(p, why);
	if (error == 0)
		error = broker_start(
			&p->site,
			(unsigned)p->params->pop3d_mailbox_process_limit,
			&p->broker, why);
	return error == 0 ? open_tls(p, why) : error;
}

/* ---- looking after ------------------------------------------------------- */

static void watch_broker(void *arg)
{
	struct pop3d *p = arg;

	if (broker_wait_end(p->broker) != 0)
		return;
	log_warning("the process that makes mailbox processes is gone: this "
		    "one ends");
	service_drain(p->env);
}

static void look_after(void *arg)
{
	struct pop3d *p = arg;

	if (p->tls != NULL && tls_server_is_stale(p->tls) &&
	    !service_draining(p->env)) {
		log_info("the certificate has changed: this process ends");
		service_drain(p->env);
	}
}

static int pop3d_start(struct service_env *env)
{
	if (fiber_spawn(watch_broker, env->state) == NULL ||
	    rt_timer_every(LOOK_AFTER_MS, look_after, env->state) == NULL)
		return -ENOMEM;
	return 0;
}

static void pop3d_accept(struct service_env *env, int fd,
			 const struct service_listener *on)
{
	(void)on;
	visit_serve(env->state, fd);
}

/* The loop is about to end, with watch_broker in it: what that uses stays. */
static void pop3d_end(struct service_env *env)
{
	struct pop3d *p = env->state;

	tls_server_close(p->tls);
	p->tls = NULL;
	auth_client_close(p->auth);
	p->auth = NULL;
}

const struct service pop3d_service = {
	.name = "pop3d",
	.params = pop3d_param_rows,
	.param_count = POP3D_PARAM_COUNT,
	.params_size = sizeof(struct pop3d_params),
	.open = pop3d_open,
	.start = pop3d_start,
	.accept = pop3d_accept,
	.end = pop3d_end,
};
