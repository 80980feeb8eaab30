/* SPDX-License-Identifier: ISC */
/* local/params.h — the configuration of local, virtual and pipe, made from
 * params.def. */
#ifndef LOCAL_PARAMS_H
#define LOCAL_PARAMS_H

#include "conf/param.h"

struct local_params {
#define PARAM(kind, name, ...) PARAM_FIELD_##kind name;
#include "local/params.def"
#undef PARAM
};

extern const struct param local_param_rows[];
extern const size_t local_param_count;

#endif
