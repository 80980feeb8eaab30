/* SPDX-License-Identifier: ISC */
/* postmap(1): make, ask and list tables of `key value` lines. */
#include "ctl/postmap.h"

static enum entry_trouble split(struct str line, struct buf *key,
				struct buf *value)
{
	struct str k, v;
	enum entry_trouble trouble = entry_split(line, &k, &v);

	buf_put(key, k);
	buf_put(value, v);
	return trouble;
}

const struct postmap_style postmap_style = {
	.usage = "[-bfhinNoprsuUvw] [-c config_dir] [-d key] [-q key] "
		 "[map_type:]file...",
	.options = "bfhinNoprsuUvwc:d:q:",
	.separator = "\t",
	.split = split,
	.odd = entry_looks_like_alias,
};

int main(int argc, char **argv)
{
	return postmap_main(&postmap_style, argc, argv);
}
