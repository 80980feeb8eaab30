/* SPDX-License-Identifier: ISC */
/* master/ctl/postconf_manual.c — the parameter section of main.cf(5), in mdoc,
 * from the rows that the programs bring. */
#include <stdio.h>

#include "conf/param.h"
#include "ctl/postconf.h"

/* Write text that roff must not take for a request or an escape. */
static void put_text(const char *text)
{
	if (*text == '.' || *text == '\'')
		(void)fputs("\\&", stdout);
	for (; *text != '\0'; text++) {
		if (*text == '\\')
			(void)fputs("\\e", stdout);
		else if (*text == '-')
			(void)fputs("\\-", stdout);
		else
			(void)putchar(*text);
	}
}

static const char *kind_words(enum param_kind kind)
{
	switch (kind) {
	case PARAM_STR:
	case PARAM_RAW:
		return "text";
	case PARAM_BOOL:
		return "yes or no";
	case PARAM_INT:
		return "number";
	case PARAM_TIME:
		return "time";
	case PARAM_SIZE:
		return "bytes";
	}
	return "";
}

static void put_default(const struct known *k)
{
	static const char *const found_out[] = {"myhostname", "mydomain",
						"mynetworks", "process_name",
						"service_name"};

	for (size_t i = 0; i < ARRAY_LEN(found_out); i++) {
		if (strcmp(k->name, found_out[i]) == 0) {
			(void)fputs("found out", stdout);
			return;
		}
	}
	if (k->def[0] == '\0') {
		(void)fputs("empty", stdout);
		return;
	}
	(void)fputs("default ", stdout);
	put_text(k->def);
}

static void put_row(const struct known *k)
{
	const struct param *row = k->row;

	printf(".It Va %s\n", k->name);
	put_text(row->sentence);
	printf("\n.br\n(%s; ", kind_words(row->kind));
	put_default(k);
	if (row->kind == PARAM_INT || row->kind == PARAM_TIME) {
		if (row->least != 0)
			printf("; at least %lld", (long long)row->least);
		if (row->most != 0)
			printf("; at most %lld", (long long)row->most);
		if (row->unit[0] != '\0')
			printf(" %s", row->unit);
	}
	puts(")");
}

int postconf_manual(const struct postconf *p)
{
	const struct known *k;
	size_t cursor = 0;

	puts(".Bl -tag -width Ds");
	while ((k = conf_next_known(p->conf, &cursor)) != NULL) {
		if (k->row != NULL)
			put_row(k);
	}
	puts(".El");
	puts(".Sh PARAMETERS WITHOUT EFFECT\nThese names are known and may be "
	     "set; the reason why nothing comes of it stands beside them.");
	puts(".Bl -tag -width Ds");
	for (cursor = 0; (k = conf_next_known(p->conf, &cursor)) != NULL;) {
		if (k->because == NULL)
			continue;
		printf(".It Va %s\n", k->name);
		put_text(k->because);
		putchar('\n');
	}
	puts(".El");
	return 0;
}
