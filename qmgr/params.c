/* SPDX-License-Identifier: ISC */
#include "qmgr/params.h"

const struct param qmgr_param_rows[QMGR_PARAM_COUNT] = {
#define PARAM(...) PARAM_ROW(struct qmgr_params, __VA_ARGS__),
#include "qmgr/params.def"
#undef PARAM
};
