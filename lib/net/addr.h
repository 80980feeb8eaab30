/* SPDX-License-Identifier: ISC */
/* lib/net/addr.h — an IPv4 or IPv6 address with a port: a value, to be copied.
 *
 * An IPv4 address that arrives inside IPv6 (::ffff:192.0.2.1) is IPv4 here.
 * Names are never looked up: that is lib/dns. */
#ifndef NET_ADDR_H
#define NET_ADDR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

struct buf;
struct sockaddr;
struct sockaddr_storage;

enum addr_family {
	ADDR_NONE, /* no address; an all-zero struct addr */
	ADDR_IPV4,
	ADDR_IPV6,
};

struct addr {
	enum addr_family family;
	uint8_t ip[16]; /* network order; IPv4 uses the first four */
	uint16_t port;	/* host order; 0: none */
	uint32_t scope; /* interface of a link-local IPv6 address */
};

/* An address as text. */
#define ADDR_TEXT_MAX 64
struct addr_text {
	char z[ADDR_TEXT_MAX]; /* a C string */
};

/* ---- text ---------------------------------------------------------------- */

/* Read `text`, all of it: "192.0.2.1", "2001:db8::1" or, in brackets, either.
 * Fills:   *out, port 0, only on success. */
MUST_USE bool addr_parse(struct str text, struct addr *out);

/* The same with a port: "192.0.2.1:25", "[2001:db8::1]:25"; without one it is
 * `default_port`. */
MUST_USE bool addr_parse_port(struct str text, uint16_t default_port,
			      struct addr *out);

/* Read the inside of an SMTP address literal, without the brackets:
 * "192.0.2.1", "IPv6:2001:db8::1" (RFC 5321 section 4.1.3). */
MUST_USE bool addr_parse_literal(struct str text, struct addr *out);

/* The address without port and brackets; "unknown" for ADDR_NONE. */
struct addr_text addr_text(const struct addr *a);

/* With its port: "192.0.2.1:25", "[2001:db8::1]:25". */
struct addr_text addr_text_port(const struct addr *a);

/* Append the labels that reverse and block lists are asked with, without a dot
 * at the end: "1.2.0.192", or 32 nibbles.  The zone comes after it.
 * Returns false when `b` is full or `a` is ADDR_NONE. */
bool addr_put_reversed(const struct addr *a, struct buf *b);

/* ---- the system's form --------------------------------------------------- */

/* Returns: the family is neither IPv4 nor IPv6: ADDR_NONE. */
struct addr addr_of_sockaddr(const struct sockaddr *sa);

/* Fills:   *out.
 * Returns: its length; 0 for ADDR_NONE. */
unsigned addr_to_sockaddr(const struct addr *a, struct sockaddr_storage *out);

/* Who is at the other end, and at this end, of a connected socket.
 * Returns: 0 or -errno; a Unix socket gives ADDR_NONE and 0. */
MUST_USE int addr_of_peer(int fd, struct addr *out);
MUST_USE int addr_of_here(int fd, struct addr *out);

/* ---- looking ------------------------------------------------------------- */

/* Whether it is the same host; ports do not count. */
bool addr_eq(const struct addr *a, const struct addr *b);

/* 127.0.0.0/8 or ::1. */
bool addr_is_loopback(const struct addr *a);

/* 32 or 128; 0 for ADDR_NONE. */
unsigned addr_bits(const struct addr *a);

#endif
