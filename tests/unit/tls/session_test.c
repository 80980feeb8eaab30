/* SPDX-License-Identifier: ISC */
/* Our server and our client, over a socket pair: handshakes, bytes, trust,
 * resumption, changed files, and peers that do not speak TLS. */
#include "../rt/in_fiber.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/why.h"
#include "rt/stream.h"
#include "tls/client.h"
#include "tls/selfsign.h"
#include "tls/server.h"

static char folder[64];
static char key_path[128];
static char cert_path[128];
static char both_path[128];

static int make_files(void **state)
{
	const struct str names[] = {STR_INIT("mail.example"),
				    STR_INIT("*.wild.example")};
	struct selfsign_opts o = {.names = names,
				  .name_count = 2,
				  .key_path = key_path,
				  .cert_path = cert_path};
	struct why why;

	strcpy(folder, "/tmp/malote-tls-XXXXXX");
	if (mkdtemp(folder) == NULL)
		return -1;
	snprintf(key_path, sizeof(key_path), "%s/key.pem", folder);
	snprintf(cert_path, sizeof(cert_path), "%s/cert.pem", folder);
	snprintf(both_path, sizeof(both_path), "%s/both.pem", folder);
	if (tls_selfsign(&o, &why) != 0)
		return -1;
	o.key_path = both_path;
	o.cert_path = both_path;
	return tls_selfsign(&o, &why);
}

static int remove_files(void **state)
{
	unlink(key_path);
	unlink(cert_path);
	unlink(both_path);
	return rmdir(folder);
}

static int64_t soon(void)
{
	return clock_deadline(10000);
}

/* ---- both ends ----------------------------------------------------------- */

struct pair {
	struct tls_server *ts;
	struct stream *server;
	struct stream *client;
	struct tls_info info; /* as the server sees it */
	int result;
	bool done;
	struct waitq q;
	size_t expect; /* bytes to receive and to echo */
};

static struct tls_server *server_of(const char *cert, const char *key)
{
	const struct tls_server_opts o = {.cert_file = str_of_c(cert),
					  .key_file = str_of_c(key),
					  .protocols = STR(">=TLSv1.2"),
					  .session_timeout_ms = 3600000};
	struct tls_server *ts = NULL;
	struct why why;

	CHECK(tls_server_open(&o, &ts, &why) == 0);
	return ts;
}

static struct tls_client *client_of(const char *ca)
{
	const struct tls_client_opts o = {.ca_file = str_of_c(ca),
					  .session_timeout_ms = 3600000};
	struct tls_client *tc = NULL;

	CHECK(tls_client_open(&o, &tc, NULL) == 0);
	return tc;
}

static void echo(void *arg)
{
	struct pair *p = arg;
	struct why why;
	size_t left = p->expect;

	p->result = tls_server_accept(p->ts, p->server, soon(), &p->info, &why);
	while (p->result == 0 && left > 0) {
		struct str in;

		p->result = stream_fill(p->server, soon());
		in = stream_input(p->server);
		if (p->result == 0)
			p->result = stream_write(p->server, in, soon());
		left -= in.n < left ? in.n : left;
		stream_eat(p->server, in.n);
	}
	if (p->result == 0)
		p->result = stream_flush(p->server, soon());
	p->done = true;
	waitq_wake_all(&p->q);
}

static void open_pair(struct pair *p, struct tls_server *ts, size_t expect)
{
	int fds[2];

	*p = (struct pair){.ts = ts, .expect = expect};
	waitq_init(&p->q);
	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
			 fds) == 0);
	CHECK(stream_open(fds[0], 8192, &p->server) == 0);
	CHECK(stream_open(fds[1], 8192, &p->client) == 0);
	spawn(echo, p);
}

static void close_pair(struct pair *p)
{
	stream_close(p->client);
	while (!p->done)
		CHECK(waitq_wait(&p->q, soon()) == 0);
	stream_close(p->server);
}

static int call(struct pair *p, struct tls_client *tc, enum tls_level level,
		const char *name, struct tls_info *info)
{
	const struct str names[] = {STR("other.example"), str_of_c(name)};
	const struct tls_client_call c = {.level = level,
					  .server_name = str_of_c(name),
					  .names = names,
					  .name_count = 2,
					  .session_key = STR("k")};
	struct why why;

	return tls_client_connect(tc, p->client, &c, soon(), info, &why);
}

/* Send `n` bytes and get them back. */
static void exchange(struct pair *p, size_t n)
{
	char *out = malloc(n);
	char *in = malloc(n);
	size_t at = 0;

	for (size_t i = 0; i < n; i++)
		out[i] = (char)(i * 7 + i / 251);
	while (at < n) {
		size_t step = n - at < 5000 ? n - at : 5000;

		CHECK(stream_write(p->client, str_of(out + at, step), soon()) ==
		      0);
		CHECK(stream_flush(p->client, soon()) == 0);
		CHECK(stream_read_full(p->client, in + at, step, soon()) == 0);
		at += step;
	}
	CHECK(memcmp(in, out, n) == 0);
	free(in);
	free(out);
}

