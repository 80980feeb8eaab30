/* SPDX-License-Identifier: ISC */
/* relay/params.h — relay's configuration, made from params.def. */
#ifndef RELAY_PARAMS_H
#define RELAY_PARAMS_H

#include "conf/param.h"

struct relay_params {
#define PARAM(kind, name, ...) PARAM_FIELD_##kind name;
#include "relay/params.def"
#undef PARAM
};

extern const struct param relay_param_rows[];
extern const size_t relay_param_count;

#endif
