/* SPDX-License-Identifier: ISC */
/* CRC-32C: eight bytes a step with SSE 4.2, one byte a step from a table
 * elsewhere. */
#include <pthread.h>

#include "base/crc.h"

#define POLYNOMIAL UINT32_C(0x82f63b78) /* reflected 0x1edc6f41 */

#if defined(__x86_64__) && defined(__GNUC__)
#include <cpuid.h>
#define HAVE_SSE42 1

__attribute__((target("sse4.2"))) static uint32_t crc_sse42(uint32_t crc,
							    struct str s)
{
	uint64_t wide = crc;

	while (s.n >= sizeof(uint64_t)) {
		uint64_t word;

		memcpy(&word, s.p, sizeof(word));
		wide = __builtin_ia32_crc32di(wide, word);
		s.p += sizeof(word);
		s.n -= sizeof(word);
	}
	crc = (uint32_t)wide;
	for (size_t i = 0; i < s.n; i++)
		crc = __builtin_ia32_crc32qi(crc, (unsigned char)s.p[i]);
	return crc;
}
#endif

#ifdef HAVE_SSE42
/* Asked when it is first needed: asking costs a virtual machine's guest more
 * than the checksum of a short message, and most commands need none. */
static pthread_once_t asked = PTHREAD_ONCE_INIT;
static bool sse42;

static void ask(void)
{
	unsigned a, b, c, d;

	sse42 = __get_cpuid(1, &a, &b, &c, &d) != 0 && (c & bit_SSE4_2) != 0;
}

static bool has_sse42(void)
{
	(void)pthread_once(&asked, ask);
	return sse42;
}
#endif

static uint32_t table[256];
static pthread_once_t table_once = PTHREAD_ONCE_INIT;

static void table_fill(void)
{
	for (uint32_t byte = 0; byte < 256; byte++) {
		uint32_t crc = byte;

		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? POLYNOMIAL : 0);
		table[byte] = crc;
	}
}

static uint32_t crc_table(uint32_t crc, struct str s)
{
	(void)pthread_once(&table_once, table_fill);
	for (size_t i = 0; i < s.n; i++)
		crc = crc >> 8 ^ table[(crc ^ (unsigned char)s.p[i]) & 255];
	return crc;
}

uint32_t crc32c(uint32_t crc, struct str bytes)
{
	if (bytes.n == 0)
		return crc;
#ifdef HAVE_SSE42
	if (has_sse42())
		return ~crc_sse42(~crc, bytes);
#endif
	return ~crc_table(~crc, bytes);
}
