/* SPDX-License-Identifier: ISC */
/* tests/unit/programs/local/daemon.h — a whole agent in a process of its own,
 * and qmgr's part of the conversation. */
#ifndef TEST_LOCAL_DAEMON_H
#define TEST_LOCAL_DAEMON_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/why.h"
#include "delivery/outcome.h"
#include "delivery/request.h"
#include "ipc/channel.h"
#include "local/agent.h"
#include "rt/fiber.h"
#include "rt/loop.h"

enum { OUTCOMES_MAX = 8, REPLACED_MAX = 64, PATIENCE = 20000 };

/* The daemon that runs, for the end of a test that has failed. */
static pid_t running;

static inline int leave_nothing(void **state)
{
	(void)state;
	if (running > 0) {
		(void)kill(running, SIGKILL);
		(void)waitpid(running, NULL, 0);
	}
	running = 0;
	return 0;
}

struct daemon {
	char dir[64];
	char socket[100];
	pid_t pid;
};

struct answer {
	struct arena *arena;
	struct outcome outcomes[OUTCOMES_MAX];
	size_t count;
	struct recipient replaced[REPLACED_MAX];
	size_t replaced_count;
	int error;
};

static inline void make_folder(const char *dir, const char *name, mode_t mode)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	assert_return_code(mkdir(path, mode), 0);
	assert_return_code(chmod(path, mode), 0);
}

static inline void write_file(const char *dir, const char *name,
			      const char *text)
{
	char path[PATH_MAX];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
	assert_return_code(chmod(path, 0644), 0);
}

/* A folder, a main.cf that begins with the usual lines and goes on with
 * `conf`, in which every % is the folder. */
static inline void prepare(struct daemon *d, const char *conf)
{
	char text[8192];
	size_t n;

	strcpy(d->dir, "/tmp/local-test-XXXXXX");
	assert_non_null(mkdtemp(d->dir));
	assert_return_code(chmod(d->dir, 0755), 0);
	make_folder(d->dir, "private", 0755);
	n = (size_t)snprintf(
		text, sizeof(text),
		"compatibility_level = 3.6\nmyhostname = mx.test\n"
		"mydomain = test\nmydestination = test\nmyorigin = test\n"
		"mail_owner = news\ndefault_privs = nobody\n"
		"queue_directory = %s\ninet_interfaces = 127.0.0.1\n"
		"recipient_delimiter = +\n",
		d->dir);
	for (; *conf != '\0'; conf++) {
		if (*conf == '%')
			n += (size_t)snprintf(text + n, sizeof(text) - n, "%s",
					      d->dir);
		else
			text[n++] = *conf;
		assert_true(n + 64 < sizeof(text));
	}
	text[n] = '\0';
	write_file(d->dir, "main.cf", text);
}

/* Whether somebody listens: the socket's name is there a moment earlier. */
static inline bool answers(const struct daemon *d)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool yes;

	assert_return_code(fd, errno);
	snprintf(un.sun_path, sizeof(un.sun_path), "%s", d->socket);
	yes = connect(fd, (const struct sockaddr *)&un, sizeof(un)) == 0;
	close(fd);
	return yes;
}

static inline void wait_for(const struct daemon *d)
{
	for (int i = 0; i < PATIENCE / 10; i++) {
		int status = 0;

		if (answers(d))
			return;
		if (waitpid(d->pid, &status, WNOHANG) == d->pid) {
			running = 0;
			fail_msg("it ended at once, status %#x",
				 (unsigned)status);
		}
		usleep(10000);
	}
	fail_msg("nobody listens on %s", d->socket);
}

/* Start `argv[0]` as user `as` (0: as we are). */
static inline void start(struct daemon *d, uid_t as, char *const *words)
{
	char listen[160];
	char *argv[32] = {words[0], (char *)(uintptr_t) "-n", words[0],
			  (char *)(uintptr_t) "-D", listen};
	int argc = 5;

	snprintf(d->socket, sizeof(d->socket), "%s/socket", d->dir);
	snprintf(listen, sizeof(listen), "unix:%s", d->socket);
	for (size_t i = 1; words[i] != NULL; i++)
		argv[argc++] = words[i];
	if (as != 0)
		assert_return_code(chown(d->dir, as, as), 0);
	d->pid = fork();
	assert_return_code(d->pid, 0);
	if (d->pid == 0) {
		if (as != 0 && (setgid(as) < 0 || setuid(as) < 0))
			_exit(99);
		setenv("MAIL_CONFIG", d->dir, 1);
		_exit(local_main(argc, argv));
	}
	running = d->pid;
	wait_for(d);
}

