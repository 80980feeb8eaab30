/* SPDX-License-Identifier: ISC */
/* lib/table/proxy.h — what a process in a jail and proxymap tell each other.
 *
 * ASK{NUMBER, NAME, KEY, FLAGS} and ANSWER{NUMBER, STATUS, VALUE} of
 * ipc/messages.def; STATUS is an enum table_answer. */
#ifndef TABLE_PROXY_H
#define TABLE_PROXY_H

#include <stdint.h>

#include "table/table.h"

enum proxy_flag {
	PROXY_FOLD_KEY = 1 << 0,
	PROXY_NO_SUBSTITUTION = 1 << 1,
	PROXY_FLAGS_ALL = PROXY_FOLD_KEY | PROXY_NO_SUBSTITUTION,
};

/* Longest key and value that fit a message with all the rest. */
#define PROXY_TEXT_MAX ((size_t)48 * 1024)

static inline uint64_t proxy_flags(const struct table_opts *opts)
{
	return (opts->fold_key ? (uint64_t)PROXY_FOLD_KEY : 0) |
	       (opts->no_substitution ? (uint64_t)PROXY_NO_SUBSTITUTION : 0);
}

static inline struct table_opts proxy_opts(uint64_t flags)
{
	return (struct table_opts){
		.fold_key = (flags & PROXY_FOLD_KEY) != 0,
		.no_substitution = (flags & PROXY_NO_SUBSTITUTION) != 0,
		.value_max = PROXY_TEXT_MAX,
	};
}

#endif
