/* SPDX-License-Identifier: ISC */
/* Opening and closing what routing asks. */
#include <errno.h>
#include <stdlib.h>

#include "base/map.h"
#include "base/why.h"
#include "route/inside.h"

static const struct param rows[] = {
#define PARAM(...) PARAM_ROW(struct route_params, __VA_ARGS__),
#include "route/params.def"
#undef PARAM
};

static int open_lists(struct route *r, struct why *why)
{
	const struct conf_common *c = r->common;
	const struct {
		const char *title;
		struct str text;
		struct matchlist **list;
	} lists[] = {
		{"virtual_alias_domains", c->virtual_alias_domains,
		 &r->alias_domains},
		{"virtual_mailbox_domains", c->virtual_mailbox_domains,
		 &r->mailbox_domains},
		{"relay_domains", c->relay_domains, &r->relay_domains},
	};
	int e = 0;

	for (size_t i = 0; e == 0 && i < ARRAY_LEN(lists); i++)
		e = matchlist_open(lists[i].title, lists[i].text,
				   matchlist_parent_flag(
					   c->parent_domain_matches_subdomains,
					   lists[i].title),
				   lists[i].list, why);
	return e;
}

static int open_maps(struct route *r, struct why *why)
{
	const struct conf_common *c = r->common;
	const struct {
		const char *title;
		struct str text;
		struct maps **maps;
	} all[] = {
		{"transport_maps", c->transport_maps, &r->transport},
		{"relocated_maps", c->relocated_maps, &r->relocated},
		{"sender_dependent_relayhost_maps",
		 c->sender_dependent_relayhost_maps, &r->sender_relayhost},
		{"sender_dependent_default_transport_maps",
		 c->sender_dependent_default_transport_maps,
		 &r->sender_transport},
		{"canonical_maps", c->canonical_maps, &r->canonical},
		{"recipient_canonical_maps", c->recipient_canonical_maps,
		 &r->recipient_canonical},
		{"virtual_alias_maps", c->virtual_alias_maps, &r->aliases},
		{"local_recipient_maps", c->local_recipient_maps,
		 &r->local_recipients},
		{"virtual_mailbox_maps", c->virtual_mailbox_maps,
		 &r->mailboxes},
		{"relay_recipient_maps", c->relay_recipient_maps,
		 &r->relay_recipients},
	};
	int e = 0;

	for (size_t i = 0; e == 0 && i < ARRAY_LEN(all); i++)
		e = maps_open(all[i].title, all[i].text, NULL, all[i].maps,
			      why);
	return e;
}

int route_open(const struct conf *conf, const struct conf_common *common,
	       struct route **out, struct why *why)
{
	CLEANUP(route_close) struct route *r = calloc(1, sizeof(*r));
	int e;

	*out = NULL;
	if (r == NULL)
		return why_fail(why, -ENOMEM, "out of memory");
	r->common = common;
	r->checked = map_new();
	if (r->checked == NULL)
		return why_fail(why, -ENOMEM, "out of memory");
	r->transport_parents =
		matchlist_parent_flag(common->parent_domain_matches_subdomains,
				      "transport_maps") != 0;
	e = conf_fill(conf, rows, ARRAY_LEN(rows), &r->params, why);
	if (e == 0)
		e = site_open(common, &r->site, why);
	if (e == 0)
		e = open_lists(r, why);
	if (e == 0)
		e = open_maps(r, why);
	if (e < 0)
		return e;
	*out = r;
	r = NULL;
	return 0;
}

void route_close(struct route *r)
{
	if (r == NULL)
		return;
	site_close(r->site);
	matchlist_close(r->alias_domains);
	matchlist_close(r->mailbox_domains);
	matchlist_close(r->relay_domains);
	map_free(r->checked);
	maps_close(r->transport);
	maps_close(r->relocated);
	maps_close(r->sender_relayhost);
	maps_close(r->sender_transport);
	maps_close(r->canonical);
	maps_close(r->recipient_canonical);
	maps_close(r->aliases);
	maps_close(r->local_recipients);
	maps_close(r->mailboxes);
	maps_close(r->relay_recipients);
	free(r);
}

struct site *route_site(struct route *r)
{
	return r->site;
}