/* ---- tests --------------------------------------------------------------- */

static void talks(void *arg)
{
	struct tls_server *ts = server_of(cert_path, key_path);
	struct tls_client *tc = client_of("");
	struct tls_info info;
	struct pair p;
	BUF_SCOPED line = BUF_INIT(1000);

	open_pair(&p, ts, 200000);
	CHECK(call(&p, tc, TLS_LEVEL_MAY, "mail.example", &info) == 0);
	exchange(&p, 200000);
	CHECK(info.trust == TLS_UNTRUSTED);
	CHECK(tls_info_put_line(&line, &info, STR("to"), STR("mx[::1]:25")));
	CHECK(str_eq(buf_str(&line),
		     STR("Untrusted TLS connection established to mx[::1]:25: "
			 "TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 "
			 "bits) key-exchange X25519 server-signature ECDSA "
			 "(prime256v1) server-digest SHA256")));
	close_pair(&p);
	CHECK(p.result == 0 && p.info.trust == TLS_ANONYMOUS);
	CHECK(strcmp(p.info.sni, "mail.example") == 0);
	CHECK(strcmp(p.info.server_signature, "ECDSA (prime256v1)") == 0);
	CHECK(strcmp(p.info.exchange, "X25519") == 0);
	CHECK(strcmp(info.peer_name, "mail.example") == 0);

	open_pair(&p, ts, 10);
	CHECK(call(&p, tc, TLS_LEVEL_MAY, "mail.example", &info) == 0);
	CHECK(info.resumed);
	exchange(&p, 10);
	close_pair(&p);
	tls_client_close(tc);
	tls_server_close(ts);
}

static void encrypts_and_resumes(void **state)
{
	in_fiber(talks, NULL);
}

static void judges(void *arg)
{
	struct tls_server *ts = server_of(both_path, "");
	struct tls_client *tc = client_of(both_path);
	struct tls_client *doubts = client_of(cert_path);
	struct tls_info info;
	struct pair p;

	open_pair(&p, ts, 10);
	CHECK(call(&p, tc, TLS_LEVEL_VERIFY, "mail.example", &info) == 0);
	CHECK(info.trust == TLS_VERIFIED);
	exchange(&p, 10);
	close_pair(&p);
	open_pair(&p, ts, 0);
	CHECK(call(&p, tc, TLS_LEVEL_VERIFY, "a.wild.example", &info) == 0);
	close_pair(&p);
	open_pair(&p, ts, 0);
	CHECK(call(&p, tc, TLS_LEVEL_VERIFY, "b.example", &info) == -EACCES);
	close_pair(&p);
	open_pair(&p, ts, 0);
	CHECK(call(&p, tc, TLS_LEVEL_MAY, "b.example", &info) == 0);
	CHECK(info.trust == TLS_TRUSTED);
	close_pair(&p);
	open_pair(&p, ts, 0);
	CHECK(call(&p, doubts, TLS_LEVEL_VERIFY, "mail.example", &info) ==
	      -EACCES);
	CHECK(info.trust == TLS_UNTRUSTED);
	close_pair(&p);
	tls_client_close(doubts);
	tls_client_close(tc);
	tls_server_close(ts);
}

static void checks_names_and_issuers(void **state)
{
	in_fiber(judges, NULL);
}

static void meets_others(void *arg)
{
	struct tls_server *ts = server_of(cert_path, key_path);
	struct tls_info info;
	struct why why;
	struct pair p;

	open_pair(&p, ts, 0);
	CHECK(stream_write(p.client, STR("EHLO me\r\nQUIT\r\n"), soon()) == 0);
	CHECK(stream_flush(p.client, soon()) == 0);
	while (!p.done)
		CHECK(waitq_wait(&p.q, soon()) == 0);
	CHECK(p.result == -EPROTO);
	close_pair(&p);

	open_pair(&p, ts, 0); /* goes away */
	close_pair(&p);
	CHECK(p.result == -ECONNRESET);

	open_pair(&p, ts, 0); /* says nothing */
	CHECK(tls_server_accept(ts, p.client, clock_deadline(20), &info,
				&why) == -ETIMEDOUT);
	CHECK(strcmp(why.text, "timeout") == 0);
	close_pair(&p);
	tls_server_close(ts);
}

static void survives_other_protocols(void **state)
{
	in_fiber(meets_others, NULL);
}

