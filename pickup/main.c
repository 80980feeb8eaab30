/* SPDX-License-Identifier: ISC */
/* pickup(8), started by master. */
#include "pickup/pickup.h"

int main(int argc, char **argv)
{
	return service_main(&pickup_service, argc, argv);
}
