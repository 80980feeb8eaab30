/* SPDX-License-Identifier: ISC */
/* smtpd/standalone.c — see standalone.h.
 *
 * A message is kept in a file without a name until its final dot, and then
 * given to sendmail, whose exit status decides on the reply. */
#include "smtpd/standalone.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/why.h"
#include "conf/conf.h"
#include "smtpd/server.h"
#include "smtpd/session.h"

#define RECIPIENT_BYTES_MAX ((size_t)1024 * 1024)

struct standalone {
	struct conf *conf;
	struct conf_common common;
	struct smtpd_params params;
	struct server *server;
	struct session *session;
	struct buf sendmail; /* its path */
	/* The message, one at a time. */
	struct buf sender;
	struct buf recipients; /* each with a NUL behind it */
	size_t recipient_count;
	int content; /* descriptor, -1 when there is no message */
	int error;   /* of writing to it */
};

/* ---- the message -------------------------------------------------------- */

static void forget(struct standalone *sa)
{
	if (sa->content >= 0)
		(void)close(sa->content);
	sa->content = -1;
	buf_reset(&sa->recipients);
	sa->recipient_count = 0;
	sa->error = 0;
}

static int ask_space(void *ctx, uint64_t size)
{
	(void)ctx;
	(void)size;
	return 0;
}

static int ask_begin(void *ctx, const struct session_envelope *e,
		     struct session_message **out)
{
	struct standalone *sa = ctx;

	forget(sa);
	buf_reset(&sa->sender);
	if (!buf_put(&sa->sender, e->sender))
		return -ENOMEM;
	sa->content = memfd_create("message", MFD_CLOEXEC);
	if (sa->content < 0)
		return -errno;
	*out = (struct session_message *)(void *)sa;
	return 0;
}

static struct str ask_id(void *ctx, struct session_message *m)
{
	(void)ctx;
	(void)m;
	return STR(""); /* postdrop does not tell */
}

static int ask_recipient(void *ctx, struct session_message *m,
			 const struct session_recipient *r)
{
	struct standalone *sa = ctx;

	(void)m;
	if (str_find_byte(r->address, '\0') != SIZE_MAX)
		return -EINVAL;
	if (!buf_put(&sa->recipients, r->address) ||
	    !buf_put_byte(&sa->recipients, '\0'))
		return -ENOMEM;
	sa->recipient_count++;
	return 0;
}

static int ask_ready(void *ctx, struct session_message *m,
		     const struct session_actions *actions)
{
	(void)ctx;
	(void)m;
	(void)actions;
	return 0;
}

static int ask_data(void *ctx, struct session_message *m, struct str piece)
{
	struct standalone *sa = ctx;

	(void)m;
	if (sa->error == 0)
		sa->error = fd_write_all(sa->content, piece);
	return sa->error;
}

/* In the child: become sendmail. */
NO_RETURN static void exec_sendmail(struct standalone *sa, char **argv)
{
	if (lseek(sa->content, 0, SEEK_SET) == 0 &&
	    dup2(sa->content, STDIN_FILENO) >= 0 &&
	    dup2(STDERR_FILENO, STDOUT_FILENO) >= 0)
		(void)execv(argv[0], argv);
	_exit(EX_OSERR);
}

static int run_sendmail(struct standalone *sa)
{
	char **argv = calloc(sa->recipient_count + 6, sizeof(*argv));
	size_t n = 0;
	int error = 0;
	int status;
	pid_t pid;

	if (argv == NULL)
		return -ENOMEM;
	argv[n++] = (char *)(uintptr_t)buf_cstr(&sa->sendmail);
	argv[n++] = (char *)(uintptr_t) "-i";
	argv[n++] = (char *)(uintptr_t) "-f";
	argv[n++] = (char *)(uintptr_t)buf_cstr(&sa->sender);
	argv[n++] = (char *)(uintptr_t) "--";
	for (char *p = sa->recipients.p;
	     p != NULL && p < sa->recipients.p + sa->recipients.n;
	     p += strlen(p) + 1)
		argv[n++] = p;
	pid = fork();
	if (pid == 0)
		exec_sendmail(sa, argv);
	if (pid < 0)
		error = -errno;
	free(argv);
	if (pid < 0)
		return error;
	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return -errno;
	}
	return WIFEXITED(status) && WEXITSTATUS(status) == EX_OK ? 0 : -EIO;
}

static int ask_commit(void *ctx, struct session_message *m,
		      const struct session_actions *actions,
		      struct session_commit *out)
{
	struct standalone *sa = ctx;
	int rc = sa->error != 0 ? sa->error : run_sendmail(sa);

	(void)m;
	(void)actions;
	(void)out;
	forget(sa);
	return rc;
}

static void ask_abandon(void *ctx, struct session_message *m)
{
	(void)m;
	forget(ctx);
}

/* ---- everything else is allowed ----------------------------------------- */

static struct str ask_mechanisms(void *ctx)
{
	(void)ctx;
	return STR("");
}

static void ask_auth_abort(void *ctx)
{
	(void)ctx;
}

static void ask_pause(void *ctx, int64_t ms)
{
	(void)ctx;
	(void)poll(NULL, 0, (int)(ms < 60000 ? ms : 60000));
}

