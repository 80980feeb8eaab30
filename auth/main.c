/* SPDX-License-Identifier: ISC */
/* auth(8), started by master. */
#include "auth/auth.h"

int main(int argc, char **argv)
{
	return service_main(&auth_service, argc, argv);
}
