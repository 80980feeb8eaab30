/* SPDX-License-Identifier: ISC */
/* pop3d(8), started by master. */
#include "pop3d/pop3d.h"

int main(int argc, char **argv)
{
	return service_main(&pop3d_service, argc, argv);
}
