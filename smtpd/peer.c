/* SPDX-License-Identifier: ISC */
/* smtpd/peer.c — who the client is.
 *
 * The name is the one that its address points at, if that name leads back to
 * the address; otherwise "unknown".  A DNS that does not answer gives
 * "unknown" too, and is remembered as such (PEER_NAME_LATER). */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/log.h"
#include "dns/dns.h"
#include "mail/domain.h"
#include "rt/stream.h"
#include "smtpd/connection.h"
#include "smtpd/params.h"

#define PEER_DNS_MS 30000

/* Append the address in `ss` as text; a v4-mapped one as IPv4. */
static void put_address(struct buf *b, const struct sockaddr_storage *ss,
			uint16_t *port)
{
	char text[INET6_ADDRSTRLEN] = "";

	buf_reset(b);
	*port = 0;
	if (ss->ss_family == AF_INET) {
		const struct sockaddr_in *in = (const void *)ss;

		inet_ntop(AF_INET, &in->sin_addr, text, sizeof(text));
		*port = ntohs(in->sin_port);
	} else if (ss->ss_family == AF_INET6) {
		const struct sockaddr_in6 *in = (const void *)ss;

		if (IN6_IS_ADDR_V4MAPPED(&in->sin6_addr))
			inet_ntop(AF_INET, in->sin6_addr.s6_addr + 12, text,
				  sizeof(text));
		else
			inet_ntop(AF_INET6, &in->sin6_addr, text, sizeof(text));
		*port = ntohs(in->sin6_port);
	} else { /* a Unix socket */
		buf_put(b, STR("127.0.0.1"));
		return;
	}
	buf_put(b, str_of_c(text));
}

static int learn_addresses(struct connection *c)
{
	struct sockaddr_storage ss = {.ss_family = AF_UNSPEC};
	socklen_t n = sizeof(ss);
	int fd = stream_fd(c->stream);

	if (getpeername(fd, (struct sockaddr *)&ss, &n) < 0)
		return -errno;
	put_address(&c->address, &ss, &c->peer.port);
	n = sizeof(ss);
	if (getsockname(fd, (struct sockaddr *)&ss, &n) < 0)
		return -errno;
	put_address(&c->server_address, &ss, &c->server_port);
	c->peer.address = buf_str(&c->address);
	return c->address.failed ? -ENOMEM : 0;
}

static bool result_has(const struct dns_result *r, struct str address)
{
	for (size_t i = 0; i < r->count; i++) {
		if (str_eq(r->records[i].text, address))
			return true;
	}
	return false;
}

/* Does the name lead back? */
static void verify_name(struct connection *c)
{
	struct session_peer *p = &c->peer;
	bool v6 = str_find_byte(p->address, ':') != SIZE_MAX;
	DNS_RESULT_SCOPED r = {.count = 0};
	enum dns_answer answer;

	answer = dns_addresses(c->worker->dns, p->reverse_name,
			       v6 ? AF_INET6 : AF_INET,
			       clock_deadline(PEER_DNS_MS), &r);
	if (answer == DNS_FOUND && result_has(&r, p->address)) {
		p->name = p->reverse_name;
		p->name_status = PEER_NAME_VERIFIED;
		return;
	}
	if (answer == DNS_LATER)
		p->name_status = PEER_NAME_LATER;
	log_warning("hostname " STR_FMT " does not resolve to address " STR_FMT
		    "%s" STR_FMT,
		    STR_ARG(p->reverse_name), STR_ARG(p->address),
		    answer == DNS_FOUND ? "" : ": ",
		    STR_ARG(answer == DNS_FOUND ? STR("") : r.reason));
}

int peer_learn(struct connection *c)
{
	struct session_peer *p = &c->peer;
	DNS_RESULT_SCOPED r = {.count = 0};
	int rc = learn_addresses(c);

	p->name = p->reverse_name = STR("unknown");
	p->name_status = p->reverse_status = PEER_NAME_ABSENT;
	if (rc != 0 || !c->worker->params->smtpd_peername_lookup)
		return rc;
	switch (dns_ptr(c->worker->dns, p->address, clock_deadline(PEER_DNS_MS),
			&r)) {
	case DNS_LATER:
		p->name_status = p->reverse_status = PEER_NAME_LATER;
		return 0;
	case DNS_NXDOMAIN:
	case DNS_NODATA:
		return 0;
	case DNS_FOUND:
		break;
	}
	if (r.count == 0 || !domain_is_hostname(r.records[0].text)) {
		if (r.count > 0)
			log_warning("malformed hostname: " STR_FMT,
				    STR_ARG(r.records[0].text));
		return 0;
	}
	if (!buf_put(&c->reverse_name, r.records[0].text))
		return 0;
	p->reverse_name = buf_str(&c->reverse_name);
	p->reverse_status = PEER_NAME_VERIFIED;
	verify_name(c);
	return 0;
}
