/* SPDX-License-Identifier: ISC */
/* smtpd/answers.h — answers_queue.c's part of connection_asks: see
 * session.h for what each has to do. */
#ifndef SMTPD_ANSWERS_H
#define SMTPD_ANSWERS_H

#include "smtpd/connection.h"

int answer_space(void *ctx, uint64_t size);
int answer_begin(void *ctx, const struct session_envelope *e,
		 struct session_message **out);
struct str answer_id(void *ctx, struct session_message *m);
int answer_recipient(void *ctx, struct session_message *m,
		     const struct session_recipient *r);
int answer_ready(void *ctx, struct session_message *m,
		 const struct session_actions *a);
int answer_data(void *ctx, struct session_message *m, struct str piece);
int answer_commit(void *ctx, struct session_message *m,
		  const struct session_actions *a, struct session_commit *out);
void answer_abandon(void *ctx, struct session_message *m);

/* A port as text, in `room`. */
struct str port_text(uint16_t port, char room[8]);

#endif
