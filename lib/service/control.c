/* SPDX-License-Identifier: ISC */
/* What ends a worker, or changes it while it runs: master's word, a signal,
 * idleness, a table that changed out of reach. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/log.h"
#include "base/why.h"
#include "rt/loop.h"
#include "service/inside.h"
#include "stats/slots.h"
#include "table/table.h"

enum {
	TICK_MS = 1000,
	QUIET_MS = 50, /* for what is on its way to a worker that ends */
};

/* ---- the end ------------------------------------------------------------- */

static bool has_work(const struct service_inside *in)
{
	if (in->listening > 0 || in->work > 0)
		return true;
	return in->service->counts_itself ? in->slots_taken > 0
					  : in->session_count > 0;
}

/* When sessions are ended by force. */
static int64_t patience_ends(const struct service_inside *in)
{
	if (in->phase == SERVICE_STOPPING)
		return in->phase_since + in->setting->own.service_stop_time;
	return in->phase_since + in->setting->own.service_drain_limit;
}

static void drain_main(void *arg)
{
	struct service_env *env = arg;
	struct service_inside *in = env->inside;

	if (in->service->drain != NULL)
		in->service->drain(env);
	if (in->service->counts_itself)
		(void)fiber_sleep(clock_deadline(QUIET_MS));
	while (has_work(in) && clock_now() < patience_ends(in))
		if (waitq_wait(&in->work_q, patience_ends(in)) == -ECANCELED)
			break;
	service_sessions_cancel(env);
	while (in->listening > 0 || in->session_count > 0)
		if (waitq_wait(&in->work_q, DEADLINE_NEVER) != 0)
			break;
	in->phase = SERVICE_ENDING;
	if (in->service->end != NULL)
		in->service->end(env);
	loop_stop();
}

void service_phase(struct service_env *env, enum service_phase to)
{
	struct service_inside *in = env->inside;
	enum service_phase from = in->phase;

	if (to <= from)
		return;
	in->phase = to;
	in->phase_since = clock_now();
	waitq_wake_all(&in->drain_q);
	waitq_wake_all(&in->work_q);
	if (from != SERVICE_SERVING)
		return;
	service_control_tell(env, SERVICE_EXITING);
	service_listen_stop(env);
	if (fiber_spawn(drain_main, env) == NULL)
		loop_stop();
}

bool service_draining(const struct service_env *env)
{
	return env->inside->phase != SERVICE_SERVING;
}

bool service_stopping(const struct service_env *env)
{
	return env->inside->phase >= SERVICE_STOPPING;
}

struct waitq *service_drain_q(struct service_env *env)
{
	return &env->inside->drain_q;
}

void service_drain(struct service_env *env)
{
	service_phase(env, SERVICE_DRAINING);
}

unsigned service_sessions(const struct service_env *env)
{
	return env->inside->session_count;
}

/* ---- master -------------------------------------------------------------- */

void service_control_tell(struct service_env *env, char what)
{
	if (env->inside->control >= 0)
		(void)send(env->inside->control, &what, 1,
			   MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void reload(struct service_env *env)
{
	struct service_inside *in = env->inside;
	struct service_setting *old = in->setting, *now;
	struct why why;

	if (in->service->reload == NULL || env->jailed) {
		service_phase(env, SERVICE_DRAINING);
		return;
	}
	if (service_setting_load(env, &now, &why) < 0) {
		log_warning("the old configuration stays: %s", why.text);
		return;
	}
	service_setting_use(env, now);
	if (in->service->reload(env) != 0) {
		service_setting_use(env, old);
		service_setting_free(now);
		return;
	}
	now->earlier = old;
}

/* Takes: fd. */
static void log_elsewhere(struct service_env *env, int fd)
{
	if (fd < 0)
		return;
	/* The descriptor keeps its number, for who has it. */
	if (dup3(fd, SERVICE_FD_LOG, O_CLOEXEC) < 0)
		log_warning("dup: %s", strerror(errno));
	else {
		env->inside->has_log_file = true;
		log_set_fd(SERVICE_FD_LOG);
	}
	(void)close(fd);
}

/* One packet.  Returns: bytes (0: master is gone), or -errno. */
static ssize_t receive(int from, char *what, int *fd)
{
	_Alignas(struct cmsghdr) char room[CMSG_SPACE(sizeof(int))];
	struct iovec iov = {.iov_base = what, .iov_len = 1};
	struct msghdr m = {.msg_iov = &iov,
			   .msg_iovlen = 1,
			   .msg_control = room,
			   .msg_controllen = sizeof(room)};
	ssize_t n = recvmsg(from, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	const struct cmsghdr *c;

	*fd = -1;
	if (n < 0)
		return -errno;
	c = CMSG_FIRSTHDR(&m);
	if (c != NULL && c->cmsg_level == SOL_SOCKET &&
	    c->cmsg_type == SCM_RIGHTS && c->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(fd, CMSG_DATA(c), sizeof(int));
	return n;
}

static void obey(struct service_env *env, char what, int fd)
{
	switch (what) {
	case SERVICE_DRAIN:
		service_phase(env, SERVICE_DRAINING);
		break;
	case SERVICE_STOP:
		service_phase(env, SERVICE_STOPPING);
		break;
	case SERVICE_RELOAD:
		reload(env);
		break;
	case SERVICE_LOG:
		log_elsewhere(env, fd);
		return;
	default:
		log_warning("master said something unknown: %d", what);
	}
	if (fd >= 0)
		(void)close(fd);
}

static void control_main(void *arg)
{
	struct service_env *env = arg;
	struct service_inside *in = env->inside;
	struct watch watch;

	watch_init(&watch, in->control);
	for (;;) {
		char what;
		int fd;
		ssize_t n;

		if (watch_wait(&watch, FD_READ, DEADLINE_NEVER) != 0)
			break;
		n = receive(in->control, &what, &fd);
		if (n == -EAGAIN || n == -EINTR)
			continue;
		if (n <= 0)
			break;
		obey(env, what, fd);
	}
	watch_release(&watch);
	/* Master is gone.  Another one will need what only one may have. */
	service_phase(env,
		      in->args.alone ? SERVICE_STOPPING : SERVICE_DRAINING);
}

/* ---- signals and time ---------------------------------------------------- */

static void on_signal(int signo, void *arg)
{
	(void)signo;
	service_phase(arg, SERVICE_STOPPING);
}

static void on_tick(void *arg)
{
	struct service_env *env = arg;
	const struct service_inside *in = env->inside;

	(void)log_flush();
	if (in->phase != SERVICE_SERVING)
		return;
	/* Who gave up its rights cannot open it; whoever comes next can. */
	if (!env->privileged && !env->single_uid && table_any_stale())
		service_phase(env, SERVICE_DRAINING);
	else if (!in->service->stays && in->control >= 0 &&
		 in->session_count == 0 && in->slots_taken == 0 &&
		 in->work == 0 &&
		 clock_now() - in->idle_since >= env->common->max_idle)
		service_phase(env, SERVICE_DRAINING);
}

int service_control_start(struct service_env *env)
{
	int error = signal_on(SIGTERM, on_signal, env);

	if (error == 0 && env->inside->args.debug != NULL)
		error = signal_on(SIGINT, on_signal, env);
	if (error < 0)
		return error;
	if (rt_timer_every(TICK_MS, on_tick, env) == NULL)
		return -ENOMEM;
	if (env->inside->control >= 0 && fiber_spawn(control_main, env) == NULL)
		return -ENOMEM;
	return 0;
}
