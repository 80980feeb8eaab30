/* SPDX-License-Identifier: ISC */
/* auth/params.h — auth's configuration, made from params.def. */
#ifndef AUTH_PARAMS_H
#define AUTH_PARAMS_H

#include "conf/param.h"

struct auth_params {
#define PARAM(kind, name, ...) PARAM_FIELD_##kind name;
#include "auth/params.def"
#undef PARAM
};

enum {
	AUTH_PARAM_COUNT = 0
#define PARAM(...) +1
#include "auth/params.def"
#undef PARAM
};

extern const struct param auth_param_rows[AUTH_PARAM_COUNT];

#endif
