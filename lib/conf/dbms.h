/* SPDX-License-Identifier: ISC */
/* lib/conf/dbms.h — tables that may be configured in main.cf: with
 * "mysql:name", the parameters name_hosts, name_query, … */
#ifndef CONF_DBMS_H
#define CONF_DBMS_H

#include "base/str.h"

/* The suffixes for tables of `type`, separated by blanks; empty when such
 * tables have a file of their own only. */
struct str dbms_suffixes(struct str type);

#endif
