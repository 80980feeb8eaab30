/* SPDX-License-Identifier: ISC */
/* pop3d/params.h — pop3d's configuration, made from params.def. */
#ifndef POP3D_PARAMS_H
#define POP3D_PARAMS_H

#include "conf/param.h"

struct pop3d_params {
#define PARAM(kind, name, ...) PARAM_FIELD_##kind name;
#include "pop3d/params.def"
#undef PARAM
};

enum {
	POP3D_PARAM_COUNT = 0
#define PARAM(...) +1
#include "pop3d/params.def"
#undef PARAM
};

extern const struct param pop3d_param_rows[POP3D_PARAM_COUNT];

#endif
