/* SPDX-License-Identifier: ISC */
/* Any bytes as a queue file; and, because checksums keep most of them out, as
 * an envelope, a recipient and an outcome. */
#include "base/arena.h"
#include "base/buf.h"
#include "base/why.h"
#include "queue/reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new((size_t)16 << 20);
	BUF_SCOPED again = BUF_INIT((size_t)1 << 20);
	struct str in = str_of(data, size);
	struct queue_message m;
	struct envelope e;
	struct recipient r;
	struct outcome o;
	struct attr at;
	struct why why;

	(void)!queue_read_image(in, a, &m, &why);
	(void)!recipient_unpack(in, a, &r);
	(void)!attr_unpack(in, a, &at);
	(void)!outcome_unpack(in, a, &o);
	if (envelope_unpack(in, a, &e) == 0)
		envelope_pack(&again, &e);
	arena_free(a);
	return 0;
}
