/* SPDX-License-Identifier: ISC */
/* The rows of params.def. */
#include "rewrite/params.h"

const struct param rewrite_param_rows[] = {
#define PARAM(...) PARAM_ROW(struct rewrite_params, __VA_ARGS__),
#include "rewrite/params.def"
#undef PARAM
};
const size_t rewrite_param_count = ARRAY_LEN(rewrite_param_rows);