static void changes(void *arg)
{
	struct tls_server *ts;
	struct tls_client *tc = client_of("");
	struct tls_info before;
	struct tls_info after;
	struct pair p;
	char moved[160];

	ts = server_of(both_path, "");
	open_pair(&p, ts, 0);
	CHECK(call(&p, tc, TLS_LEVEL_MAY, "a", &before) == 0);
	close_pair(&p);
	snprintf(moved, sizeof(moved), "%s.old", both_path);
	CHECK(rename(both_path, moved) == 0);
	CHECK(make_files(NULL) == 0); /* in another folder; bring it here */
	moved[strlen(moved) - 4] = '\0';
	CHECK(rename(both_path, moved) == 0);
	CHECK(remove_files(NULL) == 0);
	CHECK(fiber_sleep(clock_deadline(1100)) == 0);
	open_pair(&p, ts, 0);
	CHECK(call(&p, tc, TLS_LEVEL_MAY, "a", &after) == 0);
	close_pair(&p);
	CHECK(!after.resumed);
	CHECK(strcmp(before.fingerprint, after.fingerprint) != 0);

	/* A broken file does not count. */
	CHECK(truncate(moved, 20) == 0);
	CHECK(fiber_sleep(clock_deadline(1100)) == 0);
	open_pair(&p, ts, 0);
	CHECK(call(&p, tc, TLS_LEVEL_MAY, "a", &before) == 0);
	close_pair(&p);
	CHECK(strcmp(before.fingerprint, after.fingerprint) == 0);
	CHECK(!tls_server_is_stale(ts));
	tls_client_close(tc);
	tls_server_close(ts);
	unlink(moved);
	strcat(moved, ".old");
	unlink(moved);
}

static void takes_up_new_files(void **state)
{
	char own[64];
	char path[160];

	strcpy(own, folder);
	in_fiber(changes, NULL);
	snprintf(path, sizeof(path), "%s/key.pem", own);
	unlink(path);
	snprintf(path, sizeof(path), "%s/cert.pem", own);
	unlink(path);
	assert_int_equal(rmdir(own), 0);
	assert_int_equal(make_files(NULL), 0);
}

static void has_grades(void **state)
{
	static const struct {
		struct tls_server_opts o;
		int error;
	} cases[] = {
		{{.cipher_grade = STR_INIT("high")}, 0},
		{{.cipher_grade = STR_INIT("medium"),
		  .exclude_ciphers = STR_INIT("aNULL, MD5 RC4")},
		 0},
		{{.cipher_grade = STR_INIT("huge")}, -EINVAL},
		{{.protocols = STR_INIT("!SSLv2, !SSLv3,!TLSv1")}, 0},
		{{.protocols = STR_INIT("TLSv1.2:TLSv1.3")}, 0},
		{{.protocols = STR_INIT(">=TLSv1.2 <=TLSv1.3")}, 0},
		{{.protocols = STR_INIT("TLSv9")}, -EINVAL},
		{{.eecdh_curves = STR_INIT("X25519 nonsense prime256v1")}, 0},
		{{.eecdh_grade = STR_INIT("ultra")}, 0},
		{{.ca_file = STR_INIT("/nonexistent/x")}, -ENOENT},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct tls_server_opts o = cases[i].o;
		struct tls_server *ts = NULL;
		struct why why = {""};

		o.cert_file = str_of_c(cert_path);
		o.key_file = str_of_c(key_path);
		assert_int_equal(tls_server_open(&o, &ts, &why),
				 cases[i].error);
		assert_int_equal(why.text[0] != '\0', cases[i].error != 0);
		tls_server_close(ts);
	}
}

static void wants_certificates(void **state)
{
	struct tls_server_opts o = {.cert_file = STR("")};
	struct tls_server *ts = NULL;
	char list[300];

	assert_int_equal(tls_server_open(&o, &ts, NULL), -EINVAL);
	o.cert_file = str_of_c(cert_path); /* without its key */
	assert_int_equal(tls_server_open(&o, &ts, NULL), -EINVAL);
	o.key_file = str_of_c(both_path); /* with another */
	assert_int_equal(tls_server_open(&o, &ts, NULL), -EINVAL);
	snprintf(list, sizeof(list), "%s, %s", key_path, cert_path);
	o = (struct tls_server_opts){.chain_files = str_of_c(list)};
	assert_int_equal(tls_server_open(&o, &ts, NULL), 0);
	tls_server_close(ts);
	o = (struct tls_server_opts){.cert_file = STR("none")};
	assert_int_equal(tls_server_open(&o, &ts, NULL), 0);
	tls_server_close(ts);
}

static void signs_carefully(void **state)
{
	const struct str names[] = {STR_INIT("a.example")};
	const struct selfsign_opts o = {.names = names,
					.name_count = 1,
					.key_path = key_path,
					.cert_path = cert_path};
	struct stat st;

	assert_int_equal(tls_selfsign(&o, NULL), -EEXIST);
	assert_int_equal(stat(key_path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(stat(cert_path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0644);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(encrypts_and_resumes),
		cmocka_unit_test(checks_names_and_issuers),
		cmocka_unit_test(survives_other_protocols),
		cmocka_unit_test(has_grades),
		cmocka_unit_test(wants_certificates),
		cmocka_unit_test(signs_carefully),
		cmocka_unit_test(takes_up_new_files),
	};

	return cmocka_run_group_tests(tests, make_files, remove_files);
}
