/* SPDX-License-Identifier: ISC */
/* smtpd/policy.c — from the words of main.cf to lists of rules. */
#include <errno.h>
#include <stdlib.h>

#include "base/byteset.h"
#include "base/log.h"
#include "base/why.h"
#include "conf/conf.h"
#include "smtpd/rule.h"
#include "table/elements.h"
#include "table/maps.h"

#define POLICY_MEMORY_MAX ((size_t)4 * 1024 * 1024)
#define RULES_MAX 10000 /* per list */

static const struct rule_word words[] = {
#define RULE(word, argument, flags, fn) {STR_INIT(word), argument, flags, fn},
#include "smtpd/rules.def"
#undef RULE
};

static const struct rule_word word_unknown = {
	.name = STR_INIT("unknown restriction"),
	.run = rule_unknown,
};
static const struct rule_word word_list = {
	.name = STR_INIT("restriction class"),
	.run = rule_list_run,
};
static const struct rule_word word_table = {
	.name = STR_INIT("type:name"),
	.argument = ARG_TABLE,
	.run = rule_access_by_stage,
};

struct policy_class {
	struct str name;
	struct rule_list list;
};

struct policy {
	struct arena *arena;
	const struct server *server;
	struct rule_list lists[STAGE_COUNT];
	struct policy_class *classes;
	size_t class_count;
	bool safe;
};

const struct rule_list *policy_list(const struct policy *p, enum stage stage)
{
	return &p->lists[stage];
}

const struct rule_list *policy_class(const struct policy *p, struct str name)
{
	for (size_t i = 0; i < p->class_count; i++) {
		if (str_eq(p->classes[i].name, name))
			return &p->classes[i].list;
	}
	return NULL;
}

bool policy_is_safe(const struct policy *p)
{
	return p->safe;
}

/* ---- one rule ----------------------------------------------------------- */

static const struct rule_word *find_word(struct str name)
{
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (str_eq_nocase(words[i].name, name))
			return &words[i];
	}
	return NULL;
}

static int make_unknown(struct rule *out, struct str text)
{
	*out = (struct rule){.word = &word_unknown, .text = text};
	return 0;
}

static int open_table(struct rule *out, const struct rule_word *word,
		      struct str spec)
{
	*out = (struct rule){.word = word, .text = spec};
	return maps_open("smtpd access table", spec, NULL, &out->maps, NULL);
}

int policy_compile_rule(struct policy *p, struct str element, struct str *rest,
			bool may_open, struct rule *out)
{
	const struct rule_word *word = find_word(element);
	struct str argument = STR("");
	const struct rule_list *list = policy_class(p, element);

	if (list != NULL) {
		*out = (struct rule){
			.word = &word_list, .text = element, .list = list};
		return 0;
	}
	if (word == NULL && elements_is_table(element)) {
		if (!may_open)
			return make_unknown(out, element);
		return open_table(out, &word_table, element);
	}
	if (word == NULL)
		return make_unknown(out, element);
	if (word->argument != ARG_NONE && !conf_list_next(rest, &argument)) {
		log_warning("restriction " STR_FMT " needs an argument",
			    STR_ARG(element));
		return make_unknown(out, element);
	}
	if (word->argument == ARG_TABLE) {
		if (!may_open || !elements_is_table(argument)) {
			log_warning("restriction " STR_FMT
				    ": bad argument \"" STR_FMT
				    "\": need maptype:mapname",
				    STR_ARG(element), STR_ARG(argument));
			return make_unknown(out, element);
		}
		return open_table(out, word, argument);
	}
	*out = (struct rule){.word = word, .text = argument};
	return 0;
}

/* ---- lists -------------------------------------------------------------- */

static int compile_list(struct policy *p, struct str text, bool may_open,
			struct rule_list *out);

/* `{ word argument … }` */
static int compile_group(struct policy *p, struct str inside, bool may_open,
			 struct rule *out)
{
	struct rule_list *list = arena_alloc(p->arena, sizeof(*list));

	if (list == NULL)
		return -ENOMEM;
	*out = (struct rule){
		.word = &word_list,
		.text = inside,
		.list = list,
		.group = list,
	};
	return compile_list(p, inside, may_open, list);
}

static int compile_list(struct policy *p, struct str text, bool may_open,
			struct rule_list *out)
{
	struct str rest = text;
	struct str element, inside;
	size_t count = 0;

	while (conf_list_next(&rest, &element))
		count++;
	if (count > RULES_MAX)
		return -EFBIG;
	out->rules = arena_array(p->arena, count + 1, sizeof(*out->rules));
	if (out->rules == NULL)
		return -ENOMEM;
	out->count = 0;
	rest = text;
	while (conf_list_next(&rest, &element)) {
		struct rule *rule = &out->rules[out->count];
		int rc;

		if (elements_unbrace(element, &inside))
			rc = compile_group(p, inside, may_open, rule);
		else
			rc = policy_compile_rule(p, element, &rest, may_open,
						 rule);
		if (rc != 0)
			return rc;
		out->count++;
	}
	return 0;
}

static void close_list(struct rule_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		maps_close(list->rules[i].maps);
		if (list->rules[i].group != NULL)
			close_list(list->rules[i].group);
	}
}

/* ---- all of them -------------------------------------------------------- */

