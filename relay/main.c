/* SPDX-License-Identifier: ISC */
/* relay/main.c — SMTP and LMTP client: the delivery agent for other hosts.
 * See relay(8). */
#include "relay/relay.h"

int main(int argc, char **argv)
{
	return relay_main(argc, argv);
}
