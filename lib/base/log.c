/* SPDX-License-Identifier: ISC */
/* Log lines to syslog, to a descriptor, to standard error.
 *
 * A line is built on the stack and goes out in one call; nothing is allocated.
 * The second's stamp is formatted once per second and thread, the process
 * number once per process.  The socket of syslog is connected when logging
 * begins, so that it survives a chroot.  Lines that are gathered
 * (log_gather()), and those that it does not take at once, wait, in order, in a
 * backlog of fixed size, which every later line and log_flush() try to empty;
 * what the backlog cannot hold is dropped and counted, and the count is told
 * when syslog takes lines again. Lines may come from any thread; log_open() and
 * log_set_fd() only from one. */
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

#define LOG_SOCKET "/dev/log"
#define TAG_MAX 128
#define BACKLOG_MAX (64 * 1024)
#define GATHER_MOST (16 * 1024)
#define AT_ONCE 32u
#define STAMP_MAX 16 /* "Mon dd hh:mm:ss " */

static struct {
	bool opened;
	struct log_opts opts; /* tag and role point at the copies below */
	char tag[TAG_MAX];
	char role[TAG_MAX];
	char host[TAG_MAX];
	pid_t pid;
	int fd;
	pthread_mutex_t lock;  /* guards what follows */
	int socket;	       /* -1: none */
	int64_t retry_at;      /* no new connect before this instant */
	unsigned long dropped; /* after what is in the backlog */
	size_t backlog_n;
	char backlog[BACKLOG_MAX]; /* u16 length, the line; and so on */
} state = {.lock = PTHREAD_MUTEX_INITIALIZER, .socket = -1, .fd = -1};

static _Thread_local bool gathering; /* log_gather() */

static const struct {
	int priority;
	const char *prefix;
} levels[] = {
	[LOG_LEVEL_DEBUG] = {LOG_INFO, "debug: "},
	[LOG_LEVEL_INFO] = {LOG_INFO, ""},
	[LOG_LEVEL_WARNING] = {LOG_WARNING, "warning: "},
	[LOG_LEVEL_ERROR] = {LOG_ERR, "error: "},
	[LOG_LEVEL_FATAL] = {LOG_CRIT, "fatal: "},
};

/* ---- the text ---------------------------------------------------------- */

/* Bytes of the UTF-8 sequence at the front of `s`, 0 when it is none, is
 * overlong, a surrogate, or a control character of the second block. */
static size_t utf8_length(struct str s)
{
	const unsigned char *p = (const unsigned char *)s.p;
	size_t n = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;

	if (p[0] < 0xc2 || p[0] > 0xf4 || s.n < n)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	if ((p[0] == 0xc2 && p[1] < 0xa0) || (p[0] == 0xe0 && p[1] < 0xa0) ||
	    (p[0] == 0xed && p[1] >= 0xa0) || (p[0] == 0xf0 && p[1] < 0x90) ||
	    (p[0] == 0xf4 && p[1] >= 0x90))
		return 0;
	return n;
}

static void make_printable(char *text, size_t n)
{
	for (size_t i = 0; i < n;) {
		unsigned char c = (unsigned char)text[i];
		size_t length = 1;

		if (c >= 0x80)
			length = utf8_length(str_of(text + i, n - i));
		else if (c < 0x20 || c == 0x7f)
			length = 0;
		if (length == 0) {
			text[i] = '?';
			length = 1;
		}
		i += length;
	}
}

/* "Mon dd hh:mm:ss ", in the local zone and never in a locale's words. */
static struct str stamp(void)
{
	static _Thread_local char text[64];
	static _Thread_local time_t formatted = -1;
	static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr",
					   "May", "Jun", "Jul", "Aug",
					   "Sep", "Oct", "Nov", "Dec"};
	time_t now = (time_t)(clock_wall_us() / 1000000);
	struct tm tm;

	if (now != formatted && localtime_r(&now, &tm) != NULL) {
		(void)snprintf(text, sizeof(text), "%s %2d %02d:%02d:%02d ",
			       months[tm.tm_mon % 12], tm.tm_mday, tm.tm_hour,
			       tm.tm_min, tm.tm_sec);
		formatted = now;
	}
	return str_of(text, strnlen(text, STAMP_MAX));
}

/* ---- where lines go ---------------------------------------------------- */

static void socket_connect(void)
{
	const struct sockaddr_un to = {.sun_family = AF_UNIX,
				       .sun_path = LOG_SOCKET};

	state.retry_at = clock_deadline(1000);
	state.socket =
		socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (state.socket >= 0 &&
	    connect(state.socket, (const struct sockaddr *)&to, sizeof(to)) <
		    0) {
		(void)close(state.socket);
		state.socket = -1;
	}
}

/* Send lines, a datagram each, with one call; connect again once when syslog
 * was restarted.  Returns how many of them need not be thought of any more. */
