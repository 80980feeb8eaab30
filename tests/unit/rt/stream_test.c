/* SPDX-License-Identifier: ISC */
/* Streams: reading in any portions, writing, files, what ends them. */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "in_fiber.h"
#include "rt/stream.h"

#define LATER clock_deadline(5000)

struct ends {
	struct stream *s; /* the side under test */
	int peer;
};

static void open_ends(struct ends *e, size_t input_max)
{
	int fds[2];

	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) == 0);
	CHECK(stream_open(fds[0], input_max, &e->s) == 0);
	e->peer = fds[1];
}

static void close_ends(struct ends *e)
{
	stream_close(e->s);
	if (e->peer >= 0)
		close(e->peer);
}

static void peer_says(const struct ends *e, struct str bytes)
{
	CHECK(send(e->peer, bytes.p, bytes.n, MSG_NOSIGNAL) ==
	      (ssize_t)bytes.n);
}

static void expect_line(struct stream *s, struct str expected)
{
	struct str line;

	CHECK(stream_read_line(s, &line, LATER) == 0);
	CHECK(str_eq(line, expected));
}

/* ---- lines --------------------------------------------------------------- */

struct script {
	const struct ends *e;
	struct str bytes;
	size_t step;
};

static void say_in_steps(void *arg)
{
	struct script *c = arg;
	struct str rest = c->bytes;

	while (rest.n > 0) {
		peer_says(c->e, str_first(rest, c->step));
		rest = str_after(rest, c->step);
		CHECK(fiber_sleep(clock_deadline(0)) == 0);
	}
	shutdown(c->e->peer, SHUT_WR);
}

static void lines_at_every_split(void *arg)
{
	struct str bytes = STR("EHLO a\r\n\r\n\nMAIL\r\r\nx\ry\nrest");
	struct str line;

	for (size_t step = 1; step <= bytes.n; step++) {
		struct ends e;
		struct script c = {&e, bytes, step};

		open_ends(&e, 0);
		spawn(say_in_steps, &c);
		expect_line(e.s, STR("EHLO a"));
		expect_line(e.s, STR(""));
		expect_line(e.s, STR(""));
		expect_line(e.s, STR("MAIL\r"));
		expect_line(e.s, STR("x\ry"));
		CHECK(stream_read_line(e.s, &line, LATER) == STREAM_END);
		CHECK(stream_read_line(e.s, &line, LATER) == STREAM_END);
		CHECK(stream_input(e.s).n == 0);
		close_ends(&e);
	}
}

static void test_lines_at_every_split(void **state)
{
	in_fiber(lines_at_every_split, NULL);
	/* also without fibers and without a loop: commands do that */
	{
		struct ends e;

		open_ends(&e, 0);
		peer_says(&e, STR("one\r\ntwo\n"));
		expect_line(e.s, STR("one"));
		expect_line(e.s, STR("two"));
		close_ends(&e);
	}
}

static void huge_lines(void *arg)
{
	struct ends e;
	struct str line;
	char big[9000];

	memset(big, 'x', sizeof(big));
	open_ends(&e, 8192);
	big[8190] = '\r';
	big[8191] = '\n';
	peer_says(&e, str_of(big, 8192));
	CHECK(stream_read_line(e.s, &line, LATER) == 0);
	CHECK(line.n == 8190);
	memset(big, 'x', sizeof(big));
	big[8192] = '\n';
	peer_says(&e, str_of(big, 8193));
	CHECK(stream_read_line(e.s, &line, LATER) == -EMSGSIZE);
	CHECK(stream_read_line(e.s, &line, LATER) == -EMSGSIZE);
	CHECK(stream_input(e.s).n == 8192);
	stream_eat(e.s, 8192);
	expect_line(e.s, STR(""));
	close_ends(&e);
}

static void test_huge_lines(void **state)
{
	in_fiber(huge_lines, NULL);
}

/* ---- the end, time, cancel ----------------------------------------------- */

