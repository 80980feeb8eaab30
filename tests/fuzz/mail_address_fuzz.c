/* SPDX-License-Identifier: ISC */
/* Paths: what is taken is an address, and quoting it gives it back. */
#include <stdlib.h>

#include "base/buf.h"
#include "mail/address.h"
#include "mail/domain.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool condition)
{
	if (!condition)
		abort();
}

static void check_address(struct str addr)
{
	BUF_SCOPED external = BUF_INIT(8192);
	BUF_SCOPED again = BUF_INIT(8192);
	struct str local;

	if (addr.n == 0)
		return;
	(void)mail_address_split(addr, &local, NULL);
	check(local.n > 0);
	check(mail_address_quote(&external, addr));
	check(mail_address_unquote(&again, buf_str(&external)) == 0);
	check(str_eq(buf_str(&again), addr));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = str_of(data, size), s;
	BUF_SCOPED addr = BUF_INIT(2048);

	for (unsigned flags = 0; flags < 8; flags++) {
		const struct mail_path_opts opts = {
			.strict = (flags & 1) != 0,
			.utf8 = (flags & 2) != 0,
			.allow_empty = (flags & 4) != 0,
		};

		s = text;
		if (mail_path_parse(&s, &opts, &addr, NULL) == 0)
			check_address(buf_str(&addr));
		else
			check(s.p == text.p && s.n == text.n);
	}
	buf_reset(&addr);
	if (mail_address_unquote(&addr, text) == 0)
		check(addr.n > 0);
	(void)domain_is_valid(text, true);
	return 0;
}
