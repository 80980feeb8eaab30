/* SPDX-License-Identifier: ISC */
/* qmgr: the queue manager. */
#include "qmgr/daemon.h"
#include "service/service.h"

int main(int argc, char **argv)
{
	return service_main(&qmgr_service, argc, argv);
}