static bool ask_has_input(void *ctx)
{
	(void)ctx;
	return false;
}

static bool ask_allows(void *ctx, enum session_event event, int64_t *count)
{
	(void)ctx;
	(void)event;
	*count = 0;
	return true;
}

static const struct session_asks standalone_asks = {
	.space = ask_space,
	.begin = ask_begin,
	.id = ask_id,
	.recipient = ask_recipient,
	.ready = ask_ready,
	.data = ask_data,
	.commit = ask_commit,
	.abandon = ask_abandon,
	.auth_mechanisms = ask_mechanisms,
	.auth_abort = ask_auth_abort,
	.pause = ask_pause,
	.has_input = ask_has_input,
	.allows = ask_allows,
};

/* ---- standard input and output ------------------------------------------ */

static int say(struct standalone *sa)
{
	struct str out = session_output(sa->session);
	int rc = fd_write_all(STDOUT_FILENO, out);

	session_output_sent(sa->session, out.n);
	return rc;
}

/* Read more into `in`.  Returns bytes, 0 at the end, -errno. */
static ssize_t read_more(struct standalone *sa, struct buf *in)
{
	struct pollfd p = {.fd = STDIN_FILENO, .events = POLLIN};
	int64_t ms = sa->params.smtpd_timeout;
	char *room = buf_room(in, 8192);
	ssize_t n;
	int ready;

	if (room == NULL)
		return -ENOMEM;
	do {
		ready = poll(&p, 1, (int)(ms < INT_MAX ? ms : INT_MAX));
	} while (ready < 0 && errno == EINTR);
	if (ready == 0)
		return -ETIMEDOUT;
	do {
		n = read(STDIN_FILENO, room, 8192);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	buf_added(in, (size_t)n);
	return n;
}

static void talk(struct standalone *sa)
{
	BUF_SCOPED in = BUF_INIT((size_t)1024 * 1024);
	enum session_want want = session_begin(sa->session);

	while (want != SESSION_END) {
		size_t used;
		ssize_t n = 1;

		if (say(sa) != 0)
			break;
		if (want == SESSION_MORE)
			n = read_more(sa, &in);
		if (n == -ETIMEDOUT)
			session_timed_out(sa->session);
		else if (n <= 0)
			session_lost(sa->session);
		if (n <= 0)
			break;
		want = session_feed(sa->session, buf_str(&in), &used);
		buf_eat(&in, used);
	}
	(void)!say(sa);
}

/* The sendmail that belongs to this configuration. */
static int find_sendmail(struct standalone *sa, struct why *why)
{
	struct str path;
	int rc;

	buf_putf(&sa->sendmail, STR_FMT "/sendmail",
		 STR_ARG(sa->common.command_directory));
	if (access(buf_cstr(&sa->sendmail), X_OK) == 0)
		return 0;
	buf_reset(&sa->sendmail);
	rc = conf_str(sa->conf, STR("sendmail_path"), &path, why);
	if (rc == 0 && !buf_put(&sa->sendmail, path))
		rc = why_fail(why, -ENAMETOOLONG, "sendmail_path is too long");
	return rc;
}

static int open_standalone(struct standalone *sa, struct why *why)
{
	struct conf_opts opts = {.dir = NULL};
	struct server_opts server = {.standalone = true};
	int rc;

	rc = conf_load(&opts, &sa->conf, why);
	if (rc == 0)
		rc = conf_fill_common(sa->conf, &sa->common, why);
	if (rc == 0)
		rc = conf_fill(sa->conf, smtpd_param_rows, smtpd_param_count,
			       &sa->params, why);
	if (rc == 0)
		rc = find_sendmail(sa, why);
	if (rc != 0)
		return rc;
	server.conf = sa->conf;
	server.common = &sa->common;
	server.params = &sa->params;
	return server_open(&server, &sa->server, why);
}

int standalone_main(int argc, char **argv)
{
	static const struct session_peer peer = {
		.name = STR_INIT("localhost"),
		.reverse_name = STR_INIT("localhost"),
		.address = STR_INIT("127.0.0.1"),
		.name_status = PEER_NAME_VERIFIED,
		.reverse_status = PEER_NAME_VERIFIED,
	};
	struct standalone sa = {
		.sendmail = BUF_INIT(4096),
		.sender = BUF_INIT(4096),
		.recipients = BUF_INIT(RECIPIENT_BYTES_MAX),
		.content = -1,
	};
	struct why why = {""};

	(void)argc;
	(void)argv;
	log_open(&(struct log_opts){.tag = "postfix",
				    .role = "smtpd",
				    .fd = -1,
				    .to_syslog = true});
	if (open_standalone(&sa, &why) != 0) {
		(void)fprintf(stderr, "smtpd: fatal: %s\n", why.text);
		return EX_CONFIG;
	}
	if (session_new(sa.server, &peer, &standalone_asks, &sa, &sa.session) !=
	    0)
		return EX_OSERR;
	talk(&sa);
	session_free(sa.session);
	forget(&sa);
	server_close(sa.server);
	buf_release(&sa.sendmail);
	conf_free(sa.conf);
	buf_release(&sa.sender);
	buf_release(&sa.recipients);
	return EX_OK;
}
