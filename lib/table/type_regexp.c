/* SPDX-License-Identifier: ISC */
/* regexp:/file — POSIX regular expressions, in order. */
#include <errno.h>
#include <regex.h>
#include <stdlib.h>

#include "base/why.h"
#include "table/pattern.h"
#include "table/rules.h"

struct regexp {
	regex_t re;
};

static int flags_of(struct str flags, int *out, struct why *why)
{
	*out = REG_EXTENDED | REG_ICASE;
	for (size_t i = 0; i < flags.n; i++) {
		switch (flags.p[i]) {
		case 'i':
			*out ^= REG_ICASE;
			break;
		case 'm':
			*out ^= REG_NEWLINE;
			break;
		case 'x':
			*out ^= REG_EXTENDED;
			break;
		default:
			return why_fail(why, -EINVAL,
					"unknown regexp option \"%c\"",
					flags.p[i]);
		}
	}
	return 0;
}

static int regexp_compile(struct str *rest, void **pattern, unsigned *groups,
			  struct why *why)
{
	struct str text, flags;
	struct regexp *re;
	char words[128];
	char *z;
	int options = 0;
	int r = pattern_eat(rest, "regexp", &text, &flags, why);

	if (r == 0)
		r = flags_of(flags, &options, why);
	if (r < 0)
		return r;
	re = calloc(1, sizeof(*re));
	z = str_dup_c(text);
	if (re == NULL || z == NULL) {
		free(re);
		free(z);
		return why_fail(why, -ENOMEM, "out of memory");
	}
	r = memchr(text.p, '\0', text.n) != NULL ? REG_BADPAT
						 : regcomp(&re->re, z, options);
	free(z);
	if (r != 0) {
		regerror(r, NULL, words, sizeof(words));
		free(re);
		return why_fail(why, -EINVAL, "%s", words);
	}
	*groups = re->re.re_nsub < RULES_GROUPS_MAX - 1
			  ? (unsigned)re->re.re_nsub
			  : RULES_GROUPS_MAX - 1;
	*pattern = re;
	return 0;
}

static void regexp_free(void *pattern)
{
	struct regexp *re = pattern;

	regfree(&re->re);
	free(re);
}

static int regexp_match(const void *pattern, struct str key,
			struct rules_group *groups, unsigned count)
{
	const struct regexp *re = pattern;
	regmatch_t found[RULES_GROUPS_MAX];
	int r;

	/* A NUL inside of the key is a byte like others. */
	found[0].rm_so = 0;
	found[0].rm_eo = (regoff_t)key.n;
	r = regexec(&re->re, key.p, count, found, REG_STARTEND);
	if (r == REG_NOMATCH)
		return 0;
	if (r != 0)
		return -ENOMEM;
	for (unsigned i = 0; i < count; i++) {
		groups[i].start = (size_t)found[i].rm_so;
		groups[i].end = (size_t)found[i].rm_eo;
	}
	return 1;
}

static const struct rules_kind regexp_kind = {
	.name = "regexp",
	.compile = regexp_compile,
	.free = regexp_free,
	.match = regexp_match,
	.substitutes = true,
};

static int regexp_open(struct table *t, struct str name, struct why *why)
{
	return rules_open(t, &regexp_kind, name, why);
}

/* The library wants a NUL behind the key even where it is told the end. */
static enum table_answer regexp_ask(struct table *t, struct str key,
				    struct buf *value)
{
	char small[512];
	char *copy = small;
	enum table_answer answer;

	if (key.n > INT_MAX / 2)
		return TABLE_LATER;
	if (key.n >= sizeof(small))
		copy = malloc(key.n + 1);
	if (copy == NULL)
		return TABLE_LATER;
	if (key.n > 0)
		memcpy(copy, key.p, key.n);
	copy[key.n] = '\0';
	answer = rules_ask(t, str_of(copy, key.n), value);
	if (copy != small)
		free(copy);
	return answer;
}

const struct table_type table_type_regexp = {
	.name = STR_INIT("regexp"),
	.summary = STR_INIT("POSIX regular expressions, in order."),
	.size = sizeof(struct rules_table),
	.flags = TABLE_TYPE_PATTERN,
	.open = regexp_open,
	.ask = regexp_ask,
	.close = rules_close,
};