static inline void stop(struct daemon *d)
{
	char command[128];
	int status = -1;

	assert_return_code(kill(d->pid, SIGTERM), 0);
	assert_return_code(waitpid(d->pid, &status, 0), 0);
	running = 0;
	snprintf(command, sizeof(command), "rm -rf %s", d->dir);
	if (getenv("KEEP") == NULL)
		assert_int_equal(system(command), 0);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* ---- qmgr
 * ------------------------------------------------------------------------------
 */

struct conversation {
	const struct daemon *daemon;
	struct delivery_request *request;
	struct answer *answer;
};

static inline int add_replaced(const struct recipient *r, void *arg)
{
	struct answer *a = arg;
	struct recipient *to;

	if (a->replaced_count >= REPLACED_MAX)
		return -E2BIG;
	to = &a->replaced[a->replaced_count++];
	*to = *r;
	to->address = arena_str(a->arena, r->address);
	to->sender = arena_str(a->arena, r->sender);
	to->original = arena_str(a->arena, r->original);
	return 0;
}

static inline int hear(struct answer *a, struct channel *ch)
{
	uint64_t number = 0;
	uint32_t recipient;
	struct msg m;
	int error = channel_receive(ch, &m, clock_deadline(PATIENCE));

	if (error != 0)
		return error;
	if (m.type == MSG_OUTCOME)
		error = delivery_outcome_decode(&m, a->arena, &number,
						&a->outcomes[a->count++]);
	else if (m.type == MSG_REPLACEMENT)
		error = delivery_replacement_decode(&m, &number, &recipient,
						    add_replaced, a);
	else
		error = m.type == MSG_DONE ? STREAM_END : -EPROTO;
	msg_drop(&m);
	return error;
}

static inline void converse(void *arg)
{
	struct conversation *c = arg;
	BUF_SCOPED frame = BUF_INIT((size_t)1 << 20);
	struct channel *ch = NULL;
	struct why why = {.text = ""};
	int error = channel_connect(c->daemon->socket, clock_deadline(PATIENCE),
				    &ch, &why);
	int fd = dup(c->request->fd);

	if (error == 0)
		error = delivery_request_encode(&frame, c->request);
	if (error == 0)
		error = channel_send(ch, &frame, &fd, 1,
				     clock_deadline(PATIENCE));
	while (error == 0)
		error = hear(c->answer, ch);
	c->answer->error = error;
	channel_close(ch);
}

/* Send `text` (CRLF lines) to `recipients`. */
static inline void deliver(const struct daemon *d, const char *text,
			   struct recipient *recipients, size_t count,
			   struct answer *a)
{
	static const char before[] = "whatever comes before";
	int64_t now = clock_wall_us();
	struct delivery_request r = {
		.number = 7,
		.id = STR("4abcDEF0123z"),
		.sender = STR("jo smith@example.com"),
		.transport = STR("local"),
		.nexthop = STR("test"),
		.size = strlen(text),
		.offset = sizeof(before),
		.length = strlen(text),
		.arrived_us = now,
		.active_us = now,
		.handed_us = now,
		.envid = STR(""),
		.recipients = recipients,
		.recipient_count = count,
	};
	char path[] = "/tmp/local-content-XXXXXX";
	struct conversation c = {d, &r, a};

	r.fd = mkstemp(path);
	assert_return_code(r.fd, 0);
	assert_return_code(unlink(path), 0);
	assert_int_equal(write(r.fd, before, sizeof(before)), sizeof(before));
	assert_int_equal(write(r.fd, text, strlen(text)), strlen(text));
	memset(a, 0, sizeof(*a));
	a->arena = arena_new((size_t)1 << 24);
	assert_int_equal(loop_open(NULL), 0);
	assert_non_null(fiber_spawn(converse, &c));
	loop_run();
	loop_close();
	close(r.fd);
	assert_int_equal(a->error, STREAM_END);
	assert_int_equal(a->count, count);
}

static inline struct recipient to(const char *address)
{
	return (struct recipient){.number = 3,
				  .address = str_of_c(address),
				  .original = STR(""),
				  .orcpt = STR(""),
				  .sender = STR("")};
}

struct burst {
	const struct daemon *daemon;
	const struct delivery_request *request;
	unsigned count;
	unsigned sent; /* outcomes that say so */
	int error;
};

static inline int hear_one(struct burst *b, struct arena *a, struct channel *ch,
			   unsigned *done)
{
	struct outcome o;
	uint64_t number;
	struct msg m;
	int error = channel_receive(ch, &m, clock_deadline(PATIENCE));

	if (error != 0)
		return error;
	if (m.type == MSG_OUTCOME) {
		error = delivery_outcome_decode(&m, a, &number, &o);
		if (error == 0 && o.action == OUTCOME_SENT)
			b->sent++;
	} else {
		(*done)++;
	}
	msg_drop(&m);
	return error;
}

/* Many requests on one connection, side by side. */
static inline void burst(void *arg)
{
	struct burst *b = arg;
	CLEANUP(arena_free) struct arena *a = arena_new((size_t)1 << 24);
	struct channel *ch = NULL;
	struct why why = {.text = ""};
	unsigned done = 0;
	int error = channel_connect(b->daemon->socket, clock_deadline(PATIENCE),
				    &ch, &why);

	for (unsigned i = 0; i < b->count && error == 0; i++) {
		BUF_SCOPED frame = BUF_INIT((size_t)1 << 20);
		struct delivery_request r = *b->request;
		int fd = dup(r.fd);

		r.number = i;
		error = delivery_request_encode(&frame, &r);
		if (error == 0)
			error = channel_post(ch, &frame, &fd, 1);
	}
	while (error == 0 && done < b->count)
		error = hear_one(b, a, ch, &done);
	channel_close(ch);
	b->error = error;
}

/* One recipient; what is expected of it. */
static inline void expect(const struct daemon *d, struct recipient r,
			  const char *text, enum outcome_action action,
			  const char *dsn, const char *words, struct answer *a)
{
	char got[OUTCOME_TEXT_MAX + 1];

	deliver(d, text, &r, 1, a);
	assert_true(str_to_c(a->outcomes[0].text, got, sizeof(got)));
	if (strstr(got, words) == NULL)
		fail_msg("\"%s\" is not in \"%s\"", words, got);
	assert_int_equal(a->outcomes[0].action, action);
	assert_int_equal(a->outcomes[0].recipient, r.number);
	assert_true(str_eq(a->outcomes[0].dsn, str_of_c(dsn)));
}

static inline void expect_only(const struct daemon *d, struct recipient r,
			       const char *text, enum outcome_action action,
			       const char *dsn, const char *words)
{
	struct answer a;

	expect(d, r, text, action, dsn, words, &a);
	arena_free(a.arena);
}

/* ---- looking
 * ---------------------------------------------------------------------------
 */

static inline void read_path(const char *path, char *text, size_t max)
{
	int fd = open(path, O_RDONLY);
	ssize_t n;

	if (fd < 0)
		fail_msg("%s is missing", path);
	n = read(fd, text, max - 1);
	assert_return_code(n, 0);
	text[n] = '\0';
	close(fd);
}

/* The only file in a folder. */
static inline void read_only_file(const char *dir, char *text, size_t max,
				  struct stat *st)
{
	char path[PATH_MAX];
	const struct dirent *e;
	int files = 0;
	DIR *list = opendir(dir);

	if (list == NULL)
		fail_msg("%s is missing", dir);
	while ((e = readdir(list)) != NULL) {
		if (e->d_name[0] == '.')
			continue;
		files++;
		snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
		assert_return_code(stat(path, st), 0);
		read_path(path, text, max);
	}
	closedir(list);
	assert_int_equal(files, 1);
}

#endif