/* smtpd_restriction_classes: names first, so that they may use each other. */
static int compile_classes(struct policy *p, struct why *why)
{
	struct str rest = p->server->params->smtpd_restriction_classes;
	struct str name;
	size_t count = 0;

	while (conf_list_next(&rest, &name))
		count++;
	p->classes = arena_array(p->arena, count + 1, sizeof(*p->classes));
	if (p->classes == NULL)
		return -ENOMEM;
	rest = p->server->params->smtpd_restriction_classes;
	while (p->class_count < count && conf_list_next(&rest, &name))
		p->classes[p->class_count++].name = name;
	for (size_t i = 0; i < p->class_count; i++) {
		struct str text;
		int rc = conf_str(p->server->conf, p->classes[i].name, &text,
				  NULL);

		if (rc != 0)
			return why_fail(why, -EINVAL,
					"restriction class `" STR_FMT
					"' needs a definition",
					STR_ARG(p->classes[i].name));
		rc = compile_list(p, text, true, &p->classes[i].list);
		if (rc != 0)
			return rc;
	}
	return 0;
}

static bool list_is_safe(const struct rule_list *list, unsigned depth)
{
	if (depth > 20)
		return false;
	for (size_t i = 0; i < list->count; i++) {
		const struct rule *r = &list->rules[i];

		/* What is only warned about stops nobody. */
		if (r->word->run == rule_warn_if_reject) {
			i++;
			continue;
		}
		if ((r->word->flags & RULE_SAFE) != 0)
			return true;
		if (r->list != NULL && list_is_safe(r->list, depth + 1))
			return true;
	}
	return false;
}

/* Words behind an unconditional end are never asked. */
static void warn_of_dead_words(const struct rule_list *list)
{
	for (size_t i = 0; i + 1 < list->count; i++) {
		rule_run *run = list->rules[i].word->run;

		if (run != rule_permit && run != rule_reject)
			continue;
		if (i > 0 &&
		    list->rules[i - 1].word->run == rule_warn_if_reject)
			continue;
		log_warning("restriction `" STR_FMT "' after `" STR_FMT
			    "' is ignored",
			    STR_ARG(list->rules[i + 1].word->name),
			    STR_ARG(list->rules[i].word->name));
		return;
	}
}

static int compile_stages(struct policy *p)
{
	const struct smtpd_params *params = p->server->params;
	const struct str texts[STAGE_COUNT] = {
		[STAGE_CLIENT] = params->smtpd_client_restrictions,
		[STAGE_HELO] = params->smtpd_helo_restrictions,
		[STAGE_SENDER] = params->smtpd_sender_restrictions,
		[STAGE_RELAY] = params->smtpd_relay_restrictions,
		[STAGE_RECIPIENT] = params->smtpd_recipient_restrictions,
		[STAGE_DATA] = params->smtpd_data_restrictions,
		[STAGE_END_OF_DATA] = params->smtpd_end_of_data_restrictions,
		[STAGE_ETRN] = params->smtpd_etrn_restrictions,
	};

	for (size_t i = 0; i < STAGE_COUNT; i++) {
		int rc = compile_list(p, texts[i], true, &p->lists[i]);

		if (rc != 0)
			return rc;
		warn_of_dead_words(&p->lists[i]);
	}
	return 0;
}

/* Old configurations (compatibility_level 0) have no relay list, and relied on
 * a default recipient list that this one stands for. */
static int compile_old_default(struct policy *p)
{
	const struct server *server = p->server;
	int order = 0;

	if (p->lists[STAGE_RELAY].count > 0 ||
	    p->lists[STAGE_RECIPIENT].count > 0 ||
	    conf_is_set(server->conf, STR("smtpd_relay_restrictions")) ||
	    conf_compare_levels(server->common->compatibility_level, STR("1"),
				&order) != 0 ||
	    order >= 0)
		return 0;
	return compile_list(p,
			    STR("permit_mynetworks, permit_sasl_authenticated, "
				"reject_unauth_destination"),
			    true, &p->lists[STAGE_RELAY]);
}

int policy_open(const struct server *server, struct policy **out,
		struct why *why)
{
	struct arena *arena = arena_new(POLICY_MEMORY_MAX);
	struct policy *p =
		arena == NULL ? NULL : arena_alloc(arena, sizeof(*p));
	int rc;

	if (p == NULL) {
		arena_free(arena);
		return -ENOMEM;
	}
	p->arena = arena;
	p->server = server;
	rc = compile_classes(p, why);
	if (rc == 0)
		rc = compile_stages(p);
	if (rc == 0)
		rc = compile_old_default(p);
	if (rc != 0) {
		policy_close(p);
		return rc;
	}
	p->safe = list_is_safe(&p->lists[STAGE_RELAY], 0) ||
		  list_is_safe(&p->lists[STAGE_RECIPIENT], 0);
	*out = p;
	return 0;
}

void policy_close(struct policy *p)
{
	if (p == NULL)
		return;
	for (size_t i = 0; i < STAGE_COUNT; i++)
		close_list(&p->lists[i]);
	for (size_t i = 0; i < p->class_count; i++)
		close_list(&p->classes[i].list);
	arena_free(p->arena);
}

/* ---- lists made at run time --------------------------------------------- */

enum verdict rule_run_text(struct eval *e, struct str text)
{
	struct str rest = text;
	struct str element;
	struct rule rule;

	while (conf_list_next(&rest, &element)) {
		enum verdict v;

		if (policy_compile_rule(e->policy, element, &rest, false,
					&rule) != 0)
			return rule_misconfigured(e);
		if (++e->depth > 100)
			return rule_misconfigured(e);
		v = rule.word->run(e, &rule);
		e->depth--;
		if (rule.word->run != rule_warn_if_reject)
			e->warn_if_reject = false;
		if (v != VERDICT_DUNNO)
			return v;
	}
	return VERDICT_DUNNO;
}
