/* SPDX-License-Identifier: ISC */
/* local/looping.h — mail that comes back. */
#ifndef LOCAL_LOOPING_H
#define LOCAL_LOOPING_H

#include "local/agent.h"

/* Bounce a message whose header has "Delivered-To: recipient" already, and a
 * recipient that came from too many replacements.
 * Returns: whether the outcome is decided. */
bool looping_stop(struct delivery *d);

#endif
