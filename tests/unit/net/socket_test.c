/* SPDX-License-Identifier: ISC */
/* Listening, accepting and connecting, on loopback and in a folder. */
#include <errno.h>
#include <stdio.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../rt/in_fiber.h"
#include "base/why.h"
#include "net/connect.h"
#include "rt/connect.h"
#include "net/listen.h"
#include "rt/watch.h"

#define LATER clock_deadline(5000)

static struct addr at(const char *text, uint16_t port)
{
	struct addr a;

	CHECK(addr_parse(str_of_c(text), &a));
	a.port = port;
	return a;
}

static void check_flags(int fd)
{
	CHECK((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
	CHECK((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
}

static int get_nodelay(int fd)
{
	int value = 0;
	socklen_t n = sizeof(value);

	CHECK(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &value, &n) == 0);
	return value;
}

/* ---- TCP ----------------------------------------------------------------- */

static void over_tcp(const char *host)
{
	struct addr here = at(host, 0);
	struct addr peer;
	struct addr self;
	struct watch w;
	int listening;
	int client;
	int server;

	CHECK(listen_tcp(&here, 10, &listening, NULL) == 0);
	check_flags(listening);
	CHECK(addr_of_here(listening, &here) == 0);
	CHECK(here.port != 0);
	watch_init(&w, listening);
	CHECK(listen_accept(&w, &peer, clock_deadline(2), &server) ==
	      -ETIMEDOUT);
	CHECK(connect_tcp(&here, NULL, LATER, &client) == 0);
	CHECK(listen_accept(&w, &peer, LATER, &server) == 0);
	check_flags(client);
	check_flags(server);
	CHECK(get_nodelay(client) != 0 && get_nodelay(server) != 0);
	CHECK(addr_of_here(client, &self) == 0);
	CHECK(addr_eq(&self, &peer) && self.port == peer.port);
	CHECK(addr_of_peer(client, &peer) == 0);
	CHECK(addr_eq(&here, &peer) && here.port == peer.port);
	close(client);
	close(server);
	watch_release(&w);
	close(listening);
	CHECK(connect_tcp(&here, NULL, LATER, &client) == -ECONNREFUSED);
}

static void tcp(void *arg)
{
	struct addr here = at("127.0.0.1", 0);
	struct addr from = at("127.0.0.9", 0);
	struct addr none = {0};
	struct addr six = at("::1", 0);
	struct addr peer;
	struct watch w;
	struct why why;
	int listening;
	int second;
	int client;
	int server;

	over_tcp("127.0.0.1");
	CHECK(listen_tcp(&here, 10, &listening, NULL) == 0);
	CHECK(addr_of_here(listening, &here) == 0);
	CHECK(listen_tcp(&here, 10, &second, &why) == -EADDRINUSE);
	CHECK(strstr(why.text, "127.0.0.1:") != NULL);
	watch_init(&w, listening);
	CHECK(connect_tcp(&here, &from, LATER, &client) == 0);
	CHECK(listen_accept(&w, &peer, LATER, &server) == 0);
	CHECK(addr_eq(&peer, &from));
	close(client);
	close(server);
	from = at("192.0.2.1", 0);
	CHECK(connect_tcp(&here, &from, LATER, &client) == -EADDRNOTAVAIL);
	CHECK(connect_tcp(&here, &six, LATER, &client) == -EAFNOSUPPORT);
	CHECK(connect_tcp(&none, NULL, LATER, &client) == -EAFNOSUPPORT);
	CHECK(listen_tcp(&none, 10, &second, &why) == -EAFNOSUPPORT);
	watch_release(&w);
	close(listening);
}

static void test_tcp(void **state)
{
	in_fiber(tcp, NULL);
}

static void tcp6(void *arg)
{
	over_tcp("::1");
}

static void test_tcp6(void **state)
{
	int s = socket(AF_INET6, SOCK_STREAM, 0);
	struct addr one = at("::1", 0);
	struct sockaddr_storage ss;
	unsigned n = addr_to_sockaddr(&one, &ss);

	if (s < 0 || bind(s, (const struct sockaddr *)&ss, n) != 0) {
		close(s);
		print_message("SKIP: there is no IPv6 here\n");
		skip();
	}
	close(s);
	in_fiber(tcp6, NULL);
}

/* A full queue of connections: the deadline ends it. */
static void connect_times_out(void *arg)
{
	struct addr here = at("127.0.0.1", 0);
	int listening;
	int clients[8];
	int error = 0;
	size_t n = 0;

	CHECK(listen_tcp(&here, 0, &listening, NULL) == 0);
	CHECK(addr_of_here(listening, &here) == 0);
	while (n < ARRAY_LEN(clients) && error == 0) {
		error = connect_tcp(&here, NULL, clock_deadline(50),
				    &clients[n]);
		n += error == 0;
	}
	CHECK(error == -ETIMEDOUT);
	while (n > 0)
		close(clients[--n]);
	close(listening);
}

static void test_connect_times_out(void **state)
{
	in_fiber(connect_times_out, NULL);
}

/* ---- Unix ---------------------------------------------------------------- */

static char folder[] = "/tmp/malote-net-XXXXXX";
static char path[64];

static void unix_sockets(void *arg)
{
	struct listen_unix_opts o = {path, 0620, (uid_t)-1, (gid_t)-1, 1};
	struct peer_id id;
	struct addr peer;
	struct stat st;
	struct watch w;
	int listening;
	int clients[4];
	int server;

	CHECK(listen_unix(&o, &listening, NULL) == 0);
	CHECK(stat(path, &st) == 0 && S_ISSOCK(st.st_mode));
	CHECK((st.st_mode & 07777) == 0620);
	close(listening);
	/* what an earlier process left behind is replaced */
	CHECK(connect_unix(path, LATER, &clients[0]) == -ECONNREFUSED);
	CHECK(listen_unix(&o, &listening, NULL) == 0);
	check_flags(listening);
	watch_init(&w, listening);
	CHECK(connect_unix(path, LATER, &clients[0]) == 0);
	CHECK(connect_unix(path, LATER, &clients[1]) == 0);
	CHECK(connect_unix(path, clock_deadline(30), &clients[2]) ==
	      -ETIMEDOUT);
	CHECK(listen_accept(&w, &peer, LATER, &server) == 0);
	CHECK(peer.family == ADDR_NONE);
	CHECK(connect_peer_id(server, &id) == 0);
	CHECK(id.pid == getpid() && id.uid == getuid() && id.gid == getgid());
	check_flags(clients[0]);
	close(clients[0]);
	close(clients[1]);
	close(server);
	watch_release(&w);
	close(listening);
	unlink(path);
	CHECK(connect_unix(path, LATER, &clients[0]) == -ENOENT);
}

static void not_in_the_way(void *arg)
{
	struct listen_unix_opts o = {path, 0600, (uid_t)-1, (gid_t)-1, 1};
	char too_long[200];
	struct why why;
	int fd = open(path, O_CREAT | O_WRONLY, 0600);

	CHECK(fd >= 0);
	close(fd);
	CHECK(listen_unix(&o, &fd, &why) == -EEXIST);
	CHECK(strstr(why.text, path) != NULL);
	unlink(path);
	memset(too_long, 'x', sizeof(too_long));
	too_long[199] = '\0';
	o.path = too_long;
	CHECK(listen_unix(&o, &fd, NULL) == -ENAMETOOLONG);
	CHECK(connect_unix(too_long, LATER, &fd) == -ENAMETOOLONG);
}

static void test_unix(void **state)
{
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/socket", folder);
	in_fiber(unix_sockets, NULL);
	in_fiber(not_in_the_way, NULL);
	rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tcp),
		cmocka_unit_test(test_tcp6),
		cmocka_unit_test(test_connect_times_out),
		cmocka_unit_test(test_unix),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
