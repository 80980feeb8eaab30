/* SPDX-License-Identifier: ISC */
/* Reading and asking match lists.  Every element is kept as its text, and as
 * a network or a table when it can be one: a list does not know what it will
 * be asked. */
#include <errno.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/byteset.h"
#include "base/log.h"
#include "base/why.h"
#include "conf/conf.h"
#include "table/elements.h"
#include "table/matchlist.h"
#include "table/network.h"
#include "table/text.h"

#define ELEMENTS_MAX 1000000u
#define FILE_DEPTH_MAX 10u

struct element {
	bool negated;
	bool is_network; /* `network` is good */
	bool is_bad;	 /* looks like a network; `wrong` says why it is none */
	bool is_lost;	 /* a file that could not be read */
	char *text;	 /* owned */
	size_t text_n;
	struct network network;
	char *wrong;	     /* owned */
	struct table *table; /* owned; NULL: no table */
};

struct matchlist {
	const char *title;
	unsigned flags;
	struct element *elements; /* owned array */
	size_t count, cap;
};

static struct str element_text(const struct element *e)
{
	return str_of(e->text, e->text_n);
}

static int append(struct matchlist *m, struct str text, bool negated,
		  struct element **out)
{
	struct element *e;

	if (m->count == m->cap) {
		size_t cap = m->cap == 0 ? 8 : m->cap * 2;
		struct element *more;

		if (cap > ELEMENTS_MAX)
			return -E2BIG;
		more = realloc(m->elements, cap * sizeof(*more));
		if (more == NULL)
			return -ENOMEM;
		m->elements = more;
		m->cap = cap;
	}
	e = &m->elements[m->count];
	*e = (struct element){.negated = negated, .text_n = text.n};
	e->text = str_dup_c(text);
	if (e->text == NULL)
		return -ENOMEM;
	m->count++;
	*out = e;
	return 0;
}

/* Find out whether the element is a network, or would like to be one. */
static int read_network(struct element *e)
{
	struct network address;
	struct str text = element_text(e);
	struct str front;
	struct why why = {""};
	int r;

	str_cut(text, '/', &front, NULL);
	if (front.n > 2 && front.p[0] == '[' && front.p[front.n - 1] == ']')
		front = str_of(front.p + 1, front.n - 2);
	if (!network_parse_address(front, &address))
		return 0;
	r = network_parse(text, &e->network, &why);
	if (r == 0) {
		e->is_network = true;
		return 0;
	}
	e->is_bad = true;
	e->network = address;
	e->wrong = str_dup_c(str_of_c(why.text));
	return e->wrong == NULL ? -ENOMEM : 0;
}

static int add_list(struct matchlist *m, struct str list, bool negated,
		    unsigned depth);

static int add_file(struct matchlist *m, struct str path, bool negated,
		    unsigned depth)
{
	BUF_SCOPED line = BUF_INIT(LINES_LENGTH_MAX);
	struct element *e;
	struct lines lines;
	struct text text;
	struct why why = {""};
	unsigned number;
	int r = depth == FILE_DEPTH_MAX
			? why_fail(&why, -ELOOP, "files within files")
			: text_open(&text, path, &why);

	if (r < 0) {
		log_warning("%s: %s", m->title, why.text);
		r = append(m, path, negated, &e);
		if (r == 0)
			e->is_lost = true;
		return r;
	}
	lines = text_lines(&text, m->title);
	while (r == 0 && lines_next(&lines, &line, &number))
		r = add_list(m, buf_str(&line), negated, depth + 1);
	text_close(&text);
	return r;
}

static int add_element(struct matchlist *m, struct str text, bool negated,
		       unsigned depth)
{
	struct element *e = NULL;
	int r;

	while (str_eat(&text, STR("!"))) {
		negated = !negated;
		str_eat_while(&text, &byteset_blank);
	}
	if (text.n == 0) {
		log_warning("%s: no pattern after '!'", m->title);
		return 0;
	}
	if (text.p[0] == '/')
		return add_file(m, text, negated, depth);
	r = append(m, text, negated, &e);
	if (r < 0)
		return r;
	if (text.p[0] != '[' && elements_is_table(text))
		return table_open_always(text,
					 &(struct table_opts){.fold_key = true},
					 &e->table);
	return read_network(e);
}

static int add_list(struct matchlist *m, struct str list, bool negated,
		    unsigned depth)
{
	struct str text;
	int r = 0;

	while (r == 0 && conf_list_next(&list, &text))
		r = add_element(m, text, negated, depth);
	return r;
}

int matchlist_open(const char *title, struct str text, unsigned flags,
		   struct matchlist **out, struct why *why)
{
	CLEANUP(matchlist_close) struct matchlist *m = calloc(1, sizeof(*m));
	int r;

	*out = NULL;
	if (m == NULL)
		return why_fail(why, -ENOMEM, "out of memory");
	m->title = title;
	m->flags = flags;
	r = add_list(m, text, false, 0);
	if (r < 0)
		return why_fail(why, r, "%s: out of memory", title);
	*out = m;
	m = NULL;
	return 0;
}

