/* SPDX-License-Identifier: ISC */
/* Aliases' and forward files' targets, and the text of a message on its way
 * into a mailbox. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/buf.h"
#include "local/content.h"
#include "local/exit_status.h"
#include "local/target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_targets(struct str text, bool lines)
{
	CLEANUP(arena_free) struct arena *a = arena_new((size_t)16 << 20);
	struct targets t = {.list = NULL};

	if (a == NULL || targets_parse(text, lines, a, &t) != 0)
		return;
	for (size_t i = 0; i < t.count; i++)
		if (t.list[i].text.n == 0 || t.list[i].text.n > TARGET_MAX ||
		    (t.list[i].kind == TARGET_FILE &&
		     t.list[i].text.p[0] != '/'))
			abort();
}

static void try_content(struct str text, unsigned flags)
{
	BUF_SCOPED whole = BUF_INIT(text.n * 4 + 64);
	BUF_SCOPED halves = BUF_INIT(text.n * 4 + 64);
	struct content c;

	content_init(&c, flags, STR("\n"));
	content_feed(&c, text, &whole);
	content_end(&c, &whole);
	content_init(&c, flags, STR("\n"));
	content_feed(&c, str_first(text, text.n / 2), &halves);
	content_feed(&c, str_after(text, text.n / 2), &halves);
	content_end(&c, &halves);
	if (whole.failed || !str_eq(buf_str(&whole), buf_str(&halves)) ||
	    whole.n > content_most(text.n, 1))
		abort();
	if ((flags & CONTENT_QUOTE_FROM) &&
	    (str_begins(buf_str(&whole), STR("From ")) ||
	     str_find(buf_str(&whole), STR("\nFrom ")) != SIZE_MAX))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = str_of(data, size), code;

	try_targets(text, false);
	try_targets(text, true);
	try_content(text, 0);
	try_content(text, CONTENT_QUOTE_FROM | CONTENT_BLANK_END);
	try_content(text, CONTENT_QUOTE_FROM | CONTENT_QUOTE_DOT);
	if (content_was_delivered_to(text, STR("a@b.test")) < 0)
		abort();
	(void)exit_status_eat_dsn(&text, &code);
	return 0;
}
