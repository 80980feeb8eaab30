/* SPDX-License-Identifier: ISC */
/* Asking another delivery agent: see local/pass.h. */
#include "local/pass.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/byteset.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/why.h"
#include "ipc/channel.h"
#include "local/params.h"
#include "rt/loop.h"
#include "table/maps.h"

#define CONNECT_MS 10000
#define HOSTS_MOST 16
#define LMTP_PORT 24

void pass_split(struct str text, struct str *transport, struct str *nexthop)
{
	(void)str_cut(str_trim(text, &byteset_space), ':', transport, nexthop);
}

bool pass_parse_host(struct str nexthop, struct str *host, uint16_t *port)
{
	uint64_t number = LMTP_PORT;
	size_t end;

	if (str_begins(nexthop, STR("inet:")))
		nexthop = str_after(nexthop, 5);
	if (str_begins(nexthop, STR("["))) {
		end = str_find_byte(nexthop, ']');
		if (end == SIZE_MAX)
			return false;
		*host = str_of(nexthop.p + 1, end - 1);
		nexthop = str_after(nexthop, end + 1);
	} else {
		end = str_find_byte(nexthop, ':');
		*host = str_first(nexthop, end);
		nexthop = end == SIZE_MAX ? STR("") : str_after(nexthop, end);
	}
	if (str_eat(&nexthop, STR(":")) &&
	    !str_to_u64(nexthop, UINT16_MAX, &number))
		return false;
	*port = (uint16_t)number;
	return host->n > 0;
}

/* ---- hosts: what qmgr would have found out ------------------------------- */

struct resolve {
	char host[256];
	struct delivery_host *hosts;
	size_t count;
	uint16_t port;
	struct str name;
	struct arena *arena;
};

/* For offload().  Returns: 0, or -EAGAIN. */
static int resolve(void *arg)
{
	struct resolve *r = arg;
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
				       .ai_family = AF_UNSPEC};
	struct addrinfo *list = NULL;

	if (getaddrinfo(r->host, NULL, &hints, &list) != 0)
		return -EAGAIN;
	for (const struct addrinfo *i = list;
	     i != NULL && r->count < HOSTS_MOST; i = i->ai_next) {
		char text[128];

		if (getnameinfo(i->ai_addr, i->ai_addrlen, text, sizeof(text),
				NULL, 0, NI_NUMERICHOST) != 0)
			continue;
		r->hosts[r->count++] = (struct delivery_host){
			.name = r->name,
			.address = arena_str(r->arena, str_of_c(text)),
			.port = r->port,
		};
	}
	freeaddrinfo(list);
	return r->count > 0 ? 0 : -EAGAIN;
}

/* Agents that connect get the hosts ready.  Returns 0 or -errno. */
static int add_hosts(struct delivery *d, struct delivery_request *r)
{
	struct resolve look = {.arena = d->arena};

	r->hosts = arena_array(d->arena, HOSTS_MOST, sizeof(*r->hosts));
	r->host_count = 0;
	if (r->hosts == NULL)
		return -ENOMEM;
	if (str_begins(r->nexthop, STR("unix:"))) {
		r->hosts[0] = (struct delivery_host){.name = r->nexthop,
						     .address = STR("")};
		r->host_count = 1;
		return 0;
	}
	if (!pass_parse_host(r->nexthop, &look.name, &look.port) ||
	    !str_to_c(look.name, look.host, sizeof(look.host)))
		return 0; /* not one that connects */
	look.hosts = r->hosts;
	if (offload(resolve, &look) != 0)
		return -EAGAIN;
	r->host_count = look.count;
	return 0;
}

/* ---- the conversation ---------------------------------------------------- */

