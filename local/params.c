/* SPDX-License-Identifier: ISC */
/* The rows of params.def. */
#include "local/params.h"

const struct param local_param_rows[] = {
#define PARAM(...) PARAM_ROW(struct local_params, __VA_ARGS__),
#include "local/params.def"
#undef PARAM
};
const size_t local_param_count = ARRAY_LEN(local_param_rows);
