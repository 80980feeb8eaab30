/* SPDX-License-Identifier: ISC */
/* lib/dns/dns.h — questions to the domain name system, asked in fibers.
 *
 * One resolver per process answers any number of fibers at a time; equal
 * questions that are under way at the same time are asked once.  Answers are
 * kept as long as their TTL allows, in bounded memory.  Aliases (CNAME) are
 * followed.  DNS_LATER is never kept.
 *
 * A question has its answer, or two ways of none, or cannot be answered now;
 * the compiler insists on all of them in a switch.  DNS_LATER never means that
 * there is nothing. */
#ifndef DNS_DNS_H
#define DNS_DNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cc.h"
#include "base/str.h"

struct dns;
struct dns_entry;
struct why;

enum dns_answer {
	DNS_FOUND,
	DNS_NXDOMAIN, /* the name does not exist */
	DNS_NODATA,   /* the name exists and has no such record */
	DNS_LATER,    /* no answer in time, SERVFAIL, garbage, … */
};

/* NXDOMAIN and NODATA: certainly nothing there. */
static inline bool dns_is_absent(enum dns_answer a)
{
	return a == DNS_NXDOMAIN || a == DNS_NODATA;
}

enum dns_type {
	DNS_A = 1,
	DNS_PTR = 12,
	DNS_MX = 15,
	DNS_TXT = 16,
	DNS_AAAA = 28,
};

struct dns_record {
	enum dns_type type;
	uint16_t preference; /* MX */
	int family;	     /* A, AAAA: AF_INET, AF_INET6 */
	uint8_t address[16]; /* A: the first 4 */
	struct str
		text; /* A, AAAA: "192.0.2.1", "2001:db8::1"; MX, PTR: the
			 host, without a dot at the end (empty for the root:
			 a null MX); TXT: all its strings joined, any bytes */
};

/* What came of a question.  Release it in every case; all zero is empty. */
struct dns_result {
	enum dns_answer answer;
	const struct dns_record *records; /* MX: by preference, then as the
					     server gave them; addresses: as
					     given, IPv4 and IPv6 apart */
	size_t count;			  /* 0 unless DNS_FOUND */
	struct str reason; /* unless DNS_FOUND, words for the log and bounces:
			      "Host or domain name not found. Name service error
			      for name=a.example type=MX: Host not found" */
	struct dns_entry *entry; /* inside: what the above lives in */
};

void dns_result_release(struct dns_result *r);
#define DNS_RESULT_SCOPED                                                      \
	__attribute__((cleanup(dns_result_release))) struct dns_result

struct dns_opts {
	struct str servers; /* "127.0.0.1:5353, [::1]:5353, 192.0.2.1"; empty:
			       those of resolv.conf */
	bool hosts_file;    /* answer address questions from /etc/hosts first;
			       read at dns_open() and when it has changed */
	int64_t timeout_ms; /* of one try with one server; 0: resolv.conf's, or
			       5 s */
	unsigned tries;	    /* 0: resolv.conf's; with `servers`, 2 */
	size_t cache_most;  /* answers to keep; 0: 10000 */
};

/* Make a resolver: before chroot.  Does not ask anything yet.
 * Borrows: opts->servers until return.
 * Gives:   *out.  Returns: 0, -ENOMEM, -EINVAL with words in `why`. */
MUST_USE int dns_open(const struct dns_opts *opts, struct dns **out,
		      struct why *why);

/* Give up what is under way (its fibers see DNS_LATER) and free.  NULL is
 * allowed. */
void dns_close(struct dns *d);
DEFINE_CLEANUP(struct dns *, dns_close)

/* Ask for the records of `type` at `name` (a dot at the end is dropped, names
 * that cannot be asked are DNS_NXDOMAIN).  No search domains.
 * Fills:   *out, to be released with dns_result_release() in every case.
 * Returns: out->answer.
 * Blocks:  the fiber, until the answer or `deadline`; a canceled fiber gets
 *          DNS_LATER. */
MUST_USE enum dns_answer dns_ask(struct dns *d, enum dns_type type,
				 struct str name, int64_t deadline,
				 struct dns_result *out);

/* The mail exchangers of `name`. */
MUST_USE enum dns_answer dns_mx(struct dns *d, struct str name,
				int64_t deadline, struct dns_result *out);

/* Whether an answer to dns_mx() says "no mail here" (RFC 7505). */
bool dns_is_null_mx(const struct dns_result *mx);

/* The addresses of `name`: AF_INET, AF_INET6, or AF_UNSPEC for both, which are
 * asked at the same time, IPv6 first in the result.  With AF_UNSPEC the answer
 * is FOUND when either is; LATER when neither is and either is LATER. */
MUST_USE enum dns_answer dns_addresses(struct dns *d, struct str name,
				       int family, int64_t deadline,
				       struct dns_result *out);

/* The names of the address `text` ("192.0.2.1", "2001:db8::1"). */
MUST_USE enum dns_answer dns_ptr(struct dns *d, struct str text,
				 int64_t deadline, struct dns_result *out);

MUST_USE enum dns_answer dns_txt(struct dns *d, struct str name,
				 int64_t deadline, struct dns_result *out);

#endif
