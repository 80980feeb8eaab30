/* SPDX-License-Identifier: ISC */
/* Canonical, masquerade and copies: see maps.h.  Virtual aliases, which lead
 * to further aliases, are in expand.c. */
#include "rewrite/maps.h"

#include <errno.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/byteset.h"
#include "base/why.h"
#include "conf/conf.h"
#include "mail/address.h"
#include "mail/domain.h"
#include "mail/list.h"
#include "rewrite/address.h"
#include "rewrite/inside.h"
#include "rewrite/params.h"
#include "table/maps.h"
#include "table/site.h"

#define VALUE_MAX ((size_t)256 * 1024) /* bytes of one table value */

static const struct {
	struct str name;
	enum rewrite_class class_;
} class_names[] = {
	{STR_INIT("envelope_sender"), REWRITE_ENVELOPE_SENDER},
	{STR_INIT("envelope_recipient"), REWRITE_ENVELOPE_RECIPIENT},
	{STR_INIT("header_sender"), REWRITE_HEADER_SENDER},
	{STR_INIT("header_recipient"), REWRITE_HEADER_RECIPIENT},
};

/* The classes that a ..._classes parameter names. */
static int read_classes(const char *parameter, struct str list, unsigned *out,
			struct why *why)
{
	struct str word;

	*out = 0;
	while (conf_list_next(&list, &word)) {
		size_t i = 0;

		while (i < ARRAY_LEN(class_names) &&
		       !str_eq_nocase(word, class_names[i].name))
			i++;
		if (i == ARRAY_LEN(class_names))
			return why_fail(why, -EINVAL,
					"%s: unknown address class: " STR_FMT,
					parameter, STR_ARG(word));
		*out |= class_names[i].class_;
	}
	return 0;
}

static int open_canonical(struct rewrite_maps *m, struct why *why)
{
	const struct rewrite_params *p = &m->params;
	const struct {
		const char *title;
		struct str maps;
		const char *classes_title;
		struct str classes;
	} rows[REWRITE_CANONICALS] = {
		{"sender_canonical_maps", m->common->sender_canonical_maps,
		 "sender_canonical_classes", p->sender_canonical_classes},
		{"recipient_canonical_maps",
		 m->common->recipient_canonical_maps,
		 "recipient_canonical_classes", p->recipient_canonical_classes},
		{"canonical_maps", m->common->canonical_maps,
		 "canonical_classes", p->canonical_classes},
	};

	for (size_t i = 0; i < REWRITE_CANONICALS; i++) {
		int rc = maps_open(rows[i].title, rows[i].maps, NULL,
				   &m->canonical[i].maps, why);

		if (rc == 0)
			rc = read_classes(rows[i].classes_title,
					  rows[i].classes,
					  &m->canonical[i].classes, why);
		if (rc < 0)
			return rc;
	}
	return 0;
}

int rewrite_maps_open(const struct conf *conf, const struct conf_common *common,
		      struct rewrite_maps **out, struct why *why)
{
	struct rewrite_maps *m = calloc(1, sizeof(*m));
	int rc;

	*out = NULL;
	if (m == NULL)
		return why_fail(why, -ENOMEM, "out of memory");
	m->common = common;
	rc = conf_fill(conf, rewrite_param_rows, rewrite_param_count,
		       &m->params, why);
	if (rc == 0)
		rc = site_open(common, &m->site, why);
	if (rc == 0)
		rc = open_canonical(m, why);
	if (rc == 0)
		rc = read_classes("masquerade_classes",
				  m->params.masquerade_classes,
				  &m->masquerade_classes, why);
	if (rc == 0)
		rc = maps_open("virtual_alias_maps", common->virtual_alias_maps,
			       &(struct table_opts){.fold_key = true,
						    .value_max = VALUE_MAX,
						    .timeout_ms = 60000},
			       &m->aliases, why);
	if (rc == 0)
		rc = maps_open("sender_bcc_maps", m->params.sender_bcc_maps,
			       NULL, &m->sender_bcc, why);
	if (rc == 0)
		rc = maps_open("recipient_bcc_maps",
			       m->params.recipient_bcc_maps, NULL,
			       &m->recipient_bcc, why);
	if (rc < 0) {
		rewrite_maps_close(m);
		return rc;
	}
	m->propagate_canonical = maps_propagates(
		common->propagate_unmatched_extensions, "canonical");
	m->propagate_virtual = maps_propagates(
		common->propagate_unmatched_extensions, "virtual");
	*out = m;
	return 0;
}

void rewrite_maps_close(struct rewrite_maps *m)
{
	if (m == NULL)
		return;
	for (size_t i = 0; i < REWRITE_CANONICALS; i++)
		maps_close(m->canonical[i].maps);
	maps_close(m->aliases);
	maps_close(m->sender_bcc);
	maps_close(m->recipient_bcc);
	site_close(m->site);
	free(m);
}

const struct rewrite_params *rewrite_maps_params(const struct rewrite_maps *m)
{
	return &m->params;
}

bool rewrite_has_recipient_maps(const struct rewrite_maps *m)
{
	return !maps_is_empty(m->aliases) || !maps_is_empty(m->recipient_bcc);
}

/* ---- one address out of a table's value ---------------------------------- */

