/* SPDX-License-Identifier: ISC */
/* lib/dns/answer.h — reading a name server's message (RFC 1035 section 4).
 *
 * Inside lib/dns.  Bytes in, records out; nothing in a message is trusted:
 * every length is checked, compression only points backwards, and what cannot
 * be used is passed over and counted. */
#ifndef DNS_ANSWER_H
#define DNS_ANSWER_H

#include "dns/dns.h"

struct arena;

#define DNS_NAME_MAX 254     /* text of a name, with a NUL */
#define DNS_RECORDS_MAX 1000 /* of one answer; more are passed over */

struct answer {
	struct dns_record *records;
	size_t count;
	size_t unusable;     /* records of the right type that make no sense */
	struct str name;     /* where the aliases led; the name itself if none
				did */
	uint32_t ttl;	     /* seconds: of the records and aliases */
	uint32_t absent_ttl; /* seconds: for "there is none" (RFC 2308); 0: not
				said */
};

/* Read the records of `type` that `message` has for `name`.
 * Fills:   *out, in `a`.
 * Returns: 0, also when there are none; -EBADMSG; -ENOMEM. */
MUST_USE int answer_read(struct str message, enum dns_type type,
			 struct str name, struct arena *a, struct answer *out);

/* Whether `name` can be asked for: labels of 1 to 63 printable bytes, at most
 * 253 in all, without a dot at the end. */
bool dns_name_is_askable(struct str name);

#endif
