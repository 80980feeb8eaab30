/* SPDX-License-Identifier: ISC */
/* smtpd/ext/enhancedstatuscodes.c — ENHANCEDSTATUSCODES (RFC 2034): its word.
 * Replies carry their status whether or not it was listed. */
#include "smtpd/ext.h"

const struct smtpd_ext smtpd_ext_enhancedstatuscodes = {
	.is_offered = NULL,
};
