/* SPDX-License-Identifier: ISC */
/* From files to the wire: see wire.h. */
#include "pop3d/wire.h"

#include "base/buf.h"

void wire_init(struct wire *w, uint64_t body_lines)
{
	*w = (struct wire){.body_lines = body_lines};
}

static void put(struct wire *w, struct str s, struct buf *out)
{
	w->octets += s.n;
	if (out != NULL)
		(void)buf_put(out, s);
}

/* A piece of a line, without its LF. */
static void put_piece(struct wire *w, struct str piece, struct buf *out)
{
	if (piece.n == 0)
		return;
	if (w->column == 0 && piece.p[0] == '.' && out != NULL)
		(void)buf_put_byte(out, '.');
	put(w, piece, out);
	w->column += piece.n;
	w->cr = piece.p[piece.n - 1] == '\r';
}

static void end_line(struct wire *w, struct buf *out)
{
	bool empty = w->column == (w->cr ? 1u : 0u);

	put(w, w->cr ? STR("\n") : STR("\r\n"), out);
	if (w->body && w->body_lines != WIRE_ALL)
		w->body_lines--;
	if (empty)
		w->body = true;
	w->done = w->body && w->body_lines == 0;
	w->column = 0;
	w->cr = false;
}

void wire_put(struct wire *w, struct str in, struct buf *out)
{
	while (in.n > 0 && !w->done) {
		size_t at = str_find_byte(in, '\n');

		put_piece(w, str_first(in, at), out);
		if (at == SIZE_MAX)
			return;
		end_line(w, out);
		in = str_after(in, at + 1);
	}
}

void wire_end(struct wire *w, struct buf *out)
{
	if (w->column > 0)
		end_line(w, out);
	w->done = true;
}
