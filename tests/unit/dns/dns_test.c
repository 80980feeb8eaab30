/* SPDX-License-Identifier: ISC */
/* Questions to a real name server (dnsmasq, on loopback) and to one of ours
 * that answers wrongly, late, or not at all. */
#include "../rt/in_fiber.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "dns/dns.h"

enum { REAL_PORT = 21310, FAKE_PORT = 21311 };

static pid_t server;

/* ---- the real one -------------------------------------------------------- */

static int start_server(void **state)
{
	server = fork();
	if (server == 0) {
		execl("/usr/sbin/dnsmasq", "dnsmasq", "-k", "-C", "/dev/null",
		      "--port=21310", "--listen-address=127.0.0.1",
		      "--bind-interfaces", "--no-resolv", "--no-hosts",
		      "--pid-file=", "--user=", "--log-facility=/dev/null",
		      "--local=/example/", "--auth-ttl=60", "--local-ttl=60",
		      "--host-record=mx1.example,192.0.2.1,2001:db8::1",
		      "--host-record=four.example,192.0.2.4",
		      "--mx-host=a.example,mx2.example,20",
		      "--mx-host=a.example,mx1.example,10",
		      "--cname=alias.example,four.example",
		      "--txt-record=a.example,v=spf1,-all",
		      "--ptr-record=4.2.0.192.in-addr.arpa,four.example",
		      (char *)NULL);
		_exit(127);
	}
	for (int i = 0; i < 100; i++) {
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		struct sockaddr_in to = {.sin_family = AF_INET,
					 .sin_port = htons(REAL_PORT)};
		int error;

		to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		error = connect(fd, (struct sockaddr *)&to, sizeof(to));
		close(fd);
		if (error == 0)
			return 0;
		usleep(20000);
	}
	return -1;
}

static int stop_server(void **state)
{
	kill(server, SIGTERM);
	waitpid(server, NULL, 0);
	return 0;
}

static struct dns *open_at(const char *servers)
{
	struct dns *d = NULL;
	const struct dns_opts opts = {
		.servers = str_of_c(servers), .timeout_ms = 150, .tries = 2};

	CHECK(dns_open(&opts, &d, NULL) == 0);
	return d;
}

static bool is(struct str got, const char *want)
{
	return str_eq(got, str_of_c(want));
}

static int64_t soon(void)
{
	return clock_deadline(5000);
}

static void asks(void *arg)
{
	struct dns *d = open_at("127.0.0.1:21310");
	struct dns_result r;

	CHECK(dns_mx(d, STR("A.Example."), soon(), &r) == DNS_FOUND);
	CHECK(r.count == 2 && is(r.records[0].text, "mx1.example"));
	CHECK(r.records[0].preference == 10);
	CHECK(is(r.records[1].text, "mx2.example"));
	dns_result_release(&r);

	CHECK(dns_addresses(d, STR("mx1.example"), AF_UNSPEC, soon(), &r) ==
	      DNS_FOUND);
	CHECK(r.count == 2 && is(r.records[0].text, "2001:db8::1"));
	CHECK(is(r.records[1].text, "192.0.2.1"));
	CHECK(r.records[1].family == AF_INET);
	dns_result_release(&r);

	CHECK(dns_addresses(d, STR("alias.example"), AF_INET, soon(), &r) ==
	      DNS_FOUND);
	CHECK(r.count == 1 && is(r.records[0].text, "192.0.2.4"));
	dns_result_release(&r);

	CHECK(dns_addresses(d, STR("four.example"), AF_INET6, soon(), &r) ==
	      DNS_NODATA);
	CHECK(is(r.reason,
		 "Host or domain name not found. Name service error for "
		 "name=four.example type=AAAA: Host found but no data record "
		 "of requested type"));
	dns_result_release(&r);

	CHECK(dns_mx(d, STR("none.example"), soon(), &r) == DNS_NXDOMAIN);
	CHECK(is(r.reason, "Host or domain name not found. Name service error "
			   "for name=none.example type=MX: Host not found"));
	dns_result_release(&r);

	CHECK(dns_txt(d, STR("a.example"), soon(), &r) == DNS_FOUND);
	CHECK(r.count == 1 && is(r.records[0].text, "v=spf1-all"));
	dns_result_release(&r);

	CHECK(dns_ptr(d, STR("192.0.2.4"), soon(), &r) == DNS_FOUND);
	CHECK(r.count == 1 && is(r.records[0].text, "four.example"));
	dns_result_release(&r);
	CHECK(dns_ptr(d, STR("nonsense"), soon(), &r) == DNS_NXDOMAIN);
	dns_result_release(&r);
	dns_close(d);
}