static int send_request(struct channel *ch, const struct delivery_request *r,
			int64_t deadline)
{
	BUF_SCOPED frame = BUF_INIT((size_t)1 << 20);
	int error = delivery_request_encode(&frame, r);
	int fd;

	if (error != 0)
		return error;
	fd = fcntl(r->fd, F_DUPFD_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	return channel_send(ch, &frame, &fd, 1, deadline);
}

/* Returns: 0 when there was an outcome. */
static int receive_answer(struct delivery *d, struct channel *ch,
			  int64_t deadline)
{
	struct outcome o = {.action = OUTCOME_DEFERRED};
	bool answered = false;
	int error = 0;

	while (error == 0) {
		uint64_t number;
		struct msg m;

		error = channel_receive(ch, &m, deadline);
		if (error != 0)
			break;
		if (m.type == MSG_OUTCOME) {
			error = delivery_outcome_decode(&m, d->arena, &number,
							&o);
			answered = error == 0;
		}
		error = error == 0 && m.type == MSG_DONE ? STREAM_END : error;
		msg_drop(&m);
	}
	/* Replacements have no way through us. */
	if (!answered || o.action == OUTCOME_REPLACED)
		return error < 0 ? error : -EPROTO;
	o.recipient = d->recipient->number;
	d->outcome = o;
	d->logged = true;
	return 0;
}

static int talk(struct delivery *d, const char *path,
		const struct delivery_request *r, struct why *why)
{
	int64_t deadline = clock_deadline(d->agent->common->ipc_timeout);
	CLEANUP(channel_close) struct channel *ch = NULL;
	int error = channel_connect(path, clock_deadline(CONNECT_MS), &ch, why);

	if (error != 0)
		return error;
	error = send_request(ch, r, deadline);
	if (error == 0)
		error = receive_answer(d, ch, deadline);
	if (error != 0)
		return why_fail(why, error, "%s: no answer", path);
	return 0;
}

static void pass(struct delivery *d, struct str text)
{
	struct delivery_request r = *d->request;
	struct recipient one = *d->recipient;
	struct why why = {.text = ""};
	char path[256];
	BUF_SCOPED name = BUF_INIT(sizeof(path) - 1);
	int error;

	pass_split(text, &r.transport, &r.nexthop);
	buf_put(&name, STR("private/"));
	buf_put(&name, r.transport);
	if (name.failed || str_find_byte(r.transport, '/') != SIZE_MAX ||
	    !str_to_c(buf_str(&name), path, sizeof(path))) {
		delivery_say(d, OUTCOME_DEFERRED, STR("4.3.5"),
			     "bad transport name");
		return;
	}
	r.number = 1;
	r.sender = d->sender;
	r.recipients = &one;
	r.recipient_count = 1;
	if (r.nexthop.n == 0)
		r.nexthop = d->agent->common->myhostname;
	error = add_hosts(d, &r);
	if (error == 0)
		error = talk(d, path, &r, &why);
	if (error != 0)
		delivery_say(d, OUTCOME_DEFERRED, STR("4.3.0"),
			     "mail transport unavailable%s%s",
			     why.text[0] != '\0' ? ": " : "", why.text);
}

/* ---- which ones ---------------------------------------------------------- */

static bool choose(struct delivery *d, struct maps *maps, struct str fallback,
		   struct str name)
{
	BUF_SCOPED value = BUF_INIT(4096);
	struct turn turn;

	switch (maps_ask(maps, name, &value)) {
	case TABLE_LATER:
		delivery_say(d, OUTCOME_DEFERRED, STR("4.3.0"),
			     "transport lookup error");
		return true;
	case TABLE_ABSENT:
		buf_reset(&value);
		buf_put(&value, fallback);
		break;
	case TABLE_FOUND:
		break;
	}
	if (value.n == 0)
		return false;
	if (turn_take(&d->agent->turns, d->recipient->address, &turn) == 0) {
		pass(d, buf_str(&value));
		turn_end(&turn);
	}
	return true; /* without a turn: said to be deferred */
}

bool pass_mailbox(struct delivery *d, struct str name)
{
	return choose(d, d->agent->transport_maps,
		      d->agent->params->mailbox_transport, name);
}

bool pass_has_mailbox(const struct agent *a)
{
	return a->params->mailbox_transport.n > 0 ||
	       !maps_is_empty(a->transport_maps);
}

bool pass_fallback(struct delivery *d, struct str name)
{
	return choose(d, d->agent->fallback_maps,
		      d->agent->params->fallback_transport, name);
}
