/* SPDX-License-Identifier: ISC */
/* local(8), virtual(8) and pipe(8), started by master. */
#include "local/agent.h"

int main(int argc, char **argv)
{
	return local_main(argc, argv);
}
