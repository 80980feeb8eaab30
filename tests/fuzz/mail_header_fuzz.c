/* SPDX-License-Identifier: ISC */
/* Headers: whatever the pieces, every byte comes out, in order, and the body
 * begins at the same place. */
#include <stdlib.h>

#include "base/buf.h"
#include "mail/header.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool condition)
{
	if (!condition)
		abort();
}

/* Returns the bytes of the header, the body's beginning not counted. */
static size_t scan(struct str text, size_t piece, size_t max)
{
	struct header_scan s;
	struct header_field field;
	struct str rest = text;
	size_t out = 0, header = 0;
	int event = HEADER_MORE;

	header_scan_init(&s, max);
	while (event != HEADER_END && event != HEADER_BODY) {
		struct str in = str_first(rest, piece);
		size_t n = in.n;

		event = n > 0 ? header_scan_next(&s, &in, &field)
			      : header_scan_finish(&s, &field);
		check(event >= 0);
		rest = str_after(rest, n - in.n);
		if (event == HEADER_MORE) {
			check(in.n == 0);
			if (n == 0)
				break;
			continue;
		}
		check(field.raw.n > 0);
		check(str_eq(field.raw,
			     str_first(str_after(text, out), field.raw.n)));
		out += field.raw.n;
		if (event != HEADER_BODY)
			header += field.raw.n;
	}
	check(out + rest.n == text.n);
	header_scan_release(&s);
	return header;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text;
	size_t piece, max;

	if (size < 2)
		return 0;
	piece = (size_t)data[0] + 1;
	max = (size_t)data[1] + 2;
	text = str_of(data + 2, size - 2);
	check(scan(text, piece, max) == scan(text, text.n + 1, max));

	BUF_SCOPED b = BUF_INIT(size * 4 + 64);

	check(header_unfold(&b, text));
	buf_reset(&b);
	check(header_put(&b, STR("X"), text, STR("\r\n")));
	return 0;
}
