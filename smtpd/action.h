/* SPDX-License-Identifier: ISC */
/* smtpd/action.h — what the result of an access table means (access(5)). */
#ifndef SMTPD_ACTION_H
#define SMTPD_ACTION_H

#include "smtpd/rule.h"

/* Do what `value`, found in `table`, says. */
enum verdict action_run(struct eval *e, struct str table, struct str value);

/* Whether `value` permits. */
bool action_is_ok(struct str value);

#endif
