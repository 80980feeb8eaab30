/* SPDX-License-Identifier: ISC */
/* lib/esmtp/data.c — see data.h.
 *
 * The decoder's states say what the last byte was.  AT_LINE, AFTER_DOT and
 * AFTER_DOT_CR are at the front of a line, where the end can come; in the
 * others a line is being passed through.  AFTER_DOT, AFTER_DOT_CR and AFTER_CR
 * hold back bytes that were not given out yet; they are met only at the front
 * of a line, or where a chunk ends in the middle of CR LF.
 *
 *	AT_LINE       "." -> AFTER_DOT            else -> IN_LINE
 *	AFTER_DOT     CR  -> AFTER_DOT_CR         else -> IN_LINE (dot dropped)
 *	AFTER_DOT_CR  LF  -> the end, if the line before ended in CR LF;
 *	                     otherwise an empty line -> AT_LINE
 *	AFTER_CR      LF  -> AT_LINE              else -> IN_LINE (stray CR)
 */
#include "esmtp/data.h"

enum { AT_LINE, AFTER_DOT, AFTER_DOT_CR, IN_LINE, AFTER_CR, ENDED };

void data_decoder_init(struct data_decoder *d, bool keep_cr)
{
	*d = (struct data_decoder){
		.state = AT_LINE,
		.after_crlf = true,
		.keep_cr = keep_cr,
	};
}

static enum data_step give_stray_cr(struct data_decoder *d, struct str *out)
{
	d->stray_cr = true;
	d->state = IN_LINE;
	*out = d->keep_cr ? STR("\r") : STR(" ");
	return DATA_CHUNK;
}

static enum data_step give_line_end(struct data_decoder *d, struct str *in,
				    struct str *out, bool crlf)
{
	*in = str_after(*in, 1);
	d->after_crlf = crlf;
	d->bare_lf = d->bare_lf || !crlf;
	d->state = AT_LINE;
	*out = STR("\r\n");
	return DATA_CHUNK;
}

/* The states that hold something back, one byte of which decides. */
static enum data_step decode_held(struct data_decoder *d, struct str *in,
				  struct str *out)
{
	char c = in->p[0];

	switch (d->state) {
	case AFTER_DOT:
		if (c == '\n')
			return give_line_end(d, in, out, false);
		d->state = IN_LINE;
		if (c == '\r') {
			d->state = AFTER_DOT_CR;
			*in = str_after(*in, 1);
		}
		return DATA_MORE;
	case AFTER_DOT_CR:
		if (c != '\n')
			return give_stray_cr(d, out);
		if (!d->after_crlf)
			return give_line_end(d, in, out, true);
		*in = str_after(*in, 1);
		d->state = ENDED;
		return DATA_END;
	default: /* AFTER_CR */
		if (c == '\n')
			return give_line_end(d, in, out, true);
		return give_stray_cr(d, out);
	}
}

/* How far the line that goes on at in[i] can be passed through; *next is the
 * state after that. */
static size_t run_of_line(struct data_decoder *d, struct str in, size_t i,
			  uint8_t *next)
{
	const char *from = in.p + i;
	const char *lf = memchr(from, '\n', in.n - i);
	const char *end = lf == NULL ? in.p + in.n : lf;
	const char *cr = memchr(from, '\r', (size_t)(end - from));

	if (cr == NULL) {
		*next = IN_LINE;
		return (size_t)(end - in.p); /* bare LF, or all */
	}
	if (cr + 1 != lf) {
		*next = AFTER_CR;
		return (size_t)(cr - in.p);
	}
	d->after_crlf = true;
	*next = AT_LINE;
	return (size_t)(lf + 1 - in.p);
}

/* Pass whole lines through as one run, until something has to change. */
static enum data_step decode_run(struct data_decoder *d, struct str *in,
				 struct str *out)
{
	size_t i = 0;

