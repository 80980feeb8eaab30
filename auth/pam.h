/* SPDX-License-Identifier: ISC */
/* auth/pam.h — asking PAM.  The only file that includes its headers is pam.c.
 */
#ifndef AUTH_PAM_H
#define AUTH_PAM_H

#include "auth/user.h"

/* Whether PAM's service `service` lets `name` in with `password`.  May block
 * for seconds; safe in several threads. */
MUST_USE enum user_answer pam_check(const char *service, const char *name,
				    const char *password);

#endif
