/* SPDX-License-Identifier: ISC */
/* Any bytes as a name server's message. */
#include <stdint.h>
#include <stdlib.h>

#include "base/arena.h"
#include "dns/answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum dns_type types[] = {DNS_A, DNS_PTR, DNS_MX, DNS_TXT,
					      DNS_AAAA};
	struct arena *a;
	struct answer r;

	if (size < 1)
		return 0;
	a = arena_new(1 << 20);
	if (answer_read(str_of(data + 1, size - 1), types[data[0] % 5],
			STR("a.example"), a, &r) == 0) {
		for (size_t i = 0; i < r.count; i++) {
			volatile char last = 0;

			if (r.records[i].text.n > 65535)
				abort();
			if (r.records[i].text.n > 0)
				last = r.records[i]
					       .text.p[r.records[i].text.n - 1];
			(void)last;
		}
	}
	arena_free(a);
	return 0;
}
