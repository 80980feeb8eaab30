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

extern const struct param auth_param_rows[];
extern const size_t auth_param_count;

#endif
