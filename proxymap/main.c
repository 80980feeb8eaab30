/* SPDX-License-Identifier: ISC */
/* proxymap(8), started by master. */
#include "proxymap/proxymap.h"

int main(int argc, char **argv)
{
	return service_main(&proxymap_service, argc, argv);
}