void matchlist_close(struct matchlist *m)
{
	if (m == NULL)
		return;
	for (size_t i = 0; i < m->count; i++) {
		free(m->elements[i].text);
		free(m->elements[i].wrong);
		table_close(m->elements[i].table);
	}
	free(m->elements);
	free(m);
}

unsigned matchlist_parent_flag(struct str list, const char *title)
{
	struct str word;

	while (str_next_word(&list, &byteset_separator, &word))
		if (str_eq(word, str_of_c(title)))
			return MATCHLIST_PARENT;
	return 0;
}

bool matchlist_is_empty(const struct matchlist *m)
{
	return m == NULL || m->count == 0;
}

/* ---- asking -------------------------------------------------------------- */

static enum table_answer ask_table(struct element *e, struct str key)
{
	BUF_SCOPED value = BUF_INIT(TABLE_VALUE_MAX);

	return table_ask(e->table, key, &value);
}

static enum table_answer yes_or_no(bool yes)
{
	return yes ? TABLE_FOUND : TABLE_ABSENT;
}

static enum table_answer string_matches(const struct matchlist *m,
					struct element *e, struct str text)
{
	(void)m;
	if (e->table != NULL)
		return ask_table(e, text);
	return yes_or_no(str_eq_nocase(element_text(e), text));
}

/* A table is asked for the domain and what is above it. */
static enum table_answer domain_in_table(struct element *e, struct str domain,
					 bool parents)
{
	enum table_answer answer = ask_table(e, domain);

	while (answer == TABLE_ABSENT && table_takes_parts(e->table)) {
		size_t at = str_find_byte(str_after(domain, 1), '.');

		if (at == SIZE_MAX)
			return TABLE_ABSENT;
		domain = str_after(domain, at + 1);
		if (parents)
			domain = str_after(domain, 1);
		answer = ask_table(e, domain);
	}
	return answer;
}

static enum table_answer domain_matches_element(const struct matchlist *m,
						struct element *e,
						struct str domain)
{
	bool parents = (m->flags & MATCHLIST_PARENT) != 0;
	struct str text = element_text(e);

	if (e->table != NULL)
		return domain_in_table(e, domain, parents);
	if (str_eq_nocase(text, domain))
		return TABLE_FOUND;
	if (text.n == 0 || domain.n <= text.n || !str_ends_nocase(domain, text))
		return TABLE_ABSENT;
	if (parents)
		return yes_or_no(domain.p[domain.n - text.n - 1] == '.');
	return yes_or_no(text.p[0] == '.');
}

static enum table_answer address_matches(const struct matchlist *m,
					 struct element *e, struct str text,
					 const struct network *address)
{
	if (e->table != NULL)
		return ask_table(e, text);
	if (e->is_bad && e->network.v6 == address->v6) {
		log_warning("%s: %s", m->title, e->wrong);
		return TABLE_LATER;
	}
	return yes_or_no(e->is_network && network_has(&e->network, address));
}

/* Go through the list with one question. */
static enum table_answer
first_match(struct matchlist *m, struct str text,
	    enum table_answer (*matches)(const struct matchlist *,
					 struct element *, struct str))
{
	if (m == NULL || text.n == 0)
		return TABLE_ABSENT;
	for (size_t i = 0; i < m->count; i++) {
		struct element *e = &m->elements[i];

		switch (e->is_lost ? TABLE_LATER : matches(m, e, text)) {
		case TABLE_FOUND:
			return yes_or_no(!e->negated);
		case TABLE_ABSENT:
			break;
		case TABLE_LATER:
			return TABLE_LATER;
		}
	}
	return TABLE_ABSENT;
}

enum table_answer matchlist_string(struct matchlist *m, struct str text)
{
	return first_match(m, text, string_matches);
}

enum table_answer matchlist_domain(struct matchlist *m, struct str domain)
{
	return first_match(m, domain, domain_matches_element);
}

static enum table_answer host_matches(const struct matchlist *m,
				      struct element *e, struct str name,
				      struct str text,
				      const struct network *address)
{
	enum table_answer answer = TABLE_ABSENT;

	if (e->is_lost)
		return TABLE_LATER;
	if (name.n > 0)
		answer = domain_matches_element(m, e, name);
	if (answer == TABLE_ABSENT && address != NULL)
		answer = address_matches(m, e, text, address);
	return answer;
}

enum table_answer matchlist_host(struct matchlist *m, struct str name,
				 struct str address)
{
	struct network parsed;
	bool has_address = network_parse_address(address, &parsed);

	str_cut(address, '%', &address, NULL);
	for (size_t i = 0; m != NULL && i < m->count; i++) {
		struct element *e = &m->elements[i];

		switch (host_matches(m, e, name, address,
				     has_address ? &parsed : NULL)) {
		case TABLE_FOUND:
			return yes_or_no(!e->negated);
		case TABLE_ABSENT:
			break;
		case TABLE_LATER:
			return TABLE_LATER;
		}
	}
	return TABLE_ABSENT;
}
