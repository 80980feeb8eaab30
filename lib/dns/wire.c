/* SPDX-License-Identifier: ISC */
/* lib/dns/wire.c — c-ares, driven by fibers.
 *
 * c-ares says which of its sockets it wants watched and for what; every such
 * wish is a `struct wire_socket` with a fiber that waits and tells c-ares.
 * c-ares closes its sockets when it likes, so the fiber watches a duplicate,
 * which it closes itself when its wish is gone.  One more fiber, the driver,
 * runs while questions are under way and lets c-ares look at the time. */
#include <ares.h>
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/byteset.h"
#include "base/why.h"
#include "dns/answer.h"
#include "dns/inside.h"
#include "rt/loop.h"
#include "rt/watch.h"

enum {
	SERVERS_MAX = 16,
	DRIVER_STEP = 500, /* ms: at least so often the clock is looked at */
	ALIASES_ASKED = 8,
	EDNS_SIZE = 1232,
	LOOK_EVERY = 2000, /* ms: at resolv.conf */
};

static const char resolv_conf[] = "/etc/resolv.conf";

struct wire {
	ares_channel channel;
	struct list sockets; /* of struct wire_socket */
	unsigned under_way;
	struct fiber *driver;
	int timeout_ms;
	int tries;
	struct ares_addr_port_node servers[SERVERS_MAX];
	size_t server_count; /* 0: those of resolv.conf */
	struct timespec conf_changed;
	int64_t look_next;
};

struct wire_socket {
	struct list node;
	struct wire *wire;
	ares_socket_t fd;   /* c-ares's own */
	struct watch watch; /* of the duplicate */
	int events;
	bool gone; /* and wire may be gone too */
	struct fiber *fiber;
};

/* ---- sockets ------------------------------------------------------------- */

static void socket_fiber(void *arg)
{
	struct wire_socket *s = arg;

	while (!s->gone) {
		int error = watch_wait(&s->watch, s->events, DEADLINE_NEVER);

		if (s->gone)
			break;
		if (error != 0) {
			list_remove(&s->node);
			break;
		}
		ares_process_fd(
			s->wire->channel,
			(s->events & FD_READ) != 0 ? s->fd : ARES_SOCKET_BAD,
			(s->events & FD_WRITE) != 0 ? s->fd : ARES_SOCKET_BAD);
	}
	watch_release(&s->watch);
	close(s->watch.fd);
	free(s);
}

static void forget_socket(struct wire_socket *s)
{
	list_remove(&s->node);
	s->gone = true;
	fiber_cancel(s->fiber);
}

/* Without memory nobody watches, and the question times out. */
static void watch_socket(struct wire *w, ares_socket_t fd, int events)
{
	struct wire_socket *s = calloc(1, sizeof(*s));
	int copy = s == NULL ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 3);

	if (copy >= 0) {
		s->wire = w;
		s->fd = fd;
		s->events = events;
		list_init(&s->node);
		watch_init(&s->watch, copy);
		s->fiber = fiber_spawn(socket_fiber, s);
		if (s->fiber != NULL) {
			list_append(&w->sockets, &s->node);
			return;
		}
		close(copy);
	}
	free(s);
}

/* What c-ares calls when its wish for a socket changes. */
static void on_wish(void *data, ares_socket_t fd, int readable, int writable)
{
	struct wire *w = data;
	int events = (readable ? FD_READ : 0) | (writable ? FD_WRITE : 0);

	LIST_EACH(n, &w->sockets)
	{
		struct wire_socket *s =
			CONTAINER_OF(n, struct wire_socket, node);

		if (s->fd != fd)
			continue;
		if (s->events == events)
			return;
		forget_socket(s);
		break;
	}
	if (events != 0)
		watch_socket(w, fd, events);
}

/* ---- time ---------------------------------------------------------------- */