static unsigned socket_send_all(struct mmsghdr *lines, unsigned count)
{
	for (int attempt = 0; attempt < 2; attempt++) {
		int n;

		if (state.socket < 0) {
			if (clock_now() < state.retry_at)
				return 0;
			socket_connect();
		}
		if (state.socket < 0)
			return 0;
		n = sendmmsg(state.socket, lines, count,
			     MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n > 0)
			return (unsigned)n;
		if (errno == EMSGSIZE)
			return 1; /* it would never go: do not wait for it */
		if (errno == EAGAIN || errno == ENOBUFS || errno == EINTR)
			return 0;
		(void)close(state.socket);
		state.socket = -1;
	}
	return 0;
}

static bool socket_send(struct str line)
{
	struct iovec bytes = {.iov_len = line.n};
	struct mmsghdr message = {
		.msg_hdr = {.msg_iov = &bytes, .msg_iovlen = 1}};

	/* It is only read. */
	memcpy(&bytes.iov_base, &line.p, sizeof(line.p));
	return socket_send_all(&message, 1) == 1;
}

/* Tell of dropped lines as soon as one goes through. */
static void tell_dropped(void)
{
	char line[TAG_MAX * 2 + 128];
	struct str when = stamp();
	int n = snprintf(line, sizeof(line),
			 "<%d>" STR_FMT "%s%s%s[%ld]: warning: %lu log lines "
			 "were dropped because syslog did not take them",
			 state.opts.facility | LOG_WARNING, STR_ARG(when),
			 state.tag, state.tag[0] == '\0' ? "" : "/", state.role,
			 (long)state.pid, state.dropped);

	if (n > 0 && (size_t)n < sizeof(line) &&
	    socket_send(str_of(line, (size_t)n)))
		state.dropped = 0;
}

/* Send the first lines of what waits.  Returns how many bytes of it are done
 * with. */
static size_t send_some(void)
{
	struct mmsghdr messages[AT_ONCE];
	struct iovec bytes[AT_ONCE];
	unsigned count = 0, sent;
	size_t at = 0, done = 0;

	memset(messages, 0, sizeof(messages));
	while (at < state.backlog_n && count < AT_ONCE) {
		uint16_t n;

		memcpy(&n, state.backlog + at, sizeof(n));
		bytes[count] = (struct iovec){.iov_base = state.backlog + at +
							  sizeof(n),
					      .iov_len = n};
		messages[count].msg_hdr.msg_iov = &bytes[count];
		messages[count].msg_hdr.msg_iovlen = 1;
		at += sizeof(n) + n;
		count++;
	}
	sent = count > 0 ? socket_send_all(messages, count) : 0;
	for (unsigned i = 0; i < sent; i++)
		done += sizeof(uint16_t) + bytes[i].iov_len;
	return done;
}

/* Send what waits, oldest first.  Returns whether nothing waits any more. */
static bool send_backlog(void)
{
	size_t n;

	while ((n = send_some()) > 0) {
		state.backlog_n -= n;
		memmove(state.backlog, state.backlog + n, state.backlog_n);
	}
	if (state.backlog_n == 0 && state.dropped > 0)
		tell_dropped();
	return state.backlog_n == 0 && state.dropped == 0;
}

/* Whether the line may wait for others: see log_gather(). */
static bool may_wait(struct str line, enum log_level level)
{
	return gathering && level <= LOG_LEVEL_INFO && state.dropped == 0 &&
	       state.backlog_n + line.n < GATHER_MOST;
}

static void to_syslog(struct str line, enum log_level level)
{
	uint16_t n = (uint16_t)line.n; /* at most LOG_LINE_MAX */

	(void)pthread_mutex_lock(&state.lock);
	if (!may_wait(line, level) && send_backlog() && socket_send(line)) {
		/* it is gone */
	} else if (state.dropped > 0 ||
		   line.n + sizeof(n) > BACKLOG_MAX - state.backlog_n) {
		state.dropped++;
	} else {
		memcpy(state.backlog + state.backlog_n, &n, sizeof(n));
		memcpy(state.backlog + state.backlog_n + sizeof(n), line.p,
		       line.n);
		state.backlog_n += sizeof(n) + line.n;
	}
	(void)pthread_mutex_unlock(&state.lock);
}

void log_gather(bool on)
{
	gathering = on;
	if (!on)
		(void)log_flush();
}

bool log_flush(void)
{
	bool empty;

	(void)pthread_mutex_lock(&state.lock);
	empty = !state.opts.to_syslog || send_backlog();
	(void)pthread_mutex_unlock(&state.lock);
	return empty;
}

static void to_fd(int fd, struct str line)
{
	ssize_t n;

	/* One call for one line, so that lines of several processes do not
	 * mix.  What the descriptor does not take is lost. */
	do
		n = write(fd, line.p, line.n);
	while (n < 0 && errno == EINTR);
}

/* ---- a line ------------------------------------------------------------ *
 *
 * The text is formatted once, at a fixed place in the middle of `line`; each
 * destination's head is put right before it. */

#define HEAD_MAX 512
#define TEXT_MAX (LOG_LINE_MAX - HEAD_MAX)

