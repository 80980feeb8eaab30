/* SPDX-License-Identifier: ISC */
/* pcre:/file — Perl regular expressions, in order.  A match is bounded in
 * steps and memory; beyond that the answer is "cannot tell". */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <errno.h>
#include <pcre2.h>
#include <stdlib.h>

#include "base/why.h"
#include "table/pattern.h"
#include "table/rules.h"

#define MATCH_STEPS_MAX 1000000u
#define MATCH_DEPTH_MAX 100000u
#define JIT_STACK_FIRST ((size_t)32 << 10)
#define JIT_STACK_MAX ((size_t)1 << 20)

/* Shared by all patterns: matching never waits. */
static pcre2_jit_stack *jit_stack;

struct pcre {
	pcre2_code *code;
	pcre2_match_data *data;
	pcre2_match_context *limits;
};

static int flags_of(struct str flags, uint32_t *out, struct why *why)
{
	*out = PCRE2_CASELESS | PCRE2_DOTALL;
	for (size_t i = 0; i < flags.n; i++) {
		switch (flags.p[i]) {
		case 'i':
			*out ^= PCRE2_CASELESS;
			break;
		case 'm':
			*out ^= PCRE2_MULTILINE;
			break;
		case 's':
			*out ^= PCRE2_DOTALL;
			break;
		case 'x':
			*out ^= PCRE2_EXTENDED;
			break;
		case 'A':
			*out ^= PCRE2_ANCHORED;
			break;
		case 'E':
			*out ^= PCRE2_DOLLAR_ENDONLY;
			break;
		case 'U':
			*out ^= PCRE2_UNGREEDY;
			break;
		case 'X': /* always so in this library */
			break;
		default:
			return why_fail(why, -EINVAL,
					"unknown PCRE option \"%c\"",
					flags.p[i]);
		}
	}
	return 0;
}

static void pcre_free(void *pattern)
{
	struct pcre *p = pattern;

	pcre2_match_context_free(p->limits);
	pcre2_match_data_free(p->data);
	pcre2_code_free(p->code);
	free(p);
}

static int compile(struct pcre *p, struct str text, uint32_t options,
		   struct why *why)
{
	PCRE2_UCHAR words[160];
	PCRE2_SIZE where = 0;
	int error = 0;

	p->code = pcre2_compile((PCRE2_SPTR)text.p, text.n, options, &error,
				&where, NULL);
	if (p->code == NULL) {
		pcre2_get_error_message(error, words, sizeof(words));
		return why_fail(why, -EINVAL,
				"error in regex at offset %zu: %s", where,
				(const char *)words);
	}
	/* Just in time where the machine can; without it the same, slower. */
	pcre2_jit_compile(p->code, PCRE2_JIT_COMPLETE);
	p->data = pcre2_match_data_create_from_pattern(p->code, NULL);
	p->limits = pcre2_match_context_create(NULL);
	if (p->data == NULL || p->limits == NULL)
		return why_fail(why, -ENOMEM, "out of memory");
	/* Compiled patterns would work on the stack of the fiber. */
	if (jit_stack == NULL)
		jit_stack = pcre2_jit_stack_create(JIT_STACK_FIRST,
						   JIT_STACK_MAX, NULL);
	pcre2_jit_stack_assign(p->limits, NULL, jit_stack);
	pcre2_set_match_limit(p->limits, MATCH_STEPS_MAX);
	pcre2_set_depth_limit(p->limits, MATCH_DEPTH_MAX);
	return 0;
}

static int pcre_compile(struct str *rest, void **pattern, unsigned *groups,
			struct why *why)
{
	struct str text, flags;
	uint32_t options = 0;
	uint32_t count = 0;
	struct pcre *p;
	int r = pattern_eat(rest, "regexp", &text, &flags, why);

	if (r == 0)
		r = flags_of(flags, &options, why);
	if (r < 0)
		return r;
	p = calloc(1, sizeof(*p));
	if (p == NULL)
		return why_fail(why, -ENOMEM, "out of memory");
	r = compile(p, text, options, why);
	if (r < 0) {
		pcre_free(p);
		return r;
	}
	pcre2_pattern_info(p->code, PCRE2_INFO_CAPTURECOUNT, &count);
	*groups = count < RULES_GROUPS_MAX - 1 ? count : RULES_GROUPS_MAX - 1;
	*pattern = p;
	return 0;
}

static int pcre_match(const void *pattern, struct str key,
		      struct rules_group *groups, unsigned count)
{
	const struct pcre *p = pattern;
	const PCRE2_SIZE *found;
	int r = pcre2_match(p->code, (PCRE2_SPTR)(key.n == 0 ? "" : key.p),
			    key.n, 0, 0, p->data, p->limits);

	if (r == PCRE2_ERROR_NOMATCH)
		return 0;
	if (r < 0)
		return -EIO;
	found = pcre2_get_ovector_pointer(p->data);
	for (unsigned i = 0; i < count; i++) {
		bool set = i < (unsigned)r;

		groups[i].start = set ? found[2 * i] : SIZE_MAX;
		groups[i].end = set ? found[2 * i + 1] : SIZE_MAX;
	}
	return 1;
}

static const struct rules_kind pcre_kind = {
	.name = "pcre",
	.compile = pcre_compile,
	.free = pcre_free,
	.match = pcre_match,
	.substitutes = true,
};

static int pcre_open(struct table *t, struct str name, struct why *why)
{
	return rules_open(t, &pcre_kind, name, why);
}

const struct table_type table_type_pcre = {
	.name = STR_INIT("pcre"),
	.summary = STR_INIT("Perl regular expressions, in order."),
	.size = sizeof(struct rules_table),
	.flags = TABLE_TYPE_PATTERN,
	.open = pcre_open,
	.ask = rules_ask,
	.close = rules_close,
};
