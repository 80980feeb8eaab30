/* SPDX-License-Identifier: ISC */
/* Many fsyncs at once: see base/sync.h.
 *
 * io_submit(2) gives each of them a thread of the kernel, so that it takes no
 * more threads of ours, and three system calls whatever their number: the last
 * one is for the thread that waits for the others. */
#include "base/sync.h"

#include <errno.h>
#include <linux/aio_abi.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ORDERS_MOST ((size_t)128)

/* What makes it possible is slow to give back, so one is kept; 0: none. */
static _Atomic(aio_context_t) spare;

static int take_context(aio_context_t *context)
{
	*context = atomic_exchange(&spare, 0);
	if (*context != 0)
		return 0;
	return syscall(SYS_io_setup, ORDERS_MOST, context) < 0 ? -errno : 0;
}

static void give_context(aio_context_t context)
{
	aio_context_t none = 0;

	if (!atomic_compare_exchange_strong(&spare, &none, context))
		(void)syscall(SYS_io_destroy, context);
}

static void sync_alone(struct sync_one *one)
{
	one->error = fsync(one->fd) < 0 ? -errno : 0;
}

/* How many of them the kernel took. */
static size_t submit(aio_context_t context, struct iocb **all, size_t count)
{
	size_t taken = 0;

	while (taken < count) {
		long n = syscall(SYS_io_submit, context, count - taken,
				 all + taken);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		taken += (size_t)n;
	}
	return taken;
}

/* Returns: 0; -errno: the context is none, and what is not answered is lost. */
static int collect(aio_context_t context, size_t count)
{
	struct io_event events[ORDERS_MOST];

	while (count > 0) {
		long n = syscall(SYS_io_getevents, context, 1L, count, events,
				 NULL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		for (long i = 0; i < n; i++) {
			struct sync_one *one =
				(void *)(uintptr_t)events[i].data;

			one->error = (int)events[i].res;
		}
		count -= (size_t)n;
	}
	return 0;
}

/* Returns: 0; -errno: the context is of no use any more. */
static int sync_together(aio_context_t context, struct sync_one *ones,
			 size_t count)
{
	struct iocb orders[ORDERS_MOST] = {0};
	struct iocb *all[ORDERS_MOST];
	size_t taken;

	for (size_t i = 0; i < count; i++) {
		ones[i].error = -EIO; /* until it is answered */
		orders[i].aio_fildes = (uint32_t)ones[i].fd;
		orders[i].aio_lio_opcode = IOCB_CMD_FSYNC;
		orders[i].aio_data = (uintptr_t)&ones[i];
		all[i] = &orders[i];
	}
	/* The rest is what was not even tried: a second fsync would tell of no
	 * error. */
	taken = submit(context, all, count - 1);
	for (size_t i = taken; i < count; i++)
		sync_alone(&ones[i]);
	return collect(context, taken);
}

void sync_many(struct sync_one *ones, size_t count)
{
	aio_context_t context = 0;
	int error = 0;

	if (count < 2 || take_context(&context) != 0) {
		for (size_t i = 0; i < count; i++)
			sync_alone(&ones[i]);
		return;
	}
	for (size_t i = 0; i < count; i += ORDERS_MOST) {
		size_t n = count - i < ORDERS_MOST ? count - i : ORDERS_MOST;

		if (sync_together(context, ones + i, n) != 0)
			error = -EIO;
	}
	if (error == 0)
		give_context(context);
	else
		(void)syscall(SYS_io_destroy, context);
}
