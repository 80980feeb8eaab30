/* SPDX-License-Identifier: ISC */
/* A relay process of its own, asked as qmgr asks, with servers of all kinds
 * around it. */
#include "server.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/arena.h"
#include "base/why.h"
#include "delivery/outcome.h"
#include "delivery/request.h"
#include "ipc/channel.h"
#include "relay/relay.h"
#include "tls/selfsign.h"

enum { PORT = 21320 };

static char folder[64];
static char socket_path[128];
static char log_path[128];
static char cert_path[128];

/* ---- the relay process --------------------------------------------------- */

struct relay_process {
	pid_t pid;
	struct channel *channel;
	struct arena *arena;
	uint64_t number;
};

static void write_config(const char *more)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/main.cf", folder);
	f = fopen(path, "w");
	CHECK(f != NULL);
	fprintf(f,
		"myhostname = me.example\nqueue_directory = %s\n"
		"data_directory = %s\nmail_owner = nobody\n"
		"smtp_connect_timeout = 2\n%s",
		folder, folder, more);
	fclose(f);
}

static void become_relay(const char *name)
{
	char address[160];
	char *argv[] = {strdup(name), strdup("-D"), address, NULL};
	int fd = open(log_path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	snprintf(address, sizeof(address), "unix:%s", socket_path);
	dup2(fd, 1);
	dup2(fd, 2);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	setenv("MAIL_CONFIG", folder, 1);
	_exit(relay_main(3, argv));
}

/* Gives: a running relay that reads `more` in main.cf. */
static void relay_start(struct relay_process *p, const char *name,
			const char *more)
{
	int error = -ENOENT;

	write_config(more);
	unlink(socket_path);
	*p = (struct relay_process){.pid = fork()};
	if (p->pid == 0) {
		CHECK(loop_reopen(NULL) == 0);
		loop_close();
		become_relay(name);
	}
	for (int i = 0; i < 200 && error != 0; i++) {
		error = channel_connect(socket_path, later(), &p->channel,
					NULL);
		if (error != 0)
			CHECK(fiber_sleep(clock_deadline(20)) == 0);
	}
	CHECK(error == 0);
	p->arena = arena_new(1 << 24);
}

static void relay_stop(struct relay_process *p)
{
	int status;

	channel_close(p->channel);
	kill(p->pid, SIGTERM);
	CHECK(child_wait(p->pid, later(), &status) == 0);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	arena_free(p->arena);
}

static bool logged(const char *text)
{
	static char all[1 << 16];
	FILE *f = fopen(log_path, "r");
	size_t n = fread(all, 1, sizeof(all) - 1, f);

	fclose(f);
	all[n] = '\0';
	return strstr(all, text) != NULL;
}

/* ---- asking it ----------------------------------------------------------- */

struct asked {
	struct delivery_host hosts[4];
	size_t host_count;
	struct recipient recipients[4];
	size_t recipient_count;
	struct outcome outcomes[4];
	struct delivery_done done;
};

static struct asked ask_for(const char *first, const char *second, int port)
{
	struct asked a = {.host_count = 1};

	a.hosts[0] = (struct delivery_host){.name = STR("mx.example"),
					    .address = STR("127.0.0.1"),
					    .port = (uint16_t)port};
	a.recipients[a.recipient_count++].address = str_of_c(first);
	if (second != NULL)
		a.recipients[a.recipient_count++].address = str_of_c(second);
	return a;
}

static void add_host(struct asked *a, int port)
{
	a->hosts[a->host_count] = a->hosts[0];
	a->hosts[a->host_count++].port = (uint16_t)port;
}

static int file_of(struct str content)
{
	int fd = memfd_create("message", MFD_CLOEXEC);

	CHECK(write(fd, "front", 5) == 5);
	CHECK(write(fd, content.p, content.n) == (ssize_t)content.n);
	return fd;
}

static void send_request(struct relay_process *p, struct asked *a,
			 struct str content)
{
	BUF_SCOPED frame = BUF_INIT(1 << 20);
	int fd = file_of(content);
	struct delivery_request r = {
		.number = ++p->number,
		.id = STR("ABCDEF"),
		.sender = STR("sender@here.example"),
		.transport = STR("smtp"),
		.nexthop = STR("there.example"),
		.size = content.n,
		.offset = 5,
		.length = content.n,
		.arrived_us = clock_wall_us(),
		.active_us = clock_wall_us(),
		.handed_us = clock_wall_us(),
		.recipients = a->recipients,
		.recipient_count = a->recipient_count,
		.hosts = a->hosts,
		.host_count = a->host_count,
	};

	for (size_t i = 0; i < a->recipient_count; i++)
		a->recipients[i].number = (uint32_t)i;
	CHECK(delivery_request_encode(&frame, &r) == 0);
	CHECK(channel_send(p->channel, &frame, &fd, 1, later()) == 0);
}

static void take_answers(struct relay_process *p, struct asked *a)
{
	for (;;) {
		struct outcome o;
		uint64_t number;
		struct msg m;

		CHECK(channel_receive(p->channel, &m, later()) == 0);
		if (m.type == MSG_DONE) {
			CHECK(delivery_done_decode(&m, p->arena, &a->done) ==
			      0);
			return;
		}
		CHECK(m.type == MSG_OUTCOME);
		CHECK(delivery_outcome_decode(&m, p->arena, &number, &o) == 0);
		CHECK(number == p->number && o.recipient < 4);
		a->outcomes[o.recipient] = o;
	}
}

static void deliver(struct relay_process *p, struct asked *a,
		    struct str content)
{
	send_request(p, a, content);
	take_answers(p, a);
}

static bool is(struct str got, const char *want)
{
	if (str_eq(got, str_of_c(want)))
		return true;
	print_error("there is: " STR_FMT "\n", STR_ARG(got));
	return false;
}

#define BODY STR("Subject: x\r\n\r\nhello\r\n.dot\r\n..\r\n")

/* ---- tests --------------------------------------------------------------- */

static void sends(void *arg)
{
	struct relay_process p;
	struct server s = {.port = PORT};
	struct asked a = ask_for("a@there.example", "no@there.example", PORT);

	server_start(&s);
	relay_start(&p, "smtp", "");
	deliver(&p, &a, BODY);
	CHECK(a.outcomes[0].action == OUTCOME_SENT);
	CHECK(is(a.outcomes[0].dsn, "2.0.0"));
	CHECK(is(a.outcomes[0].text, "250 2.0.0 Ok: queued as X"));
	CHECK(is(a.outcomes[0].relay, "mx.example[127.0.0.1]:21320"));
	CHECK(a.outcomes[1].action == OUTCOME_BOUNCED);
	CHECK(is(a.outcomes[1].dsn, "5.1.1"));
	CHECK(is(a.outcomes[1].text,
		 "host mx.example[127.0.0.1] said: 550 5.1.1 no such user (in "
		 "reply to RCPT TO command)"));
	CHECK(is(a.outcomes[1].remote, "mx.example"));
	CHECK(is(a.outcomes[1].diagnostic, "550 5.1.1 no such user"));
	CHECK(a.done.trouble == DELIVERY_FINE);
	CHECK(str_eq(buf_str(&s.content), BODY));
	CHECK(log_has(&s, "EHLO me.example\n"));
	CHECK(logged("smtp: "));
	CHECK(logged("ABCDEF: to=<a@there.example>, "
		     "relay=mx.example[127.0.0.1]:21320, delay="));
	CHECK(logged("dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as X)"));
	relay_stop(&p);
	server_stop(&s);
}

static void delivers(void **state)
{
	in_fiber(sends, NULL);
}

static void goes_on(void *arg)
{
	struct relay_process p;
	struct server busy = {.port = PORT, .greeting = "421 4.3.2 busy"};
	struct server grey = {.port = PORT + 1};
	struct server fine = {.port = PORT + 2};
	struct asked a = ask_for("a@there.example", "later@there.example",
				 PORT + 9); /* nobody listens */

	server_start(&busy);
	server_start(&grey);
	server_start(&fine);
	relay_start(&p, "smtp", "");
	add_host(&a, PORT);
	add_host(&a, PORT + 1);
	add_host(&a, PORT + 2);
	deliver(&p, &a, BODY);
	CHECK(a.outcomes[0].action == OUTCOME_SENT);
	CHECK(is(a.outcomes[0].relay, "mx.example[127.0.0.1]:21321"));
	CHECK(a.outcomes[1].action == OUTCOME_DEFERRED);
	CHECK(is(a.outcomes[1].relay, "mx.example[127.0.0.1]:21322"));
	CHECK(is(a.outcomes[1].dsn, "4.2.0"));
	CHECK(a.done.trouble == DELIVERY_FINE);
	CHECK(grey.messages == 1 && fine.messages == 0);
	CHECK(!log_has(&fine, "<a@there"));
	CHECK(logged("connect to mx.example[127.0.0.1]:21329: Connection "
		     "refused"));
	CHECK(logged("ABCDEF: host mx.example[127.0.0.1] refused to talk to "
		     "me: 421 4.3.2 busy"));
	CHECK(logged("ABCDEF: host mx.example[127.0.0.1] said: 450 4.2.0 "
		     "greylisted (in reply to RCPT TO command)"));
	relay_stop(&p);
	server_stop(&busy);
	server_stop(&grey);
	server_stop(&fine);
}

static void tries_the_next_host(void **state)
{
	in_fiber(goes_on, NULL);
}

static void gives_up(void *arg)
{
	struct relay_process p;
	struct server s = {.port = PORT, .hang_up_data = true};
	struct asked a = ask_for("a@there.example", NULL, PORT + 9);
	struct asked b = ask_for("a@there.example", NULL, PORT);
	struct asked c = ask_for("a@there.example", NULL, PORT);

	server_start(&s);
	relay_start(&p, "smtp", "");
	deliver(&p, &a, BODY);
	CHECK(a.outcomes[0].action == OUTCOME_DEFERRED);
	CHECK(is(a.outcomes[0].dsn, "4.4.1"));
	CHECK(is(a.outcomes[0].relay, "none"));
	CHECK(is(a.outcomes[0].text, "connect to mx.example[127.0.0.1]:21329: "
				     "Connection refused"));
	CHECK(a.done.trouble == DELIVERY_SITE_TROUBLE);
	CHECK(is(a.done.dsn, "4.4.1"));
	deliver(&p, &b, BODY);
	CHECK(b.outcomes[0].action == OUTCOME_DEFERRED);
	CHECK(is(b.outcomes[0].text,
		 "lost connection with mx.example[127.0.0.1] while sending "
		 "end of data -- message may be sent more than once"));
	CHECK(is(b.outcomes[0].dsn, "4.4.2"));
	c.host_count = 0;
	deliver(&p, &c, BODY);
	CHECK(c.outcomes[0].action == OUTCOME_DEFERRED);
	relay_stop(&p);
	server_stop(&s);
}

static void defers(void **state)
{
	in_fiber(gives_up, NULL);
}

static void reuses(void *arg)
{
	struct relay_process p;
	struct server s = {.port = PORT};
	struct asked a;

	server_start(&s);
	relay_start(&p, "smtp", "");
	for (int i = 0; i < 5; i++) {
		a = ask_for("a@there.example", "no@there.example", PORT);
		deliver(&p, &a, BODY);
		CHECK(a.outcomes[0].action == OUTCOME_SENT);
	}
	CHECK(s.messages == 5 && s.connections == 2);
	CHECK(logged("conn_use=4, delay="));
	/* The server hangs up; nobody notices but the log of connections. */
	s.hang_up_after = true;
	for (int i = 0; i < 3; i++) {
		a = ask_for("a@there.example", NULL, PORT);
		deliver(&p, &a, BODY);
		CHECK(a.outcomes[0].action == OUTCOME_SENT);
	}
	CHECK(s.messages == 8);
	s.hang_up_after = false;
	a = ask_for("a@there.example", NULL, PORT);
	deliver(&p, &a, BODY);
	CHECK(!log_has(&s, "QUIT") || s.connections > 2);
	CHECK(fiber_sleep(clock_deadline(2600)) == 0);
	CHECK(str_ends(buf_str(&s.log), STR("QUIT\n")));
	relay_stop(&p);
	server_stop(&s);
}

static void keeps_connections(void **state)
{
	in_fiber(reuses, NULL);
}

static void floods(void *arg)
{
	struct relay_process p;
	struct server s = {.port = PORT};
	BUF_SCOPED big = BUF_INIT(1 << 22);
	struct asked a = ask_for("a@there.example", NULL, PORT);

	for (int i = 0; big.n < 3000000; i++)
		buf_putf(&big, "%s line %d of a long message\r\n",
			 i % 3 == 0   ? ".."
			 : i % 3 == 1 ? "."
				      : "",
			 i);
	buf_put(&big, STR("no end of line"));
	server_start(&s);
	relay_start(&p, "smtp", "");
	deliver(&p, &a, buf_str(&big));
	CHECK(a.outcomes[0].action == OUTCOME_SENT);
	buf_put(&big, STR("\r\n"));
	CHECK(str_eq(buf_str(&s.content), buf_str(&big)));
	relay_stop(&p);
	server_stop(&s);
}

static void sends_large_messages(void **state)
{
	in_fiber(floods, NULL);
}

static struct tls_server *open_tls(void)
{
	const struct tls_server_opts o = {.cert_file = str_of_c(cert_path),
					  .session_timeout_ms = 3600000};
	struct tls_server *ts = NULL;

	CHECK(tls_server_open(&o, &ts, NULL) == 0);
	return ts;
}

static void encrypts(void *arg)
{
	struct relay_process p;
	struct server s = {.port = PORT,
			   .features = "250-PIPELINING\r\n250-STARTTLS\r\n",
			   .tls = open_tls()};
	struct asked a = ask_for("a@there.example", NULL, PORT);

	server_start(&s);
	relay_start(&p, "smtp",
		    "smtp_tls_security_level = may\nsmtp_tls_loglevel = 1\n");
	deliver(&p, &a, BODY);
	CHECK(a.outcomes[0].action == OUTCOME_SENT && s.saw_tls);
	CHECK(str_eq(buf_str(&s.content), BODY));
	CHECK(logged("Untrusted TLS connection established to "
		     "mx.example[127.0.0.1]:21320: TLSv1.3 with cipher "));
	/* Its TLS does not work: in the clear, then. */
	s.break_tls = true;
	s.saw_tls = false;
	CHECK(fiber_sleep(clock_deadline(2500)) == 0);
	deliver(&p, &a, BODY);
	CHECK(a.outcomes[0].action == OUTCOME_SENT && !s.saw_tls);
	CHECK(s.messages == 2);
	relay_stop(&p);

	relay_start(&p, "smtp", "smtp_tls_security_level = encrypt\n");
	deliver(&p, &a, BODY);
	CHECK(a.outcomes[0].action == OUTCOME_DEFERRED);
	CHECK(is(a.outcomes[0].dsn, "4.7.5"));
	CHECK(is(a.outcomes[0].text, "Cannot start TLS: handshake failure"));
	s.features = "250-PIPELINING\r\n";
	deliver(&p, &a, BODY);
	CHECK(is(a.outcomes[0].text, "TLS is required, but was not offered by "
				     "host mx.example[127.0.0.1]"));
	CHECK(a.done.trouble == DELIVERY_SITE_TROUBLE);
	relay_stop(&p);
	server_stop(&s);
	tls_server_close(s.tls);
}

static void speaks_tls(void **state)
{
	in_fiber(encrypts, NULL);
}

static void verifies(void *arg)
{
	struct relay_process p;
	struct server s = {.port = PORT,
			   .features = "250-STARTTLS\r\n",
			   .tls = open_tls()};
	struct asked a = ask_for("a@there.example", NULL, PORT);
	char config[512];

	server_start(&s);
	snprintf(config, sizeof(config),
		 "smtp_tls_CAfile = %s\nsmtp_tls_loglevel = 1\n"
		 "smtp_tls_security_level = verify\n"
		 "smtp_tls_policy_maps = inline:{other.example=secure, "
		 "fp.example=fingerprint}\n",
		 cert_path);
	relay_start(&p, "smtp", config);
	deliver(&p, &a, BODY);
	CHECK(a.outcomes[0].action == OUTCOME_SENT && s.saw_tls);
	CHECK(logged("Verified TLS connection established to "));
	a.hosts[0].name = STR("evil.example");
	deliver(&p, &a, BODY);
	CHECK(a.outcomes[0].action == OUTCOME_DEFERRED);
	CHECK(s.messages == 1);
	relay_stop(&p);
	server_stop(&s);
	tls_server_close(s.tls);
}

static void checks_certificates(void **state)
{
	in_fiber(verifies, NULL);
}

static void logs_in(void *arg)
{
	struct relay_process p;
	struct server s = {.port = PORT,
			   .features = "250-AUTH LOGIN PLAIN\r\n",
			   .auth = "AUTH PLAIN AG1lAHNlY3JldA=="};
	struct asked a = ask_for("a@there.example", NULL, PORT);
	const char *const keys[] = {"mx.example", "mx.example:21320",
				    "there.example"};
	char config[256];

	server_start(&s);
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		snprintf(config, sizeof(config),
			 "smtp_sasl_auth_enable = yes\n"
			 "smtp_sasl_security_options = noanonymous\n"
			 "smtp_sasl_password_maps = inline:{%s=me:secret}\n",
			 keys[i]);
		relay_start(&p, "smtp", config);
		deliver(&p, &a, BODY);
		CHECK(a.outcomes[0].action == OUTCOME_SENT);
		CHECK(s.messages == i + 1);
		relay_stop(&p);
	}
	CHECK(log_has(&s, "AUTH PLAIN AG1lAHNlY3JldA==\n"));
	s.auth = "something else";
	relay_start(&p, "smtp", config);
	deliver(&p, &a, BODY);
	CHECK(a.outcomes[0].action == OUTCOME_DEFERRED);
	CHECK(is(a.outcomes[0].text, "SASL authentication failed; server "
				     "mx.example[127.0.0.1] said: 535 no"));
	relay_stop(&p);
	server_stop(&s);
}