int rewrite_take_result(struct rewrite_maps *m, struct str found,
			struct str asked, struct str ext, struct buf *out)
{
	struct str local;
	struct str domain;
	BUF_SCOPED whole = BUF_INIT(2 * REWRITE_ADDRESS_MAX);

	(void)mail_address_split(asked, &local, NULL);
	if (str_begins(found, STR("@"))) {
		/* "@other" keeps the local part, extension and all. */
		(void)buf_put(&whole, local);
		(void)buf_put(&whole, found);
	} else {
		(void)mail_address_split(found, &local, &domain);
		(void)buf_put(&whole, local);
		(void)buf_put(&whole, ext);
		if (local.n < found.n) {
			(void)buf_put_byte(&whole, '@');
			(void)buf_put(&whole, domain);
		}
	}
	if (whole.failed)
		return -E2BIG;
	return address_complete(m->common, m->common->myorigin, buf_str(&whole),
				out);
}

/* Replace *address by what `maps` say of it. */
static int apply_maps(struct rewrite_maps *m, struct maps *maps,
		      struct buf *address)
{
	BUF_SCOPED value = BUF_INIT(VALUE_MAX);
	BUF_SCOPED result = BUF_INIT(REWRITE_ADDRESS_MAX);
	BUF_SCOPED first = BUF_INIT(REWRITE_ADDRESS_MAX);
	struct mail_list list;
	struct mail_list_item item;
	struct str ext = STR("");
	int rc;

	if (maps_is_empty(maps))
		return 0;
	switch (maps_find_address(maps, m->site, buf_str(address), MAPS_ADDRESS,
				  &value, &ext)) {
	case TABLE_ABSENT:
		return 0;
	case TABLE_LATER:
		return -EAGAIN;
	case TABLE_FOUND:
		break;
	}
	if (str_begins(buf_str(&value), STR("@"))) {
		(void)buf_put(&first, buf_str(&value));
	} else {
		mail_list_init(&list, buf_str(&value));
		if (!mail_list_next(&list, &item, &first) || !item.usable)
			return 0;
	}
	rc = rewrite_take_result(m, buf_str(&first), buf_str(address),
				 m->propagate_canonical ? ext : STR(""),
				 &result);
	if (rc < 0)
		return rc;
	buf_reset(address);
	return buf_put(address, buf_str(&result)) ? 0 : -ENOMEM;
}

/* ---- masquerading -------------------------------------------------------- */

/* Cut *domain back to the first of masquerade_domains that it is below of;
 * "!domain" in the list leaves it alone. */
static bool masquerade_domain(struct str list, struct str *domain)
{
	struct str element;

	while (conf_list_next(&list, &element)) {
		bool keep = str_eat(&element, STR("!"));

		if (!domain_matches(*domain, element, true))
			continue;
		if (keep || domain->n == element.n)
			return false;
		*domain = element;
		return true;
	}
	return false;
}

static int masquerade(struct rewrite_maps *m, struct buf *address)
{
	struct str list = m->params.masquerade_exceptions;
	struct str element;
	struct str local;
	struct str domain;
	size_t keep;

	if (!mail_address_split(buf_str(address), &local, &domain))
		return 0;
	while (conf_list_next(&list, &element))
		if (str_eq_nocase(element, local))
			return 0;
	if (!masquerade_domain(m->params.masquerade_domains, &domain))
		return 0;
	keep = local.n + 1;
	buf_truncate(address, keep);
	return buf_put(address, domain) ? 0 : -ENOMEM;
}

/* ---- all of it for one address ------------------------------------------- */

int rewrite_address(struct rewrite_maps *m, enum rewrite_class place,
		    bool mapped, struct str address, struct buf *out)
{
	int rc = address_complete(m->common, m->common->myorigin, address, out);

	if (!mapped || out->n == 0)
		return rc;
	/* sender_ and recipient_canonical_maps come before canonical_maps. */
	for (size_t i = 0; rc == 0 && i < REWRITE_CANONICALS; i++)
		if (m->canonical[i].classes & place)
			rc = apply_maps(m, m->canonical[i].maps, out);
	if (rc == 0 && (m->masquerade_classes & place) &&
	    m->params.masquerade_domains.n > 0)
		rc = masquerade(m, out);
	return rc;
}

/* ---- copies -------------------------------------------------------------- */

static int ask_bcc(struct rewrite_maps *m, struct maps *maps,
		   struct str address, struct buf *out)
{
	BUF_SCOPED value = BUF_INIT(REWRITE_ADDRESS_MAX);

	buf_reset(out);
	if (maps_is_empty(maps) || address.n == 0)
		return 0;
	switch (maps_find_address(maps, m->site, address, MAPS_ADDRESS, &value,
				  NULL)) {
	case TABLE_ABSENT:
		return 0;
	case TABLE_LATER:
		return -EAGAIN;
	case TABLE_FOUND:
		break;
	}
	return address_complete(m->common, m->common->myorigin, buf_str(&value),
				out);
}

int rewrite_sender_bcc(struct rewrite_maps *m, struct str sender,
		       struct buf *out)
{
	return ask_bcc(m, m->sender_bcc, sender, out);
}

int rewrite_recipient_bcc(struct rewrite_maps *m, struct str recipient,
			  struct buf *out)
{
	return ask_bcc(m, m->recipient_bcc, recipient, out);
}
