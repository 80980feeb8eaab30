/* SPDX-License-Identifier: ISC */
/* pop3d/params.c — see params.h. */
#include "pop3d/params.h"

const struct param pop3d_param_rows[POP3D_PARAM_COUNT] = {
#define PARAM(...) PARAM_ROW(struct pop3d_params, __VA_ARGS__),
#include "pop3d/params.def"
#undef PARAM
};
