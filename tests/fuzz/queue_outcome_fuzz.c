/* SPDX-License-Identifier: ISC */
/* A good queue file with any bytes appended: it is always read, and what is
 * kept of the tail makes sense. */
#include <assert.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/crc.h"
#include "base/parse.h"
#include "queue/reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void put_image(struct buf *to)
{
	struct recipient r[] = {{.address = STR_INIT("a@b")},
				{.address = STR_INIT("c@d")}};
	const struct envelope e = {.arrived_us = 1,
				   .sender = STR("s@t"),
				   .recipients = r,
				   .recipient_count = 2};
	BUF_SCOPED envelope = BUF_INIT(65536);
	char id[32] = "4CkvZ51jKYzF8gX";

	envelope_pack(&envelope, &e);
	(void)buf_put(to, STR("MALOTEQ1\0\1\0\0\0\0\0\140"));
	put_u64(to, 1);
	(void)buf_put(to, str_of(id, sizeof(id)));
	put_u64(to, 96);
	put_u64(to, 0);
	put_u64(to, 96);
	put_u32(to, (uint32_t)envelope.n);
	put_u32(to, 0);
	put_u32(to, crc32c(0, buf_str(&envelope)));
	put_u32(to, crc32c(0, buf_str(to)));
	(void)buf_put(to, buf_str(&envelope));
}

/* The tail: records with checksums made right, so that their insides are
 * read. */
static void put_tail(struct buf *to, struct str in)
{
	while (in.n > 2) {
		size_t n = (size_t)(unsigned char)in.p[0] + 1;
		struct str body = str_first(str_after(in, 1), n);

		put_u32(to, (uint32_t)(body.n - 1));
		put_u32(to, crc32c(0, body));
		(void)buf_put(to, body);
		in = str_after(in, 1 + n);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new((size_t)64 << 20);
	BUF_SCOPED image = BUF_INIT((size_t)4 << 20);
	struct queue_message m;

	put_image(&image);
	assert(queue_read_image(buf_str(&image), a, &m, NULL) == 0);
	put_tail(&image, str_of(data, size));
	if (queue_read_image(buf_str(&image), a, &m, NULL) == 0) {
		assert(m.envelope.recipient_count >= 2);
		assert(m.outcomes_end <= image.n);
	}
	arena_free(a);
	return 0;
}
