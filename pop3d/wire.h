/* SPDX-License-Identifier: ISC */
/* pop3d/wire.h — a message on its way from a file to the wire: every line ends
 * in CRLF, a line that begins with a dot gets another (RFC 1939 3). */
#ifndef POP3D_WIRE_H
#define POP3D_WIRE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

struct buf;

#define WIRE_ALL UINT64_MAX

struct wire {
	uint64_t octets;     /* so far, without the dots that were added */
	uint64_t body_lines; /* still wanted */
	uint64_t column;     /* bytes of the line that is not over */
	bool cr;	     /* the last of them is CR */
	bool body;	     /* the header is over */
	bool done;	     /* all wanted lines have been put */
};

/* `body_lines`: WIRE_ALL, or how many after the header (TOP). */
void wire_init(struct wire *w, uint64_t body_lines);

/* Put the next bytes of the message, any portions.  `out` NULL only counts;
 * at most 2 * in.n bytes are put. */
void wire_put(struct wire *w, struct str in, struct buf *out);

/* The message is over: end its last line. */
void wire_end(struct wire *w, struct buf *out);

#endif
