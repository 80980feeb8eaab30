/* SPDX-License-Identifier: ISC */
/* lib/tls/wire.c — TLS between a stream and its socket.
 *
 * OpenSSL reads and writes through a BIO of ours, which uses send() without
 * SIGPIPE and remembers the socket's error.  A write that comes while bytes are
 * held goes out together with them, in one packet. */
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/why.h"
#include "rt/loop.h"
#include "rt/stream.h"
#include "tls/context.h"
#include "tls/wire.h"

enum { HELD_MAX = 256 * 1024 };

/* ---- the BIO ------------------------------------------------------------- */

static int failed(BIO *bio, struct wire *w, int retry_flag)
{
	if (errno == EAGAIN || errno == EWOULDBLOCK)
		BIO_set_flags(bio, retry_flag | BIO_FLAGS_SHOULD_RETRY);
	else
		w->error = -errno;
	return -1;
}

static int bio_read(BIO *bio, char *p, int n)
{
	struct wire *w = BIO_get_data(bio);
	ssize_t got;

	BIO_clear_retry_flags(bio);
	do
		got = recv(w->fd, p, (size_t)n, 0);
	while (got < 0 && errno == EINTR);
	if (got == 0)
		BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
	return got < 0 ? failed(bio, w, BIO_FLAGS_READ) : (int)got;
}