	while (i < in->n) {
		uint8_t next;

		if (d->state == AT_LINE && in->p[i] == '.') {
			d->state = AFTER_DOT;
			*out = str_first(*in, i);
			*in = str_after(*in, i + 1);
			return DATA_CHUNK;
		}
		i = run_of_line(d, *in, i, &next);
		d->state = next;
		if (next == AT_LINE)
			continue;
		*out = str_first(*in, i);
		/* A CR is held back; a bare LF stays for the next call. */
		*in = str_after(*in, next == AFTER_CR ? i + 1 : i);
		return DATA_CHUNK;
	}
	*out = *in;
	*in = STR("");
	return DATA_CHUNK;
}

enum data_step data_decode(struct data_decoder *d, struct str *in,
			   struct str *out)
{
	enum data_step step;

	*out = STR("");
	while (in->n > 0 && d->state != ENDED) {
		bool lf = in->p[0] == '\n';

		if (lf && (d->state == AT_LINE || d->state == IN_LINE))
			return give_line_end(d, in, out, false);
		if (d->state == AT_LINE || d->state == IN_LINE)
			step = decode_run(d, in, out);
		else
			step = decode_held(d, in, out);
		if (step == DATA_END || out->n > 0)
			return step;
	}
	return d->state == ENDED ? DATA_END : DATA_MORE;
}

/* ---- encoding ----------------------------------------------------------- */

enum { NOTHING, DOT, BREAK };
enum { TAIL_OTHER, TAIL_CR, TAIL_CRLF, TAIL_LF };

static uint8_t tail_after(uint8_t tail, struct str chunk)
{
	char last = chunk.p[chunk.n - 1];

	if (last == '\r')
		return TAIL_CR;
	if (last != '\n')
		return TAIL_OTHER;
	if (chunk.n > 1 ? chunk.p[chunk.n - 2] == '\r' : tail == TAIL_CR)
		return TAIL_CRLF;
	return TAIL_LF;
}

void data_encoder_init(struct data_encoder *e, size_t line_max)
{
	*e = (struct data_encoder){.line_max = line_max, .tail = TAIL_CRLF};
}

/* The next place, from in[i] on, where something must be put in: a dot at the
 * front of a line, or the end of `in`. */
static size_t next_dot(struct str in, size_t i, bool at_line)
{
	while (i < in.n) {
		const char *dot = memchr(in.p + i, '.', in.n - i);

		if (dot == NULL)
			return in.n;
		i = (size_t)(dot - in.p);
		if (i == 0 ? at_line : dot[-1] == '\n')
			return i;
		i++;
	}
	return in.n;
}

/* The same, where long lines are broken as well. */
static size_t next_change(struct data_encoder *e, struct str in)
{
	size_t i = 0;

	while (i < in.n) {
		const char *lf = memchr(in.p + i, '\n', in.n - i);
		size_t n = (lf == NULL ? in.n : (size_t)(lf - in.p)) - i;

		size_t most = e->line_max;

		if (n > 0 && lf != NULL && lf[-1] == '\r')
			most++;
		if (e->column + n > most) {
			i += e->line_max - e->column;
			e->pending = BREAK;
			e->column = 1;
			return i;
		}
		e->column += n;
		i += n;
		if (lf == NULL)
			return i;
		i++;
		e->column = 0;
		if (i < in.n && in.p[i] == '.')
			return i;
	}
	return i;
}

bool data_encode(struct data_encoder *e, struct str *in, struct str *out)
{
	bool at_line = e->tail >= TAIL_CRLF;
	size_t n;

	if (e->pending == BREAK) {
		e->pending = NOTHING;
		*out = STR("\r\n ");
		return true;
	}
	if (in->n == 0)
		return false;
	if (e->pending == NOTHING && at_line && in->p[0] == '.') {
		e->pending = DOT;
		*out = STR(".");
		return true;
	}
	e->pending = NOTHING;
	if (e->line_max > 0)
		n = next_change(e, *in);
	else
		n = next_dot(*in, at_line ? 1 : 0, false);
	if (n == 0) /* the line is full already: break it first */
		return data_encode(e, in, out);
	*out = str_first(*in, n);
	*in = str_after(*in, n);
	e->tail = tail_after(e->tail, *out);
	return true;
}

struct str data_encode_end(const struct data_encoder *e)
{
	return e->tail == TAIL_CRLF ? STR(".\r\n") : STR("\r\n.\r\n");
}