static void asks_a_real_server(void **state)
{
	in_fiber(asks, NULL);
}

struct crowd {
	struct dns *d;
	unsigned found;
	unsigned left;
	struct waitq q;
};

static void one_of_many(void *arg)
{
	struct crowd *c = arg;
	DNS_RESULT_SCOPED r = {.answer = DNS_LATER};
	char name[64];
	unsigned n = c->left;

	snprintf(name, sizeof(name), n % 2 == 0 ? "a.example" : "x%u.example",
		 n);
	switch (dns_mx(c->d, str_of_c(name), soon(), &r)) {
	case DNS_FOUND:
	case DNS_NXDOMAIN:
		c->found++;
		break;
	case DNS_NODATA:
	case DNS_LATER:
		break;
	}
	if (--c->left == 0)
		waitq_wake_all(&c->q);
}

static void asks_many(void *arg)
{
	struct crowd c = {.d = open_at("127.0.0.1:21310"), .left = 0};

	waitq_init(&c.q);
	for (int i = 0; i < 100; i++) {
		c.left++;
		spawn(one_of_many, &c);
	}
	while (c.left > 0)
		CHECK(waitq_wait(&c.q, soon()) == 0);
	CHECK(c.found == 100);
	dns_close(c.d);
}

static void answers_many_at_once(void **state)
{
	in_fiber(asks_many, NULL);
}

/* ---- the wrong one ------------------------------------------------------- */

enum mood { SILENT, SERVFAIL, GARBAGE, SHORT };

struct fake {
	int fd;
	enum mood mood;
	unsigned asked;
};

static void answer_wrongly(void *arg)
{
	struct fake *f = arg;
	char p[2048];

	while (fd_wait(f->fd, FD_READ, DEADLINE_NEVER) == 0) {
		struct sockaddr_in from;
		socklen_t n = sizeof(from);
		ssize_t got = recvfrom(f->fd, p, sizeof(p), 0,
				       (struct sockaddr *)&from, &n);

		if (got < 12)
			continue;
		f->asked++;
		switch (f->mood) {
		case SILENT:
			continue;
		case SERVFAIL:
			p[2] = (char)0x81;
			p[3] = (char)0x82;
			break;
		case GARBAGE:
			p[2] = (char)0x81;
			p[3] = (char)0x80;
			p[7] = 9; /* answers that are not there */
			break;
		case SHORT:
			got = 13;
			break;
		}
		sendto(f->fd, p, (size_t)got, 0, (struct sockaddr *)&from, n);
	}
}

static void open_fake(struct fake *f)
{
	struct sockaddr_in at = {.sin_family = AF_INET,
				 .sin_port = htons(FAKE_PORT)};

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	f->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	CHECK(bind(f->fd, (struct sockaddr *)&at, sizeof(at)) == 0);
}

