/* SPDX-License-Identifier: ISC */
/* lib/conf/param.h — a program's parameters, made from its params.def.
 *
 * A params.def has one row per main.cf parameter that the program reads:
 *
 *	PARAM(kind, name, "default", least, most, "unit", "Sentence.")
 *
 *   kind      STR    text, expanded                       struct str
 *             RAW    text as it is written: its $names are
 *                    filled in when it is used            struct str
 *             BOOL   "yes" or "no"                        bool
 *             INT    whole number                         int64_t
 *             TIME   number and s m h d w                 int64_t milliseconds
 *             SIZE   whole number of bytes                uint64_t bytes
 *   default   as in main.cf; may use $names.  A TIME default has a unit, which
 *             a value without one gets.
 *   least     smallest value; TIME: in seconds; STR, RAW: fewest bytes (1 for
 *             what must not be empty)
 *   most      largest value; 0: no limit
 *   unit      for the manual ("seconds", "bytes", "")
 *   sentence  for the manual; ends in a full stop
 *
 * Text fields live as long as the conf they were filled from.  A parameter has
 * a row in one params.def only; what several programs read is in
 * conf/common.def (struct conf_common).  Three places use the file:
 *
 *	struct smtpd_params {                           -- smtpd/params.h
 *	#define PARAM(kind, name, ...) PARAM_FIELD_##kind name;
 *	#include "smtpd/params.def"
 *	#undef PARAM
 *	};
 *	extern const struct param smtpd_param_rows[];
 *	extern const size_t smtpd_param_count;
 *
 *	const struct param smtpd_param_rows[] = {       -- smtpd/params.c
 *	#define PARAM(...) PARAM_ROW(struct smtpd_params, __VA_ARGS__),
 *	#include "smtpd/params.def"
 *	#undef PARAM
 *	};
 *	const size_t smtpd_param_count = ARRAY_LEN(smtpd_param_rows);
 *
 * and the registry in lib/conf, which the build feeds with every params.def
 * there is (so postconf, $name and the manual know the row at once).
 * A params.def holds rows and comments, no other preprocessor lines.
 */
#ifndef CONF_PARAM_H
#define CONF_PARAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

struct conf;
struct why;

enum param_kind {
	PARAM_STR,
	PARAM_RAW,
	PARAM_BOOL,
	PARAM_INT,
	PARAM_TIME,
	PARAM_SIZE,
};

#define PARAM_FIELD_STR struct str
#define PARAM_FIELD_RAW struct str
#define PARAM_FIELD_BOOL bool
#define PARAM_FIELD_INT int64_t
#define PARAM_FIELD_TIME int64_t
#define PARAM_FIELD_SIZE uint64_t

struct param {
	const char *name;
	enum param_kind kind;
	const char *def;
	int64_t least;
	int64_t most; /* 0: no limit */
	const char *unit;
	const char *sentence;
	size_t offset; /* of the field in the program's struct */
};

#define PARAM_ROW(type, kind_, name_, def_, least_, most_, unit_, sentence_)   \
	{                                                                      \
		.name = #name_, .kind = PARAM_##kind_, .def = (def_),          \
		.least = (least_), .most = (most_), .unit = (unit_),           \
		.sentence = (sentence_), .offset = offsetof(type, name_)       \
	}

/* Fill *out, a program's params struct, from `c`.
 *
 * Returns: 0, or -EINVAL: a value is not what its row says (`why` has name,
 *          value and file); -ELOOP, -ENOMEM.  Strict: a boolean that is
 *          neither yes nor no, or a number out of range, stops the program.
 */
MUST_USE int conf_fill(const struct conf *c, const struct param *rows,
		       size_t count, void *out, struct why *why);

/* The same for a program of two personalities: a row whose name begins with
 * `from` ("smtp_") is read under the name that begins with `to` ("lmtp_")
 * instead, with that name's default, if there is such a parameter. */
MUST_USE int conf_fill_as(const struct conf *c, const struct param *rows,
			  size_t count, struct str from, struct str to,
			  void *out, struct why *why);

/* What several programs read. */
struct conf_common {
#define PARAM(kind, name, ...) PARAM_FIELD_##kind name;
#include "conf/common.def"
#undef PARAM
};

extern const struct param conf_common_rows[];
extern const size_t conf_common_count;

/* Fill the common parameters. */
MUST_USE int conf_fill_common(const struct conf *c, struct conf_common *out,
			      struct why *why);

#endif