/* Send what is held, then `p`.  Returns bytes sent of `p`, or -1. */
static int send_both(BIO *bio, struct wire *w, const char *p, size_t n)
{
	struct iovec parts[2] = {{.iov_base = w->held.p, .iov_len = w->held.n},
				 {.iov_len = n}};
	struct msghdr m = {.msg_iov = parts, .msg_iovlen = 2};
	ssize_t sent;

	/* The system does not write to it, only its type may. */
	memcpy(&parts[1].iov_base, &p, sizeof(p));
	if (w->held.n == 0) {
		m.msg_iov = &parts[1];
		m.msg_iovlen = 1;
	}
	do
		sent = sendmsg(w->fd, &m, MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	if (sent < 0)
		return failed(bio, w, BIO_FLAGS_WRITE);
	if ((size_t)sent < w->held.n || ((size_t)sent == w->held.n && n > 0)) {
		buf_eat(&w->held, (size_t)sent);
		errno = EAGAIN;
		return failed(bio, w, BIO_FLAGS_WRITE);
	}
	sent -= (ssize_t)w->held.n;
	buf_release(&w->held);
	return (int)sent;
}

static int bio_write(BIO *bio, const char *p, int n)
{
	struct wire *w = BIO_get_data(bio);

	BIO_clear_retry_flags(bio);
	if (n <= 0)
		return 0;
	if (w->holding && buf_put(&w->held, str_of(p, (size_t)n)))
		return n;
	return send_both(bio, w, p, (size_t)n);
}

static long bio_ctrl(BIO *bio, int what, long number, void *p)
{
	(void)number;
	(void)p;
	if (what == BIO_CTRL_EOF)
		return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0;
	return what == BIO_CTRL_FLUSH || what == BIO_CTRL_DUP;
}

static BIO_METHOD *bio_method(void)
{
	static BIO_METHOD *method;

	if (method == NULL) {
		method = BIO_meth_new(
			BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "stream");
		if (method == NULL ||
		    BIO_meth_set_read(method, bio_read) != 1 ||
		    BIO_meth_set_write(method, bio_write) != 1 ||
		    BIO_meth_set_ctrl(method, bio_ctrl) != 1) {
			BIO_meth_free(method);
			method = NULL;
		}
	}
	return method;
}

/* ---- life ---------------------------------------------------------------- */

static void no_delay(int fd)
{
	int on = 1;

	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

int wire_new(SSL_CTX *context, struct stream *s, struct wire **out)
{
	struct wire *w = calloc(1, sizeof(*w));
	BIO_METHOD *method = bio_method();
	BIO *bio = method == NULL ? NULL : BIO_new(method);

	if (w != NULL && bio != NULL)
		w->ssl = SSL_new(context);
	if (w == NULL || bio == NULL || w->ssl == NULL) {
		BIO_free(bio);
		free(w);
		ERR_clear_error();
		return -ENOMEM;
	}
	w->fd = stream_fd(s);
	buf_init(&w->held, HELD_MAX);
	BIO_set_data(bio, w);
	BIO_set_init(bio, 1);
	SSL_set_bio(w->ssl, bio, bio);
	no_delay(w->fd);
	*out = w;
	return 0;
}

void wire_free(struct wire *w)
{
	void *key = NULL;

	if (w == NULL)
		return;
	SSL_free(w->ssl);
	buf_release(&w->held);
	if (w->sessions_drop != NULL)
		w->sessions_drop(w->sessions);
	memcpy(&key, &w->session_key.p, sizeof(key));
	free(key);
	free(w);
}

/* ---- moving bytes -------------------------------------------------------- */

/* Send what is held.  Returns: 0, -EAGAIN, or the socket's error. */
static int send_held(struct wire *w)
{
	BIO *bio = SSL_get_wbio(w->ssl);

	if (w->held.n == 0)
		return 0;
	BIO_clear_retry_flags(bio);
	if (send_both(bio, w, NULL, 0) == 0)
		return 0;
	return w->error != 0 ? w->error : -EAGAIN;
}

/* What a call that returned `result` has to wait for, or its error.
 * Returns: -EAGAIN with *wants; 0 for the end of input; an error. */
static int judge(struct wire *w, int result, int *wants)
{
	int error;

	switch (SSL_get_error(w->ssl, result)) {
	case SSL_ERROR_WANT_READ:
		*wants = FD_READ;
		error = send_held(w);
		if (error == -EAGAIN)
			*wants = FD_READ | FD_WRITE;
		if (error == 0 || error == -EAGAIN)
			return -EAGAIN;
		break;
	case SSL_ERROR_WANT_WRITE:
		*wants = FD_WRITE;
		return -EAGAIN;
	case SSL_ERROR_ZERO_RETURN:
		return 0;
	case SSL_ERROR_SYSCALL:
		error = w->error != 0 ? w->error : -ECONNRESET;
		break;
	default:
		error = -EPROTO;
		break;
	}
	w->ended = true;
	return error;
}

static ssize_t wire_read(void *ctx, char *p, size_t n, int *wants)
{
	struct wire *w = ctx;
	int result;

	ERR_clear_error();
	result = SSL_read(w->ssl, p, n < INT_MAX ? (int)n : INT_MAX);
	return result > 0 ? result : judge(w, result, wants);
}

static ssize_t wire_write(void *ctx, const char *p, size_t n, int *wants)
{
	struct wire *w = ctx;
	int result;

	ERR_clear_error();
	result = SSL_write(w->ssl, p, n < INT_MAX ? (int)n : INT_MAX);
	if (result > 0)
		return result;
	result = judge(w, result, wants);
	return result == 0 ? -EPIPE : result;
}

/* Say goodbye, if that needs no waiting. */
static void wire_close(void *ctx)
{
	struct wire *w = ctx;

	ERR_clear_error();
	if (!w->ended && SSL_is_init_finished(w->ssl))
		(void)SSL_shutdown(w->ssl);
	(void)send_held(w);
	ERR_clear_error();
	wire_free(w);
}

void wire_lay(struct wire *w, struct stream *s)
{
	static const struct stream_io io = {wire_read, wire_write, wire_close};

	stream_set_io(s, &io, w);
}

/* ---- the handshake ------------------------------------------------------- */

/* Words for a handshake that failed with `error`. */
static int explain(int error, struct why *why)
{
	if (error == -EPROTO)
		return why_fail(why, error, "%s", openssl_words());
	ERR_clear_error();
	if (error == 0 || error == -ECONNRESET || error == -EPIPE)
		return why_fail(why, -ECONNRESET, "lost connection");
	if (error == -ETIMEDOUT)
		return why_fail(why, error, "timeout");
	return why_fail(why, error, "%s", strerror(-error));
}

int wire_handshake(struct wire *w, struct stream *s, int64_t deadline,
		   struct why *why)
{
	for (;;) {
		int wants = FD_READ;
		int result;

		ERR_clear_error();
		w->holding = true;
		result = SSL_do_handshake(w->ssl);
		w->holding = false;
		if (result == 1)
			return 0;
		result = judge(w, result, &wants);
		if (result != -EAGAIN) {
			(void)send_held(w); /* the alert */
			return explain(result, why);
		}
		result = stream_wait(s, wants, deadline);
		if (result != 0)
			return explain(result, why);
	}
}
