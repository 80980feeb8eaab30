/* SPDX-License-Identifier: ISC */
/* Lines of postmap and postalias sources, list elements, networks. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/log.h"
#include "conf/conf.h"
#include "table/elements.h"
#include "table/entry.h"
#include "table/lines.h"
#include "table/network.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is taken apart lies within what was given. */
static void check_within(struct str part, struct str whole)
{
	assert(part.n == 0 ||
	       (part.p >= whole.p && part.p + part.n <= whole.p + whole.n));
}

static void try_line(struct str line)
{
	BUF_SCOPED k = BUF_INIT(line.n + 1);
	BUF_SCOPED v = BUF_INIT(2 * line.n + 2);
	struct str key, value;

	(void)entry_split(line, &key, &value);
	check_within(key, line);
	check_within(value, line);
	(void)entry_looks_like_alias(key, value);
	if (entry_split_alias(line, &k, &v) == ENTRY_OK)
		assert(!k.failed && !v.failed && k.n > 0 && v.n > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	BUF_SCOPED line = BUF_INIT(4096);
	struct str all = str_of(data, size);
	struct str rest = all;
	struct str element, inside;
	struct lines lines = lines_of("fuzz", all);
	struct network n;
	unsigned number;
	static bool ready;

	if (!ready)
		log_open(&(struct log_opts){
			.tag = "fuzz", .role = "fuzz", .fd = -1});
	ready = true;
	while (lines_next(&lines, &line, &number))
		try_line(buf_str(&line));
	while (conf_list_next(&rest, &element)) {
		check_within(element, all);
		if (elements_unbrace(element, &inside))
			check_within(inside, all);
		(void)elements_is_table(element);
		(void)!network_parse(element, &n, NULL);
	}
	return 0;
}
