/* SPDX-License-Identifier: ISC */
/* Any bytes as master.cf. */
#include <stdint.h>
#include <stdlib.h>

#include "base/buf.h"
#include "conf/edit.h"
#include "conf/logical.h"
#include "conf/mastercf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look_at(const struct master_entry *e)
{
	if (e->word_count == 0 || e->line < 1 || e->wakeup_s < 0 ||
	    e->maxproc < -1 ||
	    e->arg_count + e->override_count >= e->word_count + 1)
		abort();
	for (size_t i = 0; i < e->override_count; i++) {
		if (e->overrides[i].name.n == 0)
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = str_of(data, size);
	unsigned flags = MASTERCF_QUIET;

	for (int i = 0; i < 2; i++, flags |= MASTERCF_AS_WRITTEN) {
		BUF_SCOPED out = BUF_INIT(CONF_FILE_MAX);
		struct mastercf *m;

		if (mastercf_parse(text, "fuzz", NULL, flags, &m, NULL) < 0)
			continue;
		for (size_t k = 0; k < mastercf_count(m); k++)
			look_at(mastercf_entry(m, k));
		if (mastercf_count(m) > 0 &&
		    edit_line(text, EDIT_REMOVE, mastercf_entry(m, 0)->line,
			      STR(""), &out) < 0)
			abort();
		mastercf_free(m);
	}
	return 0;
}
