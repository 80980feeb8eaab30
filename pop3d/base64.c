/* SPDX-License-Identifier: ISC */
/* Base64: see base64.h. */
#include "pop3d/base64.h"

#include <stdint.h>

#include "base/buf.h"

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
			     "abcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_put(struct buf *out, struct str bytes)
{
	for (; bytes.n > 0; bytes = str_after(bytes, 3)) {
		uint32_t three = 0;
		char four[4];

		for (size_t i = 0; i < 3; i++)
			three = three << 8 |
				(i < bytes.n ? (unsigned char)bytes.p[i] : 0u);
		for (size_t i = 0; i < 4; i++)
			four[i] = i <= bytes.n
					  ? digits[three >> (18 - 6 * i) & 63]
					  : '=';
		(void)buf_put(out, str_of(four, sizeof(four)));
	}
}
