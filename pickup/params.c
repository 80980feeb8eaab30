/* SPDX-License-Identifier: ISC */
/* The rows of params.def. */
#include "pickup/params.h"

const struct param pickup_param_rows[] = {
#define PARAM(...) PARAM_ROW(struct pickup_params, __VA_ARGS__),
#include "pickup/params.def"
#undef PARAM
};
const size_t pickup_param_count = ARRAY_LEN(pickup_param_rows);
