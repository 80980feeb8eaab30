/* SPDX-License-Identifier: ISC */
/* relay/params.c — see params.h. */
#include "relay/params.h"

#include "base/cc.h"

const struct param relay_param_rows[] = {
#define PARAM(...) PARAM_ROW(struct relay_params, __VA_ARGS__),
#include "relay/params.def"
#undef PARAM
};

const size_t relay_param_count = ARRAY_LEN(relay_param_rows);
