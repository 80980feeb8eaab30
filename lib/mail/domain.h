/* SPDX-License-Identifier: ISC */
/* lib/mail/domain.h — host names, domain names, and addresses written as text.
 *
 * No name is looked up here. */
#ifndef MAIL_DOMAIN_H
#define MAIL_DOMAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

struct buf;

#define DOMAIN_MAX ((size_t)255)
#define DOMAIN_LABEL_MAX ((size_t)63)

struct ip {
	uint8_t bytes[16]; /* network order */
	size_t n;	   /* 4, 16, or 0 for none */
};

/* Whether `name` is a host name: labels of letters, digits, "_" and inner
 * "-", at most 63 bytes each and 255 together, no dot at the end, and not
 * digits and dots only. */
bool domain_is_hostname(struct str name);

/* Whether `name` may follow "@": a host name, with `utf8` also one in UTF-8
 * that IDNA can express, or an address literal. */
bool domain_is_valid(struct str name, bool utf8);

/* Whether `name` is a host name with at least two labels. */
bool domain_is_fqdn(struct str name);

/* Read `text` ("192.0.2.1", "2001:db8::1", no brackets, no scope).
 * Fills:   *ip, only on success.  NULL is allowed.
 * Returns: whether it is an address. */
bool ip_parse(struct str text, struct ip *ip);

/* Read an address literal: "[192.0.2.1]", "[IPv6:2001:db8::1]".  The prefix
 * may be missing when `lenient`. */
bool domain_literal_parse(struct str text, bool lenient, struct ip *ip);

/* Append `ip` as text, without brackets. */
bool ip_put(struct buf *b, const struct ip *ip);

/* What follows the first dot of `name`, empty when there is none:
 * for (d = domain; d.n > 0; d = domain_parent(d)) … */
struct str domain_parent(struct str name);

/* Whether `name` is `domain` or, with `below`, a name beneath it. Letter case
 * does not matter. */
bool domain_matches(struct str name, struct str domain, bool below);

/* Append `name` as DNS wants it: UTF-8 labels as "xn--…", A-Z in lower case.
 * Returns: 0, -EINVAL when IDNA cannot express it, -ENOMEM. */
MUST_USE int domain_to_ascii(struct buf *b, struct str name);

/* Append `name` for people: "xn--…" labels in UTF-8.  A label that is none
 * stays as it is.  Returns 0, -EINVAL or -ENOMEM. */
MUST_USE int domain_to_utf8(struct buf *b, struct str name);

#endif
