/* SPDX-License-Identifier: ISC */
/* lib/rewrite/params.h — the configuration of lib/rewrite, made from
 * params.def. */
#ifndef REWRITE_PARAMS_H
#define REWRITE_PARAMS_H

#include "conf/param.h"

struct rewrite_params {
#define PARAM(kind, name, ...) PARAM_FIELD_##kind name;
#include "rewrite/params.def"
#undef PARAM
};

extern const struct param rewrite_param_rows[];
extern const size_t rewrite_param_count;

#endif
