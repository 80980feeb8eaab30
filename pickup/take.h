/* SPDX-License-Identifier: ISC */
/* pickup/take.h — one file of maildrop/ becomes a message in the queue. */
#ifndef PICKUP_TAKE_H
#define PICKUP_TAKE_H

#include <stdint.h>

#include "base/cc.h"
#include "base/str.h"

struct conf_common;
struct intake_site;

struct pickup_taker {
	int drop; /* descriptor of maildrop/ */
	struct intake_site *intake;
	const struct conf_common *common;
	struct str filter;	 /* content_filter */
	unsigned override_flags; /* enum intake_flag of
				    receive_override_options */
};

enum pickup_fate {
	PICKUP_TAKEN,  /* it is in the queue and gone from maildrop/ */
	PICKUP_LEFT,   /* it is in the queue, and cannot be removed */
	PICKUP_KEPT,   /* it cannot be taken now; it stays as it is */
	PICKUP_BROKEN, /* it is no submission; it was put out of the way */
};

/* Take the file `name`.  Runs in a fiber; waits for tables and the disk.
 * Everything but PICKUP_TAKEN has been logged. */
enum pickup_fate pickup_take(const struct pickup_taker *taker,
			     const char *name);

#endif