struct line {
	char bytes[LOG_LINE_MAX + 1];
	size_t end; /* behind the text; the text begins at HEAD_MAX */
};

PRINTF_LIKE(3, 0)
static void line_format(struct line *line, enum log_level level,
			const char *fmt, va_list args)
{
	const char *prefix = levels[level].prefix;
	char *text = line->bytes + HEAD_MAX;
	size_t used = strlen(prefix);
	int n;

	memcpy(text, prefix, used);
	n = vsnprintf(text + used, TEXT_MAX - used, fmt, args);
	if (n < 0)
		n = 0;
	used += (size_t)n < TEXT_MAX - used ? (size_t)n : TEXT_MAX - used - 1;
	make_printable(text, used);
	line->end = HEAD_MAX + used;
}

/* The line with `head` in front of its text; when `newline`, with one behind.
 */
static struct str line_with(struct line *line, struct str head, bool newline)
{
	size_t start = HEAD_MAX - head.n;

	memcpy(line->bytes + start, head.p, head.n);
	if (newline)
		line->bytes[line->end] = '\n';
	return str_of(line->bytes + start,
		      line->end - start + (newline ? 1 : 0));
}

PRINTF_LIKE(3, 4)
static struct str head_put(char *head, size_t cap, const char *fmt, ...)
{
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(head, cap, fmt, args);
	va_end(args);
	if (n < 0)
		n = 0;
	return str_of(head, (size_t)n < cap ? (size_t)n : cap - 1);
}

static void line_send(struct line *line, enum log_level level, const char *role)
{
	char head[HEAD_MAX];
	struct str when = stamp(), s;
	const char *slash = state.tag[0] == '\0' ? "" : "/";

	if (state.opts.to_syslog) {
		s = head_put(
			head, sizeof(head), "<%d>" STR_FMT "%s%s%.120s[%ld]: ",
			state.opts.facility | levels[level].priority,
			STR_ARG(when), state.tag, slash, role, (long)state.pid);
		to_syslog(line_with(line, s, false), level);
	}
	if (state.fd >= 0) {
		s = head_put(head, sizeof(head),
			     STR_FMT "%s %s%s%.120s[%ld]: ", STR_ARG(when),
			     state.host, state.tag, slash, role,
			     (long)state.pid);
		to_fd(state.fd, line_with(line, s, true));
	}
	if (state.opts.to_stderr || !state.opened) {
		s = head_put(head, sizeof(head), "%.120s%s", role,
			     role[0] == '\0' ? "" : ": ");
		to_fd(STDERR_FILENO, line_with(line, s, true));
	}
}

PRINTF_LIKE(3, 0)
static void log_v(enum log_level level, const char *role, const char *fmt,
		  va_list args)
{
	struct line line;
	int error = errno;

	if (level == LOG_LEVEL_DEBUG && !state.opts.debug)
		return;
	line_format(&line, level, fmt, args);
	line_send(&line, level, role == NULL ? state.role : role);
	errno = error;
}

void log_line(enum log_level level, const char *role, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	log_v(level, role, fmt, args);
	va_end(args);
}

void log_fatal(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	log_v(LOG_LEVEL_FATAL, NULL, fmt, args);
	va_end(args);
	/* A command has output to flush; a daemon may be the child of a fork
	 * whose output is not its own. */
	if (!state.opened || state.opts.to_stderr)
		exit(1);
	(void)sleep(1);
	(void)log_flush();
	_exit(1);
}

/* ---- beginning --------------------------------------------------------- */

static void after_fork(void)
{
	state.pid = getpid();
	/* What waits is the parent's to send. */
	state.backlog_n = 0;
	state.dropped = 0;
	gathering = false;
	/* A thread that is gone now may have held it. */
	(void)pthread_mutex_init(&state.lock, NULL);
}

static void watch_forks(void)
{
	(void)pthread_atfork(NULL, NULL, after_fork);
}

static void copy_name(char dst[TAG_MAX], const char *src)
{
	(void)snprintf(dst, TAG_MAX, "%s", src == NULL ? "" : src);
	make_printable(dst, strlen(dst));
}

void log_open(const struct log_opts *opts)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	char host[256] = "";

	(void)pthread_once(&once, watch_forks);
	tzset();
	if (gethostname(host, sizeof(host) - 1) < 0 || host[0] == '\0')
		memcpy(host, "localhost", sizeof("localhost"));
	host[strcspn(host, ".")] = '\0';
	copy_name(state.host, host);
	copy_name(state.tag, opts->tag);
	copy_name(state.role, opts->role);
	state.opts = *opts;
	state.opts.tag = state.tag;
	state.opts.role = state.role;
	state.pid = getpid();
	state.fd = opts->fd;
	(void)pthread_mutex_lock(&state.lock);
	if (opts->to_syslog && state.socket < 0)
		socket_connect();
	if (!opts->to_syslog && state.socket >= 0) {
		(void)close(state.socket);
		state.socket = -1;
	}
	(void)pthread_mutex_unlock(&state.lock);
	state.opened = true;
}

void log_set_fd(int fd)
{
	state.fd = fd;
}