static void ends_and_times(void *arg)
{
	struct ends e;
	struct str line;
	char c[10];

	open_ends(&e, 0);
	CHECK(stream_read_line(e.s, &line, clock_deadline(5)) == -ETIMEDOUT);
	peer_says(&e, STR("par"));
	CHECK(stream_read_line(e.s, &line, clock_deadline(5)) == -ETIMEDOUT);
	peer_says(&e, STR("t\nabcdefgh"));
	expect_line(e.s, STR("part"));
	CHECK(stream_read_full(e.s, c, 5, LATER) == 0);
	CHECK(memcmp(c, "abcde", 5) == 0);
	shutdown(e.peer, SHUT_WR);
	CHECK(stream_read_full(e.s, c, 5, LATER) == STREAM_END);
	CHECK(stream_fill(e.s, LATER) == STREAM_END);
	CHECK(!stream_has_input(e.s));
	close_ends(&e);

	open_ends(&e, 0);
	close(e.peer);
	e.peer = -1;
	CHECK(stream_write(e.s, STR("hello"), LATER) == 0);
	CHECK(stream_flush(e.s, LATER) == -EPIPE);
	CHECK(stream_write(e.s, STR("hello"), LATER) == -EPIPE);
	CHECK(stream_flush(e.s, LATER) == -EPIPE);
	close_ends(&e);
}

static void test_ends_and_times(void **state)
{
	in_fiber(ends_and_times, NULL);
}

static int read_outcome;
static int goodbye_outcome;

static void canceled_reader(void *arg)
{
	struct stream *s = arg;
	struct str line;

	read_outcome = stream_read_line(s, &line, DEADLINE_NEVER);
	CHECK(stream_flush(s, LATER) == 0); /* nothing queued */
	CHECK(stream_write(s, STR("bye"), LATER) == 0);
	CHECK(stream_flush(s, LATER) == -ECANCELED);
	fiber_shield();
	goodbye_outcome = stream_flush(s, LATER);
	fiber_unshield();
}

static void cancel_reader(void *arg)
{
	struct ends e;
	struct fiber *f;
	char c[3];

	open_ends(&e, 0);
	f = fiber_spawn(canceled_reader, e.s);
	CHECK(fiber_sleep(clock_deadline(2)) == 0);
	fiber_cancel(f);
	CHECK(fiber_sleep(clock_deadline(2)) == 0);
	CHECK(read_outcome == -ECANCELED && goodbye_outcome == 0);
	CHECK(read(e.peer, c, 3) == 3 && memcmp(c, "bye", 3) == 0);
	close_ends(&e);
}

static void test_cancel(void **state)
{
	in_fiber(cancel_reader, NULL);
}

/* ---- early talkers ------------------------------------------------------- */

static void has_input(void *arg)
{
	struct ends e;

	open_ends(&e, 0);
	CHECK(!stream_has_input(e.s));
	peer_says(&e, STR("HELO\r\nMAIL\r\n"));
	CHECK(stream_has_input(e.s));
	CHECK(stream_has_input(e.s));
	expect_line(e.s, STR("HELO"));
	CHECK(stream_has_input(e.s));
	expect_line(e.s, STR("MAIL"));
	CHECK(!stream_has_input(e.s));
	peer_says(&e, STR("QUIT\r\n"));
	expect_line(e.s, STR("QUIT"));
	close_ends(&e);
}

static void test_has_input(void **state)
{
	in_fiber(has_input, NULL);
}

/* ---- writing ------------------------------------------------------------- */

static char pattern(size_t i)
{
	return (char)(i * 31 + i / 251);
}

struct sink {
	int fd;
	size_t want;
	size_t got;
	size_t reads;
};

