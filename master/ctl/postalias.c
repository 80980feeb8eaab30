/* SPDX-License-Identifier: ISC */
/* postalias(1): make, ask and list tables of `key: value` lines. */
#include <time.h>

#include "conf/conf.h"
#include "ctl/postmap.h"

/* What NIS wants to find in an alias table, and the mark by which other mail
 * systems know that it is whole. */
static int finish(struct build *b, const struct conf *conf)
{
	BUF_SCOPED now = BUF_INIT(32);
	BUF_SCOPED name = BUF_INIT(1024);
	int r;

	buf_putf(&now, "%lld", (long long)time(NULL));
	r = build_put(b, STR("YP_LAST_MODIFIED"), buf_str(&now), true);
	if (r == 0)
		r = conf_value(conf, STR("myhostname"), &name);
	if (r == 0)
		r = build_put(b, STR("YP_MASTER_NAME"), buf_str(&name), true);
	if (r == 0)
		r = build_put(b, STR("@"), STR("@"), true);
	return r;
}

const struct postmap_style postalias_style = {
	.usage = "[-finNoprsuUvw] [-c config_dir] [-d key] [-q key] "
		 "[map_type:]file...",
	.options = "finNoprsuUvwc:d:q:",
	.separator = ":\t",
	.split = entry_split_alias,
	.finish = finish,
};

int main(int argc, char **argv)
{
	return postmap_main(&postalias_style, argc, argv);
}
