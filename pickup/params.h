/* SPDX-License-Identifier: ISC */
/* pickup/params.h — pickup's configuration, made from params.def. */
#ifndef PICKUP_PARAMS_H
#define PICKUP_PARAMS_H

#include "conf/param.h"

struct pickup_params {
#define PARAM(kind, name, ...) PARAM_FIELD_##kind name;
#include "pickup/params.def"
#undef PARAM
};

extern const struct param pickup_param_rows[];
extern const size_t pickup_param_count;

#endif
