/* SPDX-License-Identifier: ISC */
/* The tables and attributes of each kind of agent. */
#include "local/agent.h"
#include "local/params.h"
#include "local/pipe.h"
#include "table/maps.h"

/* Values become file names, commands and ids: no $1 from an address there. */
static const struct table_opts strict = {.fold_key = true,
					 .no_substitution = true};

static const struct table_opts as_they_are = {.fold_key = false};

static int open_local(struct agent *a, struct why *why)
{
	const struct local_params *p = a->params;
	int error = table_open(STR("unix:passwd.byname"), &as_they_are,
			       &a->users, why);

	if (error == 0)
		error = maps_open("alias_maps", a->common->alias_maps, &strict,
				  &a->aliases, why);
	if (error == 0)
		error = maps_open("mailbox_command_maps",
				  p->mailbox_command_maps, &strict,
				  &a->command_maps, why);
	if (error == 0)
		error = maps_open("mailbox_transport_maps",
				  p->mailbox_transport_maps, &strict,
				  &a->transport_maps, why);
	if (error == 0)
		error = maps_open("fallback_transport_maps",
				  p->fallback_transport_maps, &strict,
				  &a->fallback_maps, why);
	return error;
}

static int open_virtual(struct agent *a, struct why *why)
{
	const struct local_params *p = a->params;
	int error = maps_open("virtual_mailbox_maps",
			      a->common->virtual_mailbox_maps, &strict,
			      &a->mailboxes, why);

	if (error == 0)
		error = maps_open("virtual_uid_maps", p->virtual_uid_maps,
				  &strict, &a->uids, why);
	if (error == 0)
		error = maps_open("virtual_gid_maps", p->virtual_gid_maps,
				  &strict, &a->gids, why);
	return error;
}

int agent_open_tables(struct agent *a, struct why *why)
{
	switch (a->kind) {
	case AGENT_LOCAL:
		return open_local(a, why);
	case AGENT_VIRTUAL:
		return open_virtual(a, why);
	case AGENT_PIPE:
		return pipe_open(a, why);
	}
	return 0;
}
