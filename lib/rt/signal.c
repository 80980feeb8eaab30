/* SPDX-License-Identifier: ISC */
/* lib/rt/signal.c — signals become fibers. */
#include <errno.h>
#include <stdlib.h>

#include "base/log.h"
#include "rt/inside.h"
#include "rt/loop.h"

struct signal_watch {
	uv_signal_t handle;
	void (*fn)(int signo, void *arg);
	void *arg;
};

struct signal_call {
	void (*fn)(int signo, void *arg);
	void *arg;
	int signo;
};

static void call_main(void *arg)
{
	struct signal_call call = *(struct signal_call *)arg;

	free(arg);
	call.fn(call.signo, call.arg);
}

static void on_signal(uv_signal_t *handle, int signo)
{
	const struct signal_watch *w =
		CONTAINER_OF(handle, struct signal_watch, handle);
	struct signal_call *call = malloc(sizeof(*call));

	if (call != NULL) {
		*call = (struct signal_call){w->fn, w->arg, signo};
		if (fiber_spawn(call_main, call) != NULL)
			return;
		free(call);
	}
	log_error("out of memory: signal %d is not acted upon", signo);
}

int signal_on(int signo, void (*fn)(int signo, void *arg), void *arg)
{
	struct signal_watch *w;
	int error;

	if (inside_loop() == NULL)
		return -EINVAL;
	w = calloc(1, sizeof(*w));
	if (w == NULL)
		return -ENOMEM;
	w->fn = fn;
	w->arg = arg;
	error = uv_signal_init(inside_loop(), &w->handle);
	if (error != 0) {
		free(w);
		return error;
	}
	error = uv_signal_start(&w->handle, on_signal, signo);
	if (error != 0)
		inside_free_handle((uv_handle_t *)&w->handle);
	return error;
}
