/* SPDX-License-Identifier: ISC */
/* lib/esmtp/data.h — the bytes between DATA and the lone dot (RFC 5321 4.5.2).
 *
 * The decoder turns what a client sends after DATA into the message: the dot
 * in front of a line is removed, and CR LF "." CR LF, that and nothing else,
 * is the end.  A lone LF is a line end too, but never one that the final dot
 * may follow or end with; it is given out as CR LF.  A CR that is not before
 * LF is given out as a blank, or kept.  So the message consists of CR LF
 * lines, whatever came.
 *
 * The encoder does the opposite for a message of CR LF lines.
 *
 * Both take chunks of any size and give out chunks that borrow from the input
 * (or are constants): nothing is copied, and a clean message passes in runs as
 * long as the input's chunks.
 */
#ifndef ESMTP_DATA_H
#define ESMTP_DATA_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

/* ---- decoding ----------------------------------------------------------- */

enum data_step {
	DATA_CHUNK, /* *out holds bytes of the message; call again */
	DATA_MORE,  /* all of *in was used: get more */
	DATA_END,   /* the message is whole; *in is what came after it */
};

struct data_decoder {
	uint8_t state;	 /* see data.c */
	bool after_crlf; /* the line before ended in CR LF, not in LF */
	bool keep_cr;	 /* option: give out stray CR as it is */
	bool bare_lf;	 /* a LF without CR was seen */
	bool stray_cr;	 /* a CR without LF was seen */
};

/* Get ready for a message: at the start of a line, after CR LF. */
void data_decoder_init(struct data_decoder *d, bool keep_cr);

/* Decode the front of *in, which is eaten as far as it was used.
 * Fills: *out for DATA_CHUNK, never empty; borrows from *in's bytes. */
MUST_USE enum data_step data_decode(struct data_decoder *d, struct str *in,
				    struct str *out);

/* ---- encoding ----------------------------------------------------------- */

struct data_encoder {
	size_t line_max; /* longer lines are broken with CR LF blank; 0: not */
	size_t column;	 /* bytes of the line that were given out */
	uint8_t tail;	 /* what the last bytes given out were */
	uint8_t pending; /* constant to give out before going on */
};

void data_encoder_init(struct data_encoder *e, size_t line_max);

/* Encode the front of *in, which is eaten as far as it was used.
 * Returns: whether *out holds a chunk (call again); false: *in is empty. */
MUST_USE bool data_encode(struct data_encoder *e, struct str *in,
			  struct str *out);

/* What ends the message: ".\r\n", with CR LF before it when the message did
 * not end in one. */
struct str data_encode_end(const struct data_encoder *e);

#endif