static void authenticates(void **state)
{
	in_fiber(logs_in, NULL);
}

static void hands_over(void *arg)
{
	struct relay_process p;
	char path[128];
	char name[160];
	char want[200];
	struct server s = {
		.path = path, .lmtp = true, .end_reply = "250 2.0.0 saved"};
	struct asked a = ask_for("a@there.example", "b@there.example", 0);

	snprintf(path, sizeof(path), "%s/lmtp", folder);
	snprintf(name, sizeof(name), "unix:%s", path);
	snprintf(want, sizeof(want), "me.example[%s]", path);
	a.hosts[0] = (struct delivery_host){.name = str_of_c(name),
					    .address = STR("")};
	server_start(&s);
	CHECK(chmod(path, 0666) == 0); /* relay gives up root */
	relay_start(&p, "lmtp", "lmtp_lhlo_name = hello.example\n");
	deliver(&p, &a, BODY);
	CHECK(a.outcomes[0].action == OUTCOME_SENT);
	CHECK(a.outcomes[1].action == OUTCOME_SENT);
	CHECK(is(a.outcomes[0].relay, want));
	CHECK(log_has(&s, "LHLO hello.example\n"));
	CHECK(logged("lmtp: "));
	server_stop(&s);
	CHECK(fiber_sleep(clock_deadline(50)) == 0);
	a.hosts[0].name = STR("unix:/nonexistent/lmtp");
	deliver(&p, &a, BODY);
	CHECK(is(a.outcomes[0].text, "connect to "
				     "me.example[/nonexistent/lmtp]: No such "
				     "file or directory"));
	relay_stop(&p);
}

