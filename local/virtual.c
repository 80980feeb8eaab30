/* SPDX-License-Identifier: ISC */
/* virtual(8): mailboxes from tables. */
#include <errno.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/byteset.h"
#include "base/log.h"
#include "local/agent.h"
#include "local/params.h"
#include "mail/address.h"
#include "table/maps.h"

#define PATH_MOST 4000

/* Whoever runs the site has made a mistake that the sender cannot help. */
static void misconfigured(struct delivery *d)
{
	delivery_say(d, OUTCOME_DEFERRED, STR("4.3.5"),
		     "mail system configuration error");
}

/* The number that `maps` has for the recipient.
 * Returns: whether there is one; if not, the outcome is decided. */
static bool find_id(struct delivery *d, struct maps *maps, const char *title,
		    struct str address, int64_t least, uint64_t *id)
{
	BUF_SCOPED value = BUF_INIT(256);
	enum table_answer answer;

	answer = maps_find_address(maps, d->agent->site, address, MAPS_MAILBOX,
				   &value, NULL);
	if (answer == TABLE_LATER) {
		delivery_say(d, OUTCOME_DEFERRED, STR("4.3.5"),
			     "mail system configuration error");
		return false;
	}
	if (answer == TABLE_ABSENT) {
		log_warning("recipient " STR_FMT ": not found in %s",
			    STR_ARG(address), title);
		misconfigured(d);
		return false;
	}
	if (!str_to_u64(str_trim(buf_str(&value), &byteset_space),
			UINT32_MAX - 1, id) ||
	    *id == 0 || *id < (uint64_t)least) {
		log_warning("recipient " STR_FMT ": bad id " STR_FMT " in %s",
			    STR_ARG(address), STR_ARG(buf_str(&value)), title);
		misconfigured(d);
		return false;
	}
	return true;
}

static bool find_who(struct delivery *d, struct str address,
		     struct nursery_who *who)
{
	const struct agent *a = d->agent;
	uint64_t uid = 0, gid = 0;

	if (!find_id(d, a->uids, "virtual_uid_maps", address,
		     a->params->virtual_minimum_uid, &uid) ||
	    !find_id(d, a->gids, "virtual_gid_maps", address, 1, &gid))
		return false;
	*who = (struct nursery_who){(uid_t)uid, (gid_t)gid, false};
	return true;
}

/* Base and value.  Returns: false when that is no path. */
static bool make_path(const struct delivery *d, struct str value,
		      struct buf *path)
{
	struct str base = d->agent->params->virtual_mailbox_base;

	while (base.n > 1 && str_ends(base, STR("/")))
		base.n--;
	if (base.n > 0) {
		buf_put(path, base);
		buf_put(path, STR("/"));
	}
	while (base.n > 0 && str_eat(&value, STR("/")))
		continue;
	buf_put(path, value);
	return !path->failed && value.n > 0 && path->p[0] == '/' &&
	       str_find_byte(buf_str(path), '\0') == SIZE_MAX;
}

static void to_mailbox(struct delivery *d, struct str address, struct str value)
{
	BUF_SCOPED path = BUF_INIT(PATH_MOST);
	struct mailbox_order order = {
		.user = address,
		.limit = d->agent->common->virtual_mailbox_limit,
		.flags = TASK_VIRTUAL |
			 (d->agent->params->strict_mailbox_ownership
				  ? (unsigned)TASK_STRICT
				  : 0u),
		.delivered_to = true,
	};

	if (!make_path(d, value, &path)) {
		log_warning("recipient " STR_FMT ": bad mailbox " STR_FMT,
			    STR_ARG(address), STR_ARG(value));
		misconfigured(d);
		return;
	}
	if (!find_who(d, address, &order.who))
		return;
	order.path = buf_str(&path);
	delivery_to_mailbox(d, &order);
}

void virtual_deliver(struct delivery *d)
{
	BUF_SCOPED address = BUF_INIT(QUEUE_ADDRESS_MAX);
	BUF_SCOPED value = BUF_INIT(PATH_MOST);

	(void)mail_address_fold(&address, d->recipient->address, true);
	switch (maps_find_address(d->agent->mailboxes, d->agent->site,
				  buf_str(&address), MAPS_MAILBOX, &value,
				  NULL)) {
	case TABLE_FOUND:
		to_mailbox(d, buf_str(&address),
			   str_trim(buf_str(&value), &byteset_space));
		break;
	case TABLE_ABSENT:
		delivery_say(d, OUTCOME_BOUNCED, STR("5.1.1"),
			     "unknown user: \"" STR_FMT "\"",
			     STR_ARG(buf_str(&address)));
		break;
	case TABLE_LATER:
		delivery_say(d, OUTCOME_DEFERRED, STR("4.3.0"),
			     "virtual_mailbox_maps lookup error");
		break;
	}
}
