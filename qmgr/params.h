/* SPDX-License-Identifier: ISC */
/* qmgr/params.h — the queue manager's configuration, made from params.def. */
#ifndef QMGR_PARAMS_H
#define QMGR_PARAMS_H

#include "conf/param.h"

struct qmgr_params {
#define PARAM(kind, name, ...) PARAM_FIELD_##kind name;
#include "qmgr/params.def"
#undef PARAM
};

enum {
	QMGR_PARAM_COUNT = 0
#define PARAM(...) +1
#include "qmgr/params.def"
#undef PARAM
};

extern const struct param qmgr_param_rows[QMGR_PARAM_COUNT];

#endif