static void driver_fiber(void *arg)
{
	struct wire *w = arg;

	while (w->under_way > 0) {
		struct timeval most = {.tv_usec = DRIVER_STEP * 1000};
		struct timeval room;
		const struct timeval *next =
			ares_timeout(w->channel, &most, &room);

		if (fiber_sleep(clock_deadline((int64_t)next->tv_sec * 1000 +
					       next->tv_usec / 1000 + 1)) != 0)
			return; /* and w is no more */
		ares_process_fd(w->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
	}
	w->driver = NULL;
}

/* ---- the channel --------------------------------------------------------- */

static int open_channel(struct wire *w, ares_channel *out, struct why *why)
{
	struct ares_options o = {
		.flags = ARES_FLAG_EDNS,
		.ednspsz = EDNS_SIZE,
		.timeout = w->timeout_ms,
		.tries = w->tries,
		.sock_state_cb = on_wish,
		.sock_state_cb_data = w,
	};
	int mask = ARES_OPT_FLAGS | ARES_OPT_EDNSPSZ | ARES_OPT_SOCK_STATE_CB;
	int status;

	if (w->timeout_ms > 0)
		mask |= ARES_OPT_TIMEOUTMS;
	if (w->tries > 0)
		mask |= ARES_OPT_TRIES;
	status = ares_init_options(out, &o, mask);
	if (status == ARES_SUCCESS && w->server_count > 0) {
		status = ares_set_servers_ports(*out, w->servers);
		if (status != ARES_SUCCESS)
			ares_destroy(*out);
	}
	if (status == ARES_SUCCESS)
		return 0;
	*out = NULL;
	return why_fail(why, status == ARES_ENOMEM ? -ENOMEM : -EIO,
			"resolver: %s", ares_strerror(status));
}

/* Begin anew when resolv.conf has changed and nothing is under way. */
static void look_at_conf(struct wire *w)
{
	struct stat st;
	ares_channel fresh;
	int64_t now = clock_now();

	if (w->server_count > 0 || w->under_way > 0 || now < w->look_next)
		return;
	w->look_next = now + LOOK_EVERY;
	if (stat(resolv_conf, &st) != 0 ||
	    (st.st_mtim.tv_sec == w->conf_changed.tv_sec &&
	     st.st_mtim.tv_nsec == w->conf_changed.tv_nsec))
		return;
	w->conf_changed = st.st_mtim;
	if (open_channel(w, &fresh, NULL) != 0)
		return;
	ares_destroy(w->channel);
	w->channel = fresh;
}

/* ---- servers ------------------------------------------------------------- */

/* Take "192.0.2.1:5353", "[2001:db8::1]:5353" and the like apart.
 * Fills: *port with 0 when there is none. */
static bool cut_port(struct str word, struct str *address, int *port)
{
	struct str digits = STR("");
	uint64_t value = 0;

	*address = word;
	if (str_eat(&word, STR("["))) {
		if (!str_cut(word, ']', address, &digits))
			return false;
		if (digits.n > 0 && !str_eat(&digits, STR(":")))
			return false;
	} else if (str_find_byte(word, ':') == str_find_last_byte(word, ':')) {
		(void)str_cut(word, ':', address, &digits);
	}
	if (digits.n > 0 && !str_to_u64(digits, 65535, &value))
		return false;
	*port = (int)value;
	return true;
}

static bool add_server(struct wire *w, struct str word)
{
	struct ares_addr_port_node *to = &w->servers[w->server_count];
	struct str address;
	char text[INET6_ADDRSTRLEN];
	int port;

	if (!cut_port(word, &address, &port) ||
	    !str_to_c(address, text, sizeof(text)))
		return false;
	to->udp_port = port;
	to->tcp_port = port;
	to->family = AF_INET;
	if (inet_pton(AF_INET, text, &to->addr.addr4) != 1) {
		to->family = AF_INET6;
		if (inet_pton(AF_INET6, text, &to->addr.addr6) != 1)
			return false;
	}
	if (w->server_count > 0)
		w->servers[w->server_count - 1].next = to;
	w->server_count++;
	return true;
}

static int take_servers(struct wire *w, struct str list, struct why *why)
{
	struct str word;

	while (str_next_word(&list, &byteset_separator, &word)) {
		if (w->server_count == SERVERS_MAX)
			return why_fail(why, -EINVAL,
					"resolver: more than %d servers",
					SERVERS_MAX);
		if (!add_server(w, word))
			return why_fail(why, -EINVAL,
					"resolver: not an address: " STR_FMT,
					STR_ARG(word));
	}
	return 0;
}

/* ---- life ---------------------------------------------------------------- */

int wire_open(const struct dns_opts *opts, struct wire **out, struct why *why)
{
	struct wire *w = calloc(1, sizeof(*w));
	struct stat st;
	int error;

	if (w == NULL)
		return why_fail(why, -ENOMEM, "out of memory");
	list_init(&w->sockets);
	w->timeout_ms =
		opts->timeout_ms > INT_MAX ? INT_MAX : (int)opts->timeout_ms;
	w->tries = opts->tries > 100 ? 100 : (int)opts->tries;
	/* c-ares would take four, 75 seconds, where glibc takes two. */
	if (w->tries == 0 && opts->servers.n > 0)
		w->tries = 2;
	error = take_servers(w, opts->servers, why);
	if (error == 0 && ares_library_init(ARES_LIB_INIT_ALL) != 0)
		error = why_fail(why, -ENOMEM, "resolver: out of memory");
	if (error == 0) {
		if (stat(resolv_conf, &st) == 0)
			w->conf_changed = st.st_mtim;
		error = open_channel(w, &w->channel, why);
		if (error != 0)
			ares_library_cleanup();
	}
	if (error != 0) {
		free(w);
		return error;
	}
	*out = w;
	return 0;
}

void wire_close(struct wire *w)
{
	if (w == NULL)
		return;
	ares_destroy(w->channel);
	LIST_EACH(n, &w->sockets)
	forget_socket(CONTAINER_OF(n, struct wire_socket, node));
	if (w->driver != NULL)
		fiber_cancel(w->driver);
	ares_library_cleanup();
	free(w);
}

/* ---- questions ----------------------------------------------------------- */

static void settle_failure(struct dns_entry *e, int status)
{
	switch (status) {
	case ARES_EBADNAME:
		entry_settle(e, DNS_NXDOMAIN, "Host not found", 0);
		break;
	case ARES_EBADRESP:
	case ARES_EFORMERR:
		entry_settle(e, DNS_LATER,
			     "Malformed or unexpected name server reply", 0);
		break;
	default: /* SERVFAIL, REFUSED, time-out, no server, no memory … */
		entry_settle(e, DNS_LATER, "Host not found, try again", 0);
		break;
	}
}

/* Returns: whether `e` was asked again, for the name that an alias led to. */
static bool follow(struct wire *w, struct dns_entry *e, const struct answer *a)
{
	if (a->absent_ttl > 0 || str_eq_nocase(a->name, e->asking) ||
	    e->aliases >= ALIASES_ASKED || !dns_name_is_askable(a->name))
		return false;
	e->aliases++;
	e->asking = a->name;
	wire_ask(w, e);
	return true;
}

static void settle_from(struct wire *w, struct dns_entry *e, int status,
			struct str message)
{
	struct answer a;
	int error = answer_read(message, e->type, e->asking, e->arena, &a);

	if (error == -ENOMEM) {
		entry_settle(e, DNS_LATER, "out of memory", 0);
	} else if (error != 0) {
		settle_failure(e, ARES_EBADRESP);
	} else if (status == ARES_ENOTFOUND) {
		entry_settle(e, DNS_NXDOMAIN, "Host not found", a.absent_ttl);
	} else if (a.count > 0) {
		e->records = a.records;
		e->count = a.count;
		entry_settle_found(e, a.ttl);
	} else if (a.unusable > 0) {
		settle_failure(e, ARES_EBADRESP);
	} else if (!follow(w, e, &a)) {
		if (e->aliases >= ALIASES_ASKED)
			settle_failure(e, ARES_EBADRESP);
		else
			entry_settle(e, DNS_NODATA,
				     "Host found but no data record of "
				     "requested type",
				     a.absent_ttl);
	}
}

/* What c-ares calls with the end of a question. */
static void on_reply(void *arg, int status, int timeouts, unsigned char *bytes,
		     int length)
{
	struct dns_entry *e = arg;
	struct wire *w = e->wire;

	(void)timeouts;
	w->under_way--;
	e->wire = NULL;
	if (bytes != NULL && length > 0 &&
	    (status == ARES_SUCCESS || status == ARES_ENODATA ||
	     status == ARES_ENOTFOUND))
		settle_from(w, e, status, str_of(bytes, (size_t)length));
	else
		settle_failure(e, status);
	entry_drop(e);
}

void wire_ask(struct wire *w, struct dns_entry *e)
{
	char name[DNS_NAME_MAX];

	if (!str_to_c(e->asking, name, sizeof(name))) {
		settle_failure(e, ARES_EBADNAME);
		return;
	}
	look_at_conf(w);
	e->wire = w;
	w->under_way++;
	ares_query(w->channel, name, 1, (int)e->type, on_reply, entry_hold(e));
	if (w->under_way > 0 && w->driver == NULL)
		w->driver = fiber_spawn(driver_fiber, w);
}
