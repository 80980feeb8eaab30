/* SPDX-License-Identifier: ISC */
/* Address lists: items lie in the text, in order; rewriting nothing changes
 * nothing; a rewritten list holds the rewritten addresses. */
#include <stdlib.h>

#include "base/buf.h"
#include "mail/address.h"
#include "mail/date.h"
#include "mail/list.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool condition)
{
	if (!condition)
		abort();
}

static int same(void *arg, struct str addr, struct buf *to)
{
	(void)arg;
	buf_put(to, addr);
	return 1;
}

static int constant(void *arg, struct str addr, struct buf *to)
{
	unsigned *calls = arg;

	(void)addr;
	(*calls)++;
	buf_put(to, STR("new one@example.com"));
	return 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = str_of(data, size);
	BUF_SCOPED addr = BUF_INIT(512);
	BUF_SCOPED out = BUF_INIT(size * 32 + 64);
	struct mail_list list;
	struct mail_list_item item;
	const char *last = text.p;
	unsigned usable = 0, calls = 0;
	time_t when;

	mail_list_init(&list, text);
	while (mail_list_next(&list, &item, &addr)) {
		check(item.spec.n == 0 ||
		      (item.spec.p >= last &&
		       item.spec.p + item.spec.n <= text.p + text.n));
		if (item.spec.n > 0)
			last = item.spec.p + item.spec.n;
		check(!item.usable || addr.n > 0);
		usable += item.usable;
	}
	check(mail_list_rewrite(text, 512, same, NULL, &out) == 0);
	check(str_eq(buf_str(&out), text));
	buf_reset(&out);
	check(mail_list_rewrite(text, 512, constant, &calls, &out) >= 0);
	check(calls == usable);
	if (date_parse(text, &when))
		check(text.n > 0);
	return 0;
}