static void speaks_lmtp(void **state)
{
	in_fiber(hands_over, NULL);
}

/* ---- around -------------------------------------------------------------- */

static int make_folder(void **state)
{
	const struct str names[] = {STR_INIT("mx.example")};
	const struct selfsign_opts o = {.names = names,
					.name_count = 1,
					.key_path = cert_path,
					.cert_path = cert_path};

	strcpy(folder, "/tmp/malote-relay-XXXXXX");
	if (mkdtemp(folder) == NULL || chmod(folder, 0755) != 0)
		return -1;
	snprintf(socket_path, sizeof(socket_path), "%s/smtp", folder);
	snprintf(log_path, sizeof(log_path), "%s/log", folder);
	snprintf(cert_path, sizeof(cert_path), "%s/cert.pem", folder);
	return tls_selfsign(&o, NULL);
}

static int remove_folder(void **state)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/main.cf", folder);
	unlink(path);
	unlink(cert_path);
	unlink(log_path);
	unlink(socket_path);
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(delivers),
		cmocka_unit_test(tries_the_next_host),
		cmocka_unit_test(defers),
		cmocka_unit_test(keeps_connections),
		cmocka_unit_test(sends_large_messages),
		cmocka_unit_test(speaks_tls),
		cmocka_unit_test(checks_certificates),
		cmocka_unit_test(authenticates),
		cmocka_unit_test(speaks_lmtp),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
