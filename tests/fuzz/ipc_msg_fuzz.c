/* SPDX-License-Identifier: ISC */
/* Any bytes as messages, and what is read from them. */
#include "delivery/control.h"
#include "delivery/outcome.h"
#include "delivery/request.h"
#include "base/arena.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int each(const struct recipient *r, void *arg)
{
	*(size_t *)arg += r->address.n + r->sender.n;
	return 0;
}

static void decode(const struct msg *m)
{
	struct arena *a = arena_new((size_t)1 << 20);
	struct delivery_request request;
	struct delivery_done done;
	struct controlled answer;
	struct control control;
	struct outcome outcome;
	struct msg copy;
	uint64_t number;
	uint32_t recipient;
	size_t sum = 0;

	copy = *m;
	(void)!delivery_request_decode(&copy, a, &request);
	copy = *m;
	(void)!delivery_outcome_decode(&copy, a, &number, &outcome);
	copy = *m;
	(void)!delivery_done_decode(&copy, a, &done);
	copy = *m;
	(void)!delivery_replacement_decode(&copy, &number, &recipient, each,
					   &sum);
	copy = *m;
	(void)!control_decode(&copy, &control);
	copy = *m;
	(void)!controlled_decode(&copy, &answer);
	arena_free(a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = str_of(data, size);
	struct msg m;
	size_t used;

	while (msg_parse(in, &m, &used) == 0) {
		decode(&m);
		in = str_after(in, used);
	}
	return 0;
}
