/* SPDX-License-Identifier: ISC */
/* The DATA decoder in two different portions must agree, and what it gives out
 * must survive the encoder. */
#include <stdint.h>
#include <stdlib.h>

#include "base/buf.h"
#include "esmtp/data.h"

static size_t decode(struct str wire, size_t step, bool *ended, struct buf *out)
{
	struct data_decoder d;
	enum data_step got = DATA_MORE;
	size_t at = 0;

	data_decoder_init(&d, false);
	while (at < wire.n && got != DATA_END) {
		struct str part = str_first(str_after(wire, at), step), chunk;
		struct str in = part;

		while ((got = data_decode(&d, &in, &chunk)) == DATA_CHUNK)
			buf_put(out, chunk);
		at += part.n - in.n;
	}
	*ended = got == DATA_END;
	return at;
}

static void encode(struct str message, size_t line_max, struct buf *wire)
{
	struct data_encoder e;
	struct str chunk;

	data_encoder_init(&e, line_max);
	while (data_encode(&e, &message, &chunk))
		buf_put(wire, chunk);
	buf_put(wire, data_encode_end(&e));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	BUF_SCOPED whole = BUF_INIT(1 << 22);
	BUF_SCOPED parts = BUF_INIT(1 << 22);
	BUF_SCOPED wire = BUF_INIT(1 << 22);
	BUF_SCOPED again = BUF_INIT(1 << 22);
	bool ended, ended_parts;
	struct str in;
	size_t step;

	if (size < 1 || size > 1 << 16)
		return 0;
	step = 1 + data[0] % 64;
	in = str_of(data + 1, size - 1);
	if (decode(in, SIZE_MAX, &ended, &whole) !=
		    decode(in, step, &ended_parts, &parts) ||
	    ended != ended_parts || !str_eq(buf_str(&whole), buf_str(&parts)))
		abort();
	if (!ended)
		return 0;
	encode(buf_str(&whole), 0, &wire);
	if (decode(buf_str(&wire), step, &ended, &again) != wire.n || !ended ||
	    !str_eq(buf_str(&whole), buf_str(&again)))
		abort();
	buf_reset(&wire);
	encode(buf_str(&whole), 1 + step, &wire);
	buf_reset(&again);
	if (decode(buf_str(&wire), step, &ended, &again) != wire.n || !ended)
		abort();
	return 0;
}
