/* SPDX-License-Identifier: ISC */
/* pickup/pickup.h — the daemon's description, for main.c. */
#ifndef PICKUP_PICKUP_H
#define PICKUP_PICKUP_H

#include "service/service.h"

extern const struct service pickup_service;

#endif
