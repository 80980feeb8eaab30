/* SPDX-License-Identifier: ISC */
/* smtpd/params.h — smtpd's configuration, made from params.def. */
#ifndef SMTPD_PARAMS_H
#define SMTPD_PARAMS_H

#include "conf/param.h"

struct smtpd_params {
#define PARAM(kind, name, ...) PARAM_FIELD_##kind name;
#include "smtpd/params.def"
#undef PARAM
};

extern const struct param smtpd_param_rows[];
extern const size_t smtpd_param_count;

#endif
