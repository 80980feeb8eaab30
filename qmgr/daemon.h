/* SPDX-License-Identifier: ISC */
/* qmgr/daemon.h — the queue manager as a service. */
#ifndef QMGR_DAEMON_H
#define QMGR_DAEMON_H

struct service;

extern const struct service qmgr_service;

#endif
