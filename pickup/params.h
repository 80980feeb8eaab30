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

enum {
	PICKUP_PARAM_COUNT = 0
#define PARAM(...) +1
#include "pickup/params.def"
#undef PARAM
};

extern const struct param pickup_param_rows[PICKUP_PARAM_COUNT];

#endif
