/* SPDX-License-Identifier: ISC */
/* lib/rewrite/intake.h — a message on its way in: completed, mapped, put into
 * the queue, handed to qmgr (what Postfix's cleanup does).
 *
 * The writers are smtpd, pickup, and qmgr for its own notices:
 *
 *	intake_begin → intake_sender, intake_recipient … → intake_data …
 *		     → intake_end  (or intake_abandon at any point)
 *
 * intake_end() returning 0 means that the message is on stable storage: 250
 * may be said.  The log line with the message id is written here, under the
 * role "cleanup".
 *
 * Addresses are internal form (mail/address.h).  Content is in wire form, CRLF
 * line ends, dot-unstuffed, in pieces of any size; header completion wants the
 * whole lines that it puts together itself.
 */
#ifndef REWRITE_INTAKE_H
#define REWRITE_INTAKE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/cc.h"
#include "base/str.h"

struct conf;
struct conf_common;
struct handover;
struct intake;
struct intake_site;
struct queue;
struct why;

/* ---- once per process ---------------------------------------------------- */

/* Open the tables that messages and addresses are changed by.
 * Gives:   *out.
 * Borrows: conf, common, queue and handover, until closed.  handover may be
 *          NULL: nobody is told (qmgr finds its own messages itself).
 * Returns: 0 or -errno with words. */
MUST_USE int intake_site_open(const struct conf *conf,
			      const struct conf_common *common,
			      struct queue *queue, struct handover *handover,
			      struct intake_site **out, struct why *why);
void intake_site_close(struct intake_site *site);
DEFINE_CLEANUP(struct intake_site *, intake_site_close)

/* ---- one message --------------------------------------------------------- */

enum intake_flag {
	INTAKE_LOCAL = 1 << 0,	     /* complete header and addresses in it:
					mail that begins its way here */
	INTAKE_NO_MAPPINGS = 1 << 1, /* receive_override_options:
					no_address_mappings */
	INTAKE_NO_RECEIVED = 1 << 2, /* put no Received: in front */
	INTAKE_8BITMIME = 1 << 3,
	INTAKE_SMTPUTF8 = 1 << 4,
	INTAKE_BOUNCE = 1 << 5,	       /* a notice of ours … */
	INTAKE_DOUBLE_BOUNCE = 1 << 6, /* … about a notice */
};

/* Where a message comes from.  Everything is copied by intake_begin(). */
struct intake_origin {
	unsigned flags; /* enum intake_flag */

	/* Attributes for the queue; empty ones are left out. */
	struct str client_name;
	struct str client_address;
	struct str client_port;
	struct str client_helo;
	struct str client_protocol; /* "ESMTPSA" */
	struct str sasl_method;
	struct str sasl_username;
	struct str sasl_sender;
	struct str log_ident;
	struct str filter; /* content_filter: "transport:next-hop" */

	/* For Received:.  `from` is what follows "from ": "HELO (name
	 * [address])"; empty for local mail.  `comments` are whole lines that
	 * follow it, each "\t(…)\r\n".  `by_comment` follows "by HOST (NAME":
	 * ", from userid 1000"; `with` is "ESMTP"…, empty for local mail. */
	struct str received_from;
	struct str received_comments;
	struct str received_by_comment;
	struct str received_with;

	/* Full name for a missing From: line. */
	struct str full_name;

	uint64_t size_limit; /* bytes of content; 0: none */
};

struct intake_result {
	uint64_t size;	  /* of the content in the queue, with what we added */
	unsigned code;	  /* when intake_end() fails: the reply, 452 … */
	const char *dsn;  /* "4.3.1" */
	const char *text; /* "Error: insufficient system storage" */
};

/* Begin.  Gives: *out.  Returns: 0 or -ENOMEM. */
MUST_USE int intake_begin(struct intake_site *site,
			  const struct intake_origin *origin,
			  struct intake **out);

/* Its queue id, valid as long as the intake. */
struct str intake_id(const struct intake *in);

/* The envelope sender, empty for the null sender.  `ret` is an enum
 * envelope_return, `envid` decoded.  Returns: 0 or -ENOMEM (sticky, as every
 * error here: intake_end() fails too). */
int intake_sender(struct intake *in, struct str address, uint32_t ret,
		  struct str envid);

/* One recipient.  `original` is the address before any rewriting, for the log
 * (empty: the same); `orcpt` decoded; `notify` an or of enum
 * recipient_notify. */
int intake_recipient(struct intake *in, struct str address, struct str original,
		     struct str orcpt, uint32_t notify);

/* How many recipients there are. */
size_t intake_recipient_count(const struct intake *in);

/* Facts that a restriction decided on, in force for the whole message. */
void intake_hold(struct intake *in);
int intake_filter(struct intake *in, struct str transport_nexthop);
int intake_redirect(struct intake *in, struct str address);

/* A header line, without its line end, to stand before everything else.  Only
 * before the first intake_data(). */
int intake_prepend(struct intake *in, struct str header);

/* Content.  Returns: 0, or a -errno that intake_end() will repeat; smtpd goes
 * on reading and lets intake_end() say it. */
int intake_data(struct intake *in, struct str bytes);

/* Finish: apply the tables to the recipients, commit, hand over, log.
 * Takes:   in, in every case.
 * Fills:   *result, in every case.
 * Returns: 0: on stable storage; -errno: nothing of it is in the queue, and
 *          result has the reply. */
MUST_USE int intake_end(struct intake *in, struct intake_result *result);

/* Forget it.  NULL is allowed. */
void intake_abandon(struct intake *in);
DEFINE_CLEANUP(struct intake *, intake_abandon)

#endif
