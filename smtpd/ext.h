/* SPDX-License-Identifier: ISC */
/* smtpd/ext.h — the SMTP extensions: what EHLO lists and which parameters MAIL
 * and RCPT take.
 *
 * An extension is a row of esmtp/ext.def and a file smtpd/ext/<id>.c that
 * defines `const struct smtpd_ext smtpd_ext_<id>`.  The smallest,
 * ext/pipelining.c, is the one to copy. */
#ifndef SMTPD_EXT_H
#define SMTPD_EXT_H

#include <stdbool.h>

#include "base/str.h"

struct buf;
struct session;
struct session_recipient;

enum smtpd_ext_id {
#define SMTP_EXT(id, keyword, spec) EXT_##id,
#include "esmtp/ext.def"
#undef SMTP_EXT
	EXT_COUNT
};

/* What a parameter function says. */
enum ext_param {
	EXT_TAKEN,   /* it was ours, and fine */
	EXT_REFUSED, /* it was ours; an error reply was said */
	EXT_NOT_OURS,
};

struct smtpd_ext {
	/* Whether EHLO lists it now; NULL: always. */
	bool (*is_offered)(struct session *s);

	/* Append what follows the keyword, with a blank in front. */
	void (*put_words)(struct session *s, struct buf *line);

	/* A parameter of MAIL or RCPT, `name` in any letter case.  value.p is
	 * NULL when there was no "=".  NULL: none are ours. */
	enum ext_param (*mail)(struct session *s, struct str name,
			       struct str value);
	enum ext_param (*rcpt)(struct session *s, struct session_recipient *r,
			       struct str name, struct str value);
};

#define SMTP_EXT(id, keyword, spec)                                            \
	extern const struct smtpd_ext smtpd_ext_##id;
#include "esmtp/ext.def"
#undef SMTP_EXT

/* Append the EHLO lines (each begins with LF) of what is offered. */
void ext_put_ehlo(struct session *s, struct buf *text);

/* The parameters behind the address of MAIL or RCPT (r is then not NULL).
 * Returns: 0; -1 when one was refused, and the reply was said. */
MUST_USE int ext_params(struct session *s, struct session_recipient *r,
			struct str params);

/* The extensions not for this client (smtpd_discard_ehlo_keywords and
 * …_address_maps), a bit per smtpd_ext_id. */
uint64_t ext_discarded(struct session *s);

/* Whether `id` is among them. */
bool ext_is_discarded(const struct session *s, enum smtpd_ext_id id);

#endif
