/* SPDX-License-Identifier: ISC */
/* Channels: messages arrive whole, in order, each with its own descriptors;
 * garbage ends the channel and nothing else. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/buf.h"
#include "ipc/channel.h"
#include "rt/fiber.h"
#include "rt/loop.h"

#define COUNT 600

static int ends[2];

static int make_pipe_fd(uint64_t number)
{
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	assert_int_equal(write(fds[1], &number, sizeof(number)),
			 sizeof(number));
	close(fds[1]);
	return fds[0];
}

static int post_number(struct channel *ch, uint64_t n, bool with_fd)
{
	BUF_SCOPED frame = BUF_INIT(MSG_MAX + 8);
	static char pad[9000];
	struct msg_writer w;
	int fd = with_fd ? make_pipe_fd(n) : -1;
	int error;

	msg_begin(&w, &frame, MSG_QUEUED);
	msg_put(&w, TAG_NUMBER, n);
	msg_put(&w, TAG_TEXT, str_of(pad, (size_t)(n * 37 % sizeof(pad))));
	if (with_fd)
		msg_put_fds(&w, 1);
	assert_int_equal(msg_end(&w), 0);
	do {
		int dup_fd = with_fd ? dup(fd) : -1;

		error = channel_post(ch, &frame, &dup_fd, with_fd ? 1 : 0);
		if (error == -EAGAIN)
			fiber_yield();
	} while (error == -EAGAIN);
	if (with_fd)
		close(fd);
	return error;
}

static void write_all(void *arg)
{
	struct channel *ch;

	assert_int_equal(channel_open(ends[0], &ch), 0);
	for (uint64_t n = 0; n < COUNT; n++)
		assert_int_equal(post_number(ch, n, n % 3 != 0), 0);
	assert_int_equal(channel_drain(ch, clock_deadline(5000)), 0);
	channel_close(ch);
}

static void read_all(void *arg)
{
	struct channel *ch;
	struct msg m;

	assert_int_equal(channel_open(ends[1], &ch), 0);
	for (uint64_t n = 0; n < COUNT; n++) {
		assert_int_equal(channel_receive(ch, &m, clock_deadline(5000)),
				 0);
		assert_int_equal(msg_u64(&m, TAG_NUMBER, COUNT), n);
		assert_int_equal(m.fd_count, n % 3 != 0);
		if (n % 3 != 0) {
			int fd = msg_take_fd(&m);
			uint64_t got = UINT64_MAX;

			assert_int_equal(read(fd, &got, sizeof(got)),
					 sizeof(got));
			assert_int_equal(got, n);
			assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
			close(fd);
		}
		assert_int_equal(msg_finish(&m), 0);
	}
	assert_int_equal(channel_receive(ch, &m, clock_deadline(5000)),
			 STREAM_END);
	channel_close(ch);
}

static void open_pair(void)
{
	assert_int_equal(socketpair(AF_UNIX,
				    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
				    0, ends),
			 0);
}

static void messages_keep_their_descriptors(void **state)
{
	open_pair();
	assert_int_equal(loop_open(NULL), 0);
	assert_non_null(fiber_spawn(write_all, NULL));
	assert_non_null(fiber_spawn(read_all, NULL));
	loop_run();
	loop_close();
}

static void read_garbage(void *arg)
{
	struct channel *ch;
	struct msg m;

	assert_int_equal(channel_open(ends[1], &ch), 0);
	assert_int_equal(channel_receive(ch, &m, clock_deadline(5000)),
			 -EBADMSG);
	channel_close(ch);
}

static void garbage_ends_the_channel(void **state)
{
	static const struct str garbage[] = {
		STR_INIT("EHLO there\r\n"), STR_INIT("\0\0\0\0\0\0\0\0"),
		STR_INIT("\0\0\0\4\0\1\0\2"), /* descriptors that never came */
		STR_INIT("\0\0\0\4\0\1"),     /* cut off */
	};

	for (size_t i = 0; i < ARRAY_LEN(garbage); i++) {
		open_pair();
		assert_int_equal(write(ends[0], garbage[i].p, garbage[i].n),
				 garbage[i].n);
		close(ends[0]);
		assert_int_equal(loop_open(NULL), 0);
		assert_non_null(fiber_spawn(read_garbage, NULL));
		loop_run();
		loop_close();
	}
}

static struct channel *broken;

static void wait_on_broken(void *arg)
{
	struct msg m;

	assert_int_equal(channel_receive(broken, &m, clock_deadline(5000)),
			 -EPIPE);
	channel_close(broken);
}

static void break_it(void *arg)
{
	BUF_SCOPED frame = BUF_INIT(64);

	channel_break(broken);
	assert_int_equal(channel_post(broken, &frame, NULL, 0), -EPIPE);
}

static void a_break_wakes_the_reader(void **state)
{
	open_pair();
	assert_int_equal(loop_open(NULL), 0);
	assert_int_equal(channel_open(ends[1], &broken), 0);
	assert_non_null(fiber_spawn(wait_on_broken, NULL));
	assert_non_null(fiber_spawn(break_it, NULL));
	loop_run();
	loop_close();
	close(ends[0]);
}

static void put_word(struct buf *frame, uint64_t number)
{
	struct msg_writer w;

	msg_begin(&w, frame, MSG_QUEUED);
	msg_put(&w, TAG_NUMBER, number);
	assert_int_equal(msg_end(&w), 0);
}

/* The peer said three things and went; we notice when we send. */
static void send_and_hear(void *arg)
{
	CLEANUP(channel_close) struct channel *ch = NULL;
	BUF_SCOPED frame = BUF_INIT(64);
	struct msg m;

	put_word(&frame, 7);
	assert_int_equal(channel_open(ends[1], &ch), 0);
	assert_int_equal(
		channel_send(ch, &frame, NULL, 0, clock_deadline(5000)),
		-EPIPE);
	assert_true(channel_is_broken(ch));
	assert_int_equal(channel_post(ch, &frame, NULL, 0), -EPIPE);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(channel_receive(ch, &m, clock_deadline(5000)),
				 0);
		assert_int_equal(msg_u64(&m, TAG_NUMBER, 10), i);
	}
	assert_true(channel_receive(ch, &m, clock_deadline(5000)) != 0);
}

static void last_words_are_heard(void **state)
{
	BUF_SCOPED frame = BUF_INIT(256);

	for (unsigned i = 0; i < 3; i++)
		put_word(&frame, i);
	open_pair();
	assert_int_equal(write(ends[0], frame.p, frame.n), frame.n);
	close(ends[0]);
	assert_int_equal(loop_open(NULL), 0);
	assert_non_null(fiber_spawn(send_and_hear, NULL));
	loop_run();
	loop_close();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_keep_their_descriptors),
		cmocka_unit_test(garbage_ends_the_channel),
		cmocka_unit_test(a_break_wakes_the_reader),
		cmocka_unit_test(last_words_are_heard),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
