/* SPDX-License-Identifier: ISC */
/* The rows of params.def. */
#include "pickup/params.h"

const struct param pickup_param_rows[PICKUP_PARAM_COUNT] = {
#define PARAM(...) PARAM_ROW(struct pickup_params, __VA_ARGS__),
#include "pickup/params.def"
#undef PARAM
};