/* Read `want` bytes slowly and check each. */
static void drain(void *arg)
{
	struct sink *k = arg;
	char piece[20000];

	while (k->got < k->want) {
		ssize_t n = read(k->fd, piece, sizeof(piece));

		if (n < 0 && errno == EAGAIN) {
			CHECK(fd_wait(k->fd, FD_READ, LATER) == 0);
			continue;
		}
		CHECK(n > 0);
		for (ssize_t i = 0; i < n; i++)
			CHECK(piece[i] == pattern(k->got + (size_t)i));
		k->got += (size_t)n;
		if (++k->reads % 8 == 0)
			CHECK(fiber_sleep(clock_deadline(1)) == 0);
	}
}

static void write_much(void *arg)
{
	static char bytes[700000];
	static const size_t sizes[] = {1, 100, 32768, 32767, 5, 33000, 400000};
	struct ends e;
	struct sink k = {0};
	size_t at = 0;

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = pattern(i);
	open_ends(&e, 0);
	k.fd = e.peer;
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
		k.want += sizes[i];
	spawn(drain, &k);
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		CHECK(stream_write(e.s, str_of(bytes + at, sizes[i]), LATER) ==
		      0);
		at += sizes[i];
	}
	CHECK(stream_flush(e.s, LATER) == 0);
	CHECK(fiber_sleep(clock_deadline(50)) == 0);
	while (k.got < k.want)
		CHECK(fiber_sleep(clock_deadline(5)) == 0);
	close_ends(&e);
}

static void test_write_much(void **state)
{
	in_fiber(write_much, NULL);
}

static void coalesce(void *arg)
{
	struct ends e;
	char c[64];

	open_ends(&e, 0);
	for (int i = 0; i < 5; i++)
		CHECK(stream_write(e.s, STR("250 ok\r\n"), LATER) == 0);
	CHECK(recv(e.peer, c, sizeof(c), 0) < 0 && errno == EAGAIN);
	/* waiting for input sends what is queued */
	CHECK(stream_fill(e.s, clock_deadline(2)) == -ETIMEDOUT);
	CHECK(recv(e.peer, c, sizeof(c), 0) == 40);
	close_ends(&e);
}

static void test_coalesce(void **state)
{
	in_fiber(coalesce, NULL);
}

static void never_read(void *arg)
{
	static char bytes[1000000];
	struct ends e;

	open_ends(&e, 0);
	CHECK(stream_write(e.s, str_of(bytes, sizeof(bytes)),
			   clock_deadline(10)) == -ETIMEDOUT);
	CHECK(stream_flush(e.s, LATER) == -ETIMEDOUT);
	close_ends(&e);
}

static void test_peer_that_never_reads(void **state)
{
	in_fiber(never_read, NULL);
}

/* One reads and one writes at the same time. */
static void echo_all(void *arg)
{
	struct stream *s = arg;

	while (stream_fill(s, LATER) == 0) {
		struct str in = stream_input(s);

		CHECK(stream_write(s, in, LATER) == 0);
		stream_eat(s, in.n);
	}
}

static size_t echoed;

static void read_echo(void *arg)
{
	struct stream *s = arg;

	while (echoed < 600000) {
		struct str in;

		CHECK(stream_fill(s, LATER) == 0);
		in = stream_input(s);
		for (size_t i = 0; i < in.n; i++)
			CHECK(in.p[i] == pattern(echoed + i));
		echoed += in.n;
		stream_eat(s, in.n);
	}
}

static void both_ways(void *arg)
{
	static char bytes[600000];
	struct ends e;
	struct stream *other;

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = pattern(i);
	open_ends(&e, 65536);
	CHECK(stream_open(e.peer, 4096, &other) == 0);
	spawn(echo_all, other);
	spawn(read_echo, e.s);
	for (size_t at = 0; at < sizeof(bytes); at += 6000)
		CHECK(stream_write(e.s, str_of(bytes + at, 6000), LATER) == 0);
	CHECK(stream_flush(e.s, LATER) == 0);
	while (echoed < sizeof(bytes))
		CHECK(fiber_sleep(clock_deadline(1)) == 0);
	shutdown(e.peer, SHUT_RDWR);
	while (fiber_count() > 1)
		CHECK(fiber_sleep(clock_deadline(1)) == 0);
	e.peer = -1;
	stream_close(other);
	close_ends(&e);
}

