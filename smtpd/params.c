/* SPDX-License-Identifier: ISC */
/* smtpd/params.c — see params.h. */
#include "smtpd/params.h"

#include "base/cc.h"

const struct param smtpd_param_rows[] = {
#define PARAM(...) PARAM_ROW(struct smtpd_params, __VA_ARGS__),
#include "smtpd/params.def"
#undef PARAM
};

const size_t smtpd_param_count = ARRAY_LEN(smtpd_param_rows);
