/* SPDX-License-Identifier: ISC */
/* smtpd/state.h — the inside of a session, for the files of the engine.
 *
 * Two lifetimes, two structs: what the connection knows, and what one message
 * knows.  The second is freed whole. */
#ifndef SMTPD_STATE_H
#define SMTPD_STATE_H

#include "base/arena.h"
#include "base/buf.h"
#include "conf/param.h"
#include "esmtp/data.h"
#include "esmtp/line.h"
#include "smtpd/server.h"
#include "smtpd/session.h"

/* Kept of texts that clients send us. */
#define HELO_KEPT_MAX ((size_t)512)
#define ADDRESS_MAX ((size_t)1024)

/* ---- verbs -------------------------------------------------------------- */

enum verb {
#define VERB(id, name, flags) VERB_##id,
#include "smtpd/verbs.def"
#undef VERB
	VERB_COUNT
};

enum verb_flag {
	VERB_JUNK = 1 << 0,    /* counts towards smtpd_junk_command_limit */
	VERB_PRE_TLS = 1 << 1, /* allowed before a demanded STARTTLS */
	VERB_LAST = 1 << 2,    /* nothing may be sent ahead behind it */
};

/* Runs a command.  `args` is what follows the verb and its blanks.
 * Returns: 0, or -1 when the client made an error. */
typedef int verb_run(struct session *s, struct str args);

#define VERB(id, name, flags) verb_run verb_##id;
#include "smtpd/verbs.def"
#undef VERB

/* ---- a deferral that waits for a permit --------------------------------- */

struct deferral {
	bool active;
	uint16_t code;
	struct enhanced status;
	struct str text; /* in a buffer of the session */
};

/* ---- one message -------------------------------------------------------- */

struct transaction {
	struct arena *arena;
	struct str sender;
	struct str envid;
	struct str sasl_sender;
	struct str only_recipient; /* when there is just one */
	struct str id;		   /* empty until the message was begun */
	struct session_message *message;
	struct session_actions actions;
	uint64_t announced; /* SIZE= */
	uint32_t ret;
	bool eight_bit;
	int64_t accepted;  /* recipients */
	int64_t overshoot; /* recipients above the limit, refused */
	struct data_decoder decoder;
	uint64_t received; /* bytes of content */
	int error;	   /* why it is refused whatever follows, -errno */
	bool stopped;	   /* no more content is wanted; commit says why */
};

/* Gives: *out.  Returns 0 or -ENOMEM. */
MUST_USE int transaction_new(struct transaction **out);

/* Free `t`; the message, if one was begun, must be gone already. */
void transaction_free(struct transaction *t);

/* ---- one connection ----------------------------------------------------- */

enum session_mode {
	MODE_COMMAND,
	MODE_DATA, /* between 354 and the dot */
	MODE_AUTH, /* between 334 and its answer */
	MODE_TLS,  /* 220 was said; waiting for session_tls_began() */
	MODE_ENDED,
};

struct session {
	struct server *server;
	const struct smtpd_params *params;
	const struct session_asks *asks;
	void *ctx;
	struct arena *arena; /* peer, tls, helo, login: life of the session */
	struct session_peer peer;
	struct str client; /* name[address] */
	struct session_tls tls;
	bool tls_on;

	enum session_mode mode;
	struct buf out;
	/* Texts of one command; nothing lives here longer. */
	struct buf address; /* of MAIL, RCPT, VRFY */
	struct buf orcpt;
	struct buf said;    /* a reply being made */
	struct buf refusal; /* what a restriction says */
	struct buf later;   /* what it will say if all others permit */
	struct buf instead; /* what it will say in place of a refusal */
	struct line_taker line;
	struct buf helo; /* empty: no HELO yet */
	struct buf sasl_method;
	struct buf sasl_username;
	struct transaction *tx;	 /* NULL: no MAIL yet */
	struct deferral carried; /* from lists applied before RCPT */
	struct buf carried_text;
	struct str denied; /* the greeting was a refusal */

	const char *where; /* for log lines: "CONNECT", "RCPT", … */
	bool begun;	   /* "connect from" was logged */
	bool esmtp;	   /* EHLO, not HELO */
	bool greeted_tls;  /* the session's counters of TLS were told */
	bool hang_up;	   /* end after this reply */
	bool pipelining_told;
	bool pending;	  /* more input waits behind this command */
	struct str ahead; /* and this is what is known of it */
	bool bare_lf_seen;
	bool bare_lf_concerns; /* smtpd_forbid_bare_newline applies */
	bool auth_first;       /* the AUTH line itself is under way */
	uint64_t discard_ext;  /* bit per enum smtpd_ext_id */
	uint64_t memory;       /* memory_failures() when the command began */
	int64_t errors;
	int64_t junk;
	struct {
		unsigned total, ok;
	} counts[VERB_COUNT + 1]; /* the last: unknown ones */
};

/* ---- saying something --------------------------------------------------- */

#define NO_STATUS ((struct enhanced){0, 0, 0})

/* Say a reply, after the pause that a client with many errors gets.  421 and
 * 521 end the session. */
void session_reply(struct session *s, const struct reply *r);
void session_reply_id(struct session *s, enum reply_id id);
void session_say(struct session *s, uint16_t code, struct enhanced status,
		 const char *fmt, ...) PRINTF_LIKE(4, 5);

/* The same, for a command that ends in an error: say it and return -1. */
MUST_USE int session_refuse_id(struct session *s, enum reply_id id);

/* The queue id for log lines, "NOQUEUE" when there is none. */
struct str session_queue_id(const struct session *s);

/* A line that ends in LF alone has come; `queue_id` is for the log.
 * Returns: whether the session goes on; if not, the client has been told. */
bool session_bare_lf_passes(struct session *s, struct str queue_id);

/* Forget the message that is being told, if there is one. */
void session_reset(struct session *s);

/* ---- between the files of the engine ------------------------------------ */

/* command.c: run the command in `line`.  */
void command_run(struct session *s, struct str line);

/* receive.c: take bytes of a message; *in is eaten. */
void receive_feed(struct session *s, struct str *in);

/* verb_auth.c: the client's answer to a challenge. */
void auth_feed(struct session *s, struct str line);

/* Whether AUTH is possible now, and the mechanisms offered ("" if none). */
bool auth_is_offered(const struct session *s);
bool auth_mechanisms(const struct session *s, struct buf *out);

/* The login, empty when there was none. */
static inline struct str session_login(const struct session *s)
{
	return buf_str(&s->sasl_username);
}

#endif