static void meets_wrong_answers(void *arg)
{
	struct fake f = {.mood = SILENT};
	struct fiber *other;
	struct dns *d;

	open_fake(&f);
	other = fiber_spawn(answer_wrongly, &f);
	CHECK(other != NULL);
	for (f.mood = SILENT; f.mood <= SHORT; f.mood++) {
		DNS_RESULT_SCOPED r = {.answer = DNS_LATER};
		DNS_RESULT_SCOPED again = {.answer = DNS_LATER};
		unsigned before = f.asked;

		d = open_at("127.0.0.1:21311");
		CHECK(dns_mx(d, STR("a.example"), soon(), &r) == DNS_LATER);
		CHECK(r.count == 0 && r.reason.n > 0);
		CHECK(f.asked > before);
		/* Not kept: asked again. */
		before = f.asked;
		CHECK(dns_mx(d, STR("a.example"), soon(), &again) == DNS_LATER);
		CHECK(f.asked > before);
		dns_close(d);
	}
	fiber_cancel(other);
	fiber_yield();
	close(f.fd);
}

static void defers_on_wrong_answers(void **state)
{
	in_fiber(meets_wrong_answers, NULL);
}

static void hurries(void *arg)
{
	DNS_RESULT_SCOPED r = {.answer = DNS_LATER};
	struct dns *d = open_at("127.0.0.1:21311, [::1]:21311");
	int64_t begin = clock_now();
	struct fake f = {.mood = SILENT};

	open_fake(&f);
	CHECK(dns_mx(d, STR("a.example"), clock_deadline(30), &r) == DNS_LATER);
	CHECK(clock_now() - begin < 120);
	dns_close(d); /* while the question is under way */
	close(f.fd);
}

static void keeps_deadlines(void **state)
{
	in_fiber(hurries, NULL);
}

static void uses_cache(void *arg)
{
	DNS_RESULT_SCOPED one = {.answer = DNS_LATER};
	DNS_RESULT_SCOPED two = {.answer = DNS_LATER};
	struct dns *d = open_at("127.0.0.1:21310");

	CHECK(dns_addresses(d, STR("four.example"), AF_INET, soon(), &one) ==
	      DNS_FOUND);
	CHECK(dns_addresses(d, STR("FOUR.example"), AF_INET, soon(), &two) ==
	      DNS_FOUND);
	CHECK(one.records == two.records);
	dns_close(d);
	CHECK(is(one.records[0].text, "192.0.2.4")); /* results live on */
}

static void keeps_answers(void **state)
{
	in_fiber(uses_cache, NULL);
}

static void reads_hosts(void *arg)
{
	DNS_RESULT_SCOPED r = {.answer = DNS_LATER};
	DNS_RESULT_SCOPED back = {.answer = DNS_LATER};
	struct dns *d = NULL;
	const struct dns_opts opts = {.servers = STR("127.0.0.1:21310"),
				      .hosts_file = true};

	CHECK(dns_open(&opts, &d, NULL) == 0);
	CHECK(dns_addresses(d, STR("localhost"), AF_INET, soon(), &r) ==
	      DNS_FOUND);
	CHECK(is(r.records[0].text, "127.0.0.1"));
	CHECK(dns_ptr(d, STR("127.0.0.1"), soon(), &back) == DNS_FOUND);
	CHECK(is(back.records[0].text, "localhost"));
	dns_close(d);
}

static void answers_from_hosts(void **state)
{
	in_fiber(reads_hosts, NULL);
}

static void refuses_bad_servers(void **state)
{
	static const char *const bad[] = {"localhost", "127.0.0.1:x",
					  "127.0.0.1:70000", "[::1", "[::1]5"};
	struct dns *d = NULL;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		const struct dns_opts opts = {.servers = str_of_c(bad[i])};

		assert_int_equal(dns_open(&opts, &d, NULL), -EINVAL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(asks_a_real_server),
		cmocka_unit_test(answers_many_at_once),
		cmocka_unit_test(defers_on_wrong_answers),
		cmocka_unit_test(keeps_deadlines),
		cmocka_unit_test(keeps_answers),
		cmocka_unit_test(answers_from_hosts),
		cmocka_unit_test(refuses_bad_servers),
	};

	if (access("/usr/sbin/dnsmasq", X_OK) != 0)
		return 77;
	return cmocka_run_group_tests(tests, start_server, stop_server);
}
