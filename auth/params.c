/* SPDX-License-Identifier: ISC */
/* The rows of params.def. */
#include "auth/params.h"

const struct param auth_param_rows[AUTH_PARAM_COUNT] = {
#define PARAM(...) PARAM_ROW(struct auth_params, __VA_ARGS__),
#include "auth/params.def"
#undef PARAM
};
