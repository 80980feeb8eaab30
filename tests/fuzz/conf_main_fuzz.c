/* SPDX-License-Identifier: ISC */
/* Any bytes as main.cf: lines, lists, expansion, editing. */
#include <stdint.h>
#include <stdlib.h>

#include "base/buf.h"
#include "conf/conf.h"
#include "conf/edit.h"
#include "conf/logical.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Names find each other: $a is the first entry's value, $b the second's. */
struct values {
	struct str value[2];
};

static enum expand_answer find(void *arg, struct str name, struct str *value)
{
	const struct values *v = arg;

	if (name.n != 1 || name.p[0] < 'a' || name.p[0] > 'b')
		return EXPAND_ABSENT;
	*value = v->value[name.p[0] - 'a'];
	return EXPAND_FOUND;
}

static void look_at_value(struct str value)
{
	struct str rest = value, element;
	int64_t number;
	size_t seen = 0;

	while (conf_list_next(&rest, &element)) {
		if (element.n == 0)
			abort();
		seen += element.n;
		(void)conf_unbrace(&element);
	}
	if (seen > value.n)
		abort();
	(void)!conf_parse_time(value, 's', &number);
	(void)!conf_parse_int(value, &number);
}

static void expand(const struct values *v, bool recurse)
{
	struct expand_names names = {
		.arg = (void *)(uintptr_t)v, .find = find, .recurse = recurse};
	BUF_SCOPED out = BUF_INIT(4096);

	(void)!conf_expand_with(&names, v->value[0], &out, NULL);
	if (out.n > 4096)
		abort();
}

/* Setting what is there to what it is, twice, changes nothing more. */
static void edit(struct str text)
{
	struct edit e = {.name = STR_INIT("a"), .value = STR_INIT("1")};
	BUF_SCOPED once = BUF_INIT(CONF_FILE_MAX);
	BUF_SCOPED twice = BUF_INIT(CONF_FILE_MAX);

	if (edit_main(text, EDIT_SET, &e, 1, &once) < 0 ||
	    edit_main(buf_str(&once), EDIT_SET, &e, 1, &twice) < 0 ||
	    !str_eq(buf_str(&once), buf_str(&twice)))
		abort();
	buf_reset(&once);
	if (edit_main(text, EDIT_REMOVE, &e, 1, &once) < 0 || once.n > text.n)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = str_of(data, size);
	struct logical l = logical_of(text);
	BUF_SCOPED line = BUF_INIT(CONF_FILE_MAX);
	BUF_SCOPED kept = BUF_INIT(2 * CONF_FILE_MAX);
	size_t at[3] = {0, 0, 0}, n = 0;
	struct values v = {{STR(""), STR("")}};
	struct str name, value;
	int first, before = 0;

	if (size > 1 << 16)
		return 0;
	while (logical_next(&l, &line, &first)) {
		if (first <= before)
			abort();
		before = first;
		if (conf_split_assignment(buf_str(&line), &name, &value) < 0)
			continue;
		look_at_value(value);
		if (n < 2 && buf_put(&kept, value))
			at[++n] = kept.n;
	}
	for (size_t i = 0; i < n; i++)
		v.value[i] = str_first(str_after(buf_str(&kept), at[i]),
				       at[i + 1] - at[i]);
	/* one level only: a value that names itself twice grows too long for
	 * a fuzzer's patience */
	expand(&v, false);
	if (v.value[0].n + v.value[1].n < 64)
		expand(&v, true);
	edit(text);
	return 0;
}