static void test_both_ways(void **state)
{
	in_fiber(both_ways, NULL);
}

/* ---- files --------------------------------------------------------------- */

static int make_file(size_t size)
{
	int fd = memfd_create("file", MFD_CLOEXEC);

	CHECK(fd >= 0);
	for (size_t i = 0; i < size; i++) {
		char c = pattern(i);

		CHECK(write(fd, &c, 1) == 1);
	}
	return fd;
}

static void send_files(void *arg)
{
	static const size_t sizes[] = {0, 1, 4000, 24575, 24576, 120000};
	int fd = make_file(120010);

	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		struct ends e;
		struct sink k = {.want = sizes[i] + 10};
		struct str head;
		char bytes[10];

		for (size_t n = 0; n < sizeof(bytes); n++)
			bytes[n] = pattern(n);
		head = str_of(bytes, sizeof(bytes));
		open_ends(&e, 0);
		k.fd = e.peer;
		CHECK(stream_write(e.s, head, LATER) == 0);
		spawn(drain, &k);
		CHECK(stream_send_file(e.s, fd, 10, sizes[i], LATER) == 0);
		CHECK(stream_flush(e.s, LATER) == 0);
		while (k.got < k.want)
			CHECK(fiber_sleep(clock_deadline(1)) == 0);
		CHECK(fiber_sleep(clock_deadline(1)) == 0);
		close_ends(&e);
	}
	close(fd);
}

static void short_files(void *arg)
{
	static const size_t sizes[] = {100, 50000};
	int fd = make_file(60);

	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		struct ends e;

		open_ends(&e, 0);
		CHECK(stream_send_file(e.s, fd, 0, sizes[i], LATER) == -EIO);
		CHECK(stream_flush(e.s, LATER) == -EIO);
		close_ends(&e);
	}
	close(fd);
}

static void test_send_file(void **state)
{
	in_fiber(send_files, NULL);
	in_fiber(short_files, NULL);
}

/* ---- something laid over ------------------------------------------------- */

/* Swaps the case of what passes, at most 7 bytes at a time. */
struct swap {
	int fd;
	unsigned closed;
};

static ssize_t swap_read(void *ctx, char *p, size_t n, int *wants)
{
	struct swap *w = ctx;
	ssize_t got = read(w->fd, p, n < 7 ? n : 7);

	*wants = FD_READ;
	for (ssize_t i = 0; i < got; i++)
		p[i] ^= 0x20;
	return got < 0 ? -errno : got;
}

static ssize_t swap_write(void *ctx, const char *p, size_t n, int *wants)
{
	struct swap *w = ctx;
	char piece[7];
	ssize_t sent;

	*wants = FD_WRITE;
	n = n < 7 ? n : 7;
	for (size_t i = 0; i < n; i++)
		piece[i] = p[i] ^ 0x20;
	sent = write(w->fd, piece, n);
	return sent < 0 ? -errno : sent;
}

static void swap_close(void *ctx)
{
	((struct swap *)ctx)->closed++;
}

static const struct stream_io swap_io = {swap_read, swap_write, swap_close};

