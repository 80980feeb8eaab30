/* SPDX-License-Identifier: ISC */
/* lib/base/crc.h — CRC-32C (Castagnoli, RFC 3720 appendix B.4). */
#ifndef BASE_CRC_H
#define BASE_CRC_H

#include <stdint.h>

#include "base/str.h"

/* The checksum of what `crc` covers, followed by `bytes`; begin with 0.
 * Uses the processor's instruction where there is one. */
uint32_t crc32c(uint32_t crc, struct str bytes);

#endif
