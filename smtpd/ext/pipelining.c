/* SPDX-License-Identifier: ISC */
/* smtpd/ext/pipelining.c — PIPELINING (RFC 2920).  Nothing but its word: the
 * engine answers whatever came in one write.  Copy this file to start another
 * extension. */
#include "smtpd/ext.h"

const struct smtpd_ext smtpd_ext_pipelining = {
	.is_offered = NULL,
};
