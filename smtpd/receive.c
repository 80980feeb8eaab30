/* SPDX-License-Identifier: ISC */
/* smtpd/receive.c — DATA: the message itself.
 *
 * Pieces of the client's input go through the decoder straight to whoever
 * stores the message.  After a failure the rest is read and dropped, so that
 * the reply comes where the client expects it. */
#include "smtpd/state.h"

#include <errno.h>

#include "base/log.h"
#include "base/memory.h"
#include "smtpd/policy.h"

int verb_data(struct session *s, struct str args)
{
	struct reply refusal;

	if (s->tx == NULL)
		return session_refuse_id(s, REPLY_rcpt_first);
	if (s->tx->accepted == 0)
		return session_refuse_id(s, REPLY_rcpt_none_valid);
	if (args.n > 0)
		return session_refuse_id(s, REPLY_data_syntax);
	if (!s->server->standalone &&
	    policy_at_data(s, &refusal) == VERDICT_REJECT) {
		session_reply(s, &refusal);
		return -1;
	}
	s->tx->error = s->asks->ready(s->ctx, s->tx->message, &s->tx->actions);
	data_decoder_init(&s->tx->decoder, false);
	s->mode = MODE_DATA;
	session_reply_id(s, REPLY_data_go);
	return 0;
}

/* ---- the pieces --------------------------------------------------------- */

static void take_piece(struct session *s, struct str piece)
{
	struct transaction *tx = s->tx;
	uint64_t limit = s->server->common->message_size_limit;

	tx->received += piece.n;
	if (tx->error != 0 || tx->stopped)
		return;
	if (limit > 0 && tx->received > limit) {
		log_warning(STR_FMT ": queue file size limit exceeded",
			    STR_ARG(tx->id));
		tx->error = -EFBIG;
		return;
	}
	tx->stopped = s->asks->data(s->ctx, tx->message, piece) != 0;
}

/* ---- the end ------------------------------------------------------------ */

static void refuse(struct session *s, int error)
{
	enum reply_id id = REPLY_data_write;

	s->errors++;
	if (error == -EFBIG)
		id = REPLY_data_too_big;
	else if (error == -ENOSPC || error == -EDQUOT)
		id = REPLY_data_space;
	session_reply_id(s, id);
}

static void commit(struct session *s)
{
	struct transaction *tx = s->tx;
	struct session_message *m = tx->message;
	struct session_commit result = {.reply = {.code = 0}};
	int rc;

	tx->message = NULL; /* commit takes it */
	rc = s->asks->commit(s->ctx, m, &tx->actions, &result);
	if (rc == 0) {
		s->errors = 0;
		s->junk = 0;
		session_say(s, 250, (struct enhanced){2, 0, 0},
			    "Ok: queued%s" STR_FMT, tx->id.n > 0 ? " as " : "",
			    STR_ARG(tx->id));
		return;
	}
	if (result.reply.code == 0) {
		refuse(s, rc);
		return;
	}
	s->errors++;
	session_reply(s, &result.reply);
}

static void end_message(struct session *s)
{
	struct reply refusal;

	s->memory = memory_failures();
	s->mode = MODE_COMMAND;
	s->where = "END-OF-MESSAGE";
	if (s->tx->error != 0) {
		refuse(s, s->tx->error);
	} else if (!s->server->standalone &&
		   policy_at_end(s, &refusal) == VERDICT_REJECT) {
		s->errors++;
		session_reply(s, &refusal);
	} else {
		commit(s);
	}
	session_reset(s);
}

void receive_feed(struct session *s, struct str *in)
{
	struct data_decoder *d = &s->tx->decoder;
	struct str piece;

	for (;;) {
		switch (data_decode(d, in, &piece)) {
		case DATA_MORE:
			return;
		case DATA_CHUNK:
			if (d->bare_lf &&
			    !session_bare_lf_passes(s, session_queue_id(s)))
				return;
			take_piece(s, piece);
			break;
		case DATA_END:
			end_message(s);
			return;
		}
	}
}