static void laid_over(void *arg)
{
	struct ends e;
	struct swap w = {0};
	struct str line;
	char c[64];
	int fd = memfd_create("file", MFD_CLOEXEC);

	open_ends(&e, 0);
	w.fd = stream_fd(e.s);
	peer_says(&e, STR("STARTTLS\r\nEVIL\r\n"));
	expect_line(e.s, STR("STARTTLS"));
	stream_set_io(e.s, &swap_io, &w);
	CHECK(stream_io_ctx(e.s) == &w);
	CHECK(stream_read_line(e.s, &line, clock_deadline(2)) == -ETIMEDOUT);
	/* 0x2a is what swaps into a LF */
	peer_says(&e, STR("ehlo\x2a"));
	peer_says(&e, STR("mail from\x2a"));
	expect_line(e.s, STR("EHLO"));
	CHECK(stream_has_input(e.s));
	CHECK(stream_read_line(e.s, &line, LATER) == 0 && line.n == 9);
	CHECK(!stream_has_input(e.s));
	CHECK(write(fd, "abcdefghijklmnopqrstuvw", 23) == 23);
	CHECK(stream_write(e.s, STR("Hello"), LATER) == 0);
	CHECK(stream_send_file(e.s, fd, 3, 20, LATER) == 0);
	CHECK(stream_flush(e.s, LATER) == 0);
	CHECK(read(e.peer, c, sizeof(c)) == 25);
	CHECK(memcmp(c, "hELLODEFGHIJKLMNOPQRSTUVW", 25) == 0);
	close_ends(&e);
	CHECK(w.closed == 1);
	close(fd);
}

static void test_something_laid_over(void **state)
{
	in_fiber(laid_over, NULL);
}

/* ---- pipes, and giving up the descriptor --------------------------------- */

static void pipes(void *arg)
{
	struct stream *from;
	struct stream *to;
	struct str line;
	int fds[2];
	int fd;

	CHECK(pipe2(fds, O_NONBLOCK) == 0);
	CHECK(stream_open(fds[0], 0, &from) == 0);
	CHECK(stream_open(fds[1], 0, &to) == 0);
	CHECK(stream_write(to, STR("through a pipe\n"), LATER) == 0);
	CHECK(stream_flush(to, LATER) == 0);
	CHECK(stream_read_line(from, &line, LATER) == 0);
	CHECK(str_eq(line, STR("through a pipe")));
	fd = stream_detach(to);
	CHECK(fd == fds[1]);
	CHECK(write(fd, "x\n", 2) == 2);
	CHECK(stream_read_line(from, &line, LATER) == 0);
	CHECK(str_eq(line, STR("x")));
	CHECK(stream_read_line(from, &line, clock_deadline(2)) == -ETIMEDOUT);
	close(fd);
	CHECK(stream_read_line(from, &line, LATER) == STREAM_END);
	stream_close(from);
	stream_close(NULL);
}

static void test_pipes(void **state)
{
	in_fiber(pipes, NULL);
}

/* Big exact reads go past the buffer. */
static void read_big(void *arg)
{
	static char got[100000];
	struct ends e;
	struct script c = {&e, {0}, 9973};
	char *bytes = malloc(sizeof(got));

	CHECK(bytes != NULL);
	for (size_t i = 0; i < sizeof(got); i++)
		bytes[i] = pattern(i);
	c.bytes = str_of(bytes, sizeof(got));
	open_ends(&e, 0);
	spawn(say_in_steps, &c);
	CHECK(stream_read_full(e.s, got, 10, LATER) == 0);
	CHECK(stream_read_full(e.s, got + 10, sizeof(got) - 10, LATER) == 0);
	CHECK(memcmp(got, bytes, sizeof(got)) == 0);
	CHECK(stream_fill(e.s, LATER) == STREAM_END);
	close_ends(&e);
	free(bytes);
}

static void test_read_big(void **state)
{
	in_fiber(read_big, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines_at_every_split),
		cmocka_unit_test(test_huge_lines),
		cmocka_unit_test(test_ends_and_times),
		cmocka_unit_test(test_cancel),
		cmocka_unit_test(test_has_input),
		cmocka_unit_test(test_write_much),
		cmocka_unit_test(test_coalesce),
		cmocka_unit_test(test_peer_that_never_reads),
		cmocka_unit_test(test_both_ways),
		cmocka_unit_test(test_send_file),
		cmocka_unit_test(test_something_laid_over),
		cmocka_unit_test(test_pipes),
		cmocka_unit_test(test_read_big),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
