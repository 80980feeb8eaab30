/* SPDX-License-Identifier: ISC */
/* Trivial rewriting: see address.h. */
#include "rewrite/address.h"

#include <errno.h>
#include <stdint.h>

#include "base/buf.h"
#include "conf/param.h"
#include "mail/address.h"

/* An address without "@": put the local part it means into *out and return
 * the domain that a "!" or "%" names, empty when there is none. */
static struct str take_route(const struct conf_common *common,
			     struct str address, struct buf *out)
{
	size_t bang = str_find_byte(address, '!');
	size_t percent = str_find_last_byte(address, '%');

	if (common->swap_bangpath && bang != SIZE_MAX && bang > 0 &&
	    bang + 1 < address.n) {
		(void)buf_put(out, str_after(address, bang + 1));
		return str_first(address, bang);
	}
	if (common->allow_percent_hack && percent != SIZE_MAX && percent > 0 &&
	    percent + 1 < address.n) {
		(void)buf_put(out, str_first(address, percent));
		return str_after(address, percent + 1);
	}
	(void)buf_put(out, address);
	return STR("");
}

int address_complete(const struct conf_common *common, struct str origin,
		     struct str address, struct buf *out)
{
	struct str local;
	struct str domain;
	bool literal;

	buf_reset(out);
	if (address.n == 0)
		return 0;
	if (mail_address_split(address, &local, &domain) && domain.n > 0)
		(void)buf_put(out, local);
	else
		domain = take_route(common, local, out);
	literal = str_begins(domain, STR("["));
	while (!literal && str_ends(domain, STR(".")))
		domain.n--;
	if (domain.n == 0 && common->append_at_myorigin) {
		domain = origin;
		literal = str_begins(domain, STR("["));
	}
	if (domain.n > 0) {
		(void)buf_put_byte(out, '@');
		(void)buf_put(out, domain);
		if (common->append_dot_mydomain && !literal &&
		    str_find_byte(domain, '.') == SIZE_MAX) {
			(void)buf_put_byte(out, '.');
			(void)buf_put(out, common->mydomain);
		}
	}
	return out->failed ? -ENOMEM : 0;
}
