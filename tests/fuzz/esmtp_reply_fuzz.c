/* SPDX-License-Identifier: ISC */
/* Any bytes as replies, in portions; what was read can be written. */
#include <stdint.h>
#include <stdlib.h>

#include "esmtp/reply.h"
#include "esmtp/xtext.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reply_reader r;
	BUF_SCOPED out = BUF_INIT(1 << 16);
	struct str in;
	size_t step, used;

	if (size < 1)
		return 0;
	step = 1 + data[0] % 64;
	in = str_of(data + 1, size - 1);
	(void)!xtext_decode(in, &out);
	reply_reader_init(&r, 1024, 20);
	while (in.n > 0) {
		int rc = reply_reader_feed(&r, str_first(in, step), &used);
		struct reply reply = reply_reader_reply(&r);

		if (rc < 0)
			break;
		if (rc == 0) {
			buf_reset(&out);
			if (reply.code < 200 || reply.code > 599 || used == 0)
				abort();
			reply_put(&out, &reply);
		}
		in = str_after(in, used);
	}
	reply_reader_release(&r);
	return 0;
}
