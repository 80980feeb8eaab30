/* SPDX-License-Identifier: ISC */
/* From main.cf to an open queue. */
#include <errno.h>
#include <limits.h>

#include "base/why.h"
#include "conf/conf.h"
#include "conf/param.h"
#include "delivery/spool.h"
#include "queue/writer.h"

struct spool_params {
#define PARAM(kind, name, ...) PARAM_FIELD_##kind name;
#include "queue/params.def"
#undef PARAM
};

static const struct param rows[] = {
#define PARAM(...) PARAM_ROW(struct spool_params, __VA_ARGS__),
#include "queue/params.def"
#undef PARAM
};

int spool_open(const struct conf *conf, const struct conf_common *common,
	       struct queue **out, struct why *why)
{
	struct spool_params p;
	struct queue_opts opts;
	char directory[PATH_MAX];
	int error = conf_fill(conf, rows, ARRAY_LEN(rows), &p, why);

	if (error != 0)
		return error;
	if (!str_to_c(common->queue_directory, directory, sizeof(directory)))
		return why_fail(why, -EINVAL, "queue_directory is too long");
	opts = (struct queue_opts){
		.memory_limit = (uint64_t)p.journal_message_limit,
		.hash_queue_names = p.hash_queue_names,
		.hash_queue_depth = (unsigned)p.hash_queue_depth,
		.journal_segment_size = (uint64_t)p.journal_segment_size,
		.journal_segments = (unsigned)p.journal_segments_max,
	};
	return queue_open(directory, &opts, out, why);
}
