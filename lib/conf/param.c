/* SPDX-License-Identifier: ISC */
/* lib/conf/param.c — filling a program's struct from main.cf. */
#include "conf/param.h"

#include <errno.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/why.h"
#include "conf/inside.h"

const struct param conf_common_rows[] = {
#define PARAM(...) PARAM_ROW(struct conf_common, __VA_ARGS__),
#include "conf/common.def"
#undef PARAM
};
const size_t conf_common_count = ARRAY_LEN(conf_common_rows);

/* One value on its way from main.cf to its field. */
struct filling {
	const struct conf *conf;
	const struct param *row;
	struct str name;
	struct why *why;
	char *field;
};

static int bad(const struct filling *f, const char *what, struct str value)
{
	return why_fail(
		f->why, -EINVAL,
		"%s/main.cf: bad %s configuration: " STR_FMT " = " STR_FMT,
		conf_dir(f->conf), what, STR_ARG(f->name), STR_ARG(value));
}

static int beyond(const struct filling *f, struct str value, const char *word,
		  int64_t limit)
{
	return why_fail(f->why, -EINVAL,
			"%s/main.cf: invalid " STR_FMT
			" parameter value " STR_FMT " %s %lld",
			conf_dir(f->conf), STR_ARG(f->name), STR_ARG(value),
			word, (long long)limit);
}

/* Check `number` against the row's limits. */
static int limits(const struct filling *f, struct str value, int64_t number)
{
	if (number < f->row->least)
		return beyond(f, value, "<", f->row->least);
	if (f->row->most != 0 && number > f->row->most)
		return beyond(f, value, ">", f->row->most);
	return 0;
}

static int fill_text(const struct filling *f, struct str value)
{
	struct str kept;

	if ((int64_t)value.n < f->row->least)
		return why_fail(
			f->why, -EINVAL,
			"%s/main.cf: bad string length %zu < %lld: " STR_FMT
			" = " STR_FMT,
			conf_dir(f->conf), value.n, (long long)f->row->least,
			STR_ARG(f->name), STR_ARG(value));
	if (f->row->most != 0 && (int64_t)value.n > f->row->most)
		return why_fail(
			f->why, -EINVAL,
			"%s/main.cf: bad string length %zu > %lld: " STR_FMT,
			conf_dir(f->conf), value.n, (long long)f->row->most,
			STR_ARG(f->name));
	kept = arena_str(f->conf->arena, value);
	if (kept.p == NULL)
		return why_fail(f->why, -ENOMEM, "out of memory");
	memcpy(f->field, &kept, sizeof(kept));
	return 0;
}

static int fill_bool(const struct filling *f, struct str value)
{
	bool answer;

	if (conf_parse_bool(value, &answer) < 0)
		return bad(f, "boolean", value);
	memcpy(f->field, &answer, sizeof(answer));
	return 0;
}

static int fill_number(const struct filling *f, struct str value)
{
	int64_t number;
	int error;

	if (conf_parse_int(value, &number) < 0)
		return bad(f, "numeric", value);
	error = limits(f, value, number);
	if (error < 0)
		return error;
	if (f->row->kind == PARAM_SIZE && number < 0)
		return beyond(f, value, "<", 0);
	memcpy(f->field, &number, sizeof(number));
	return 0;
}

static int fill_time(const struct filling *f, struct str value)
{
	struct str def;
	int64_t ms;
	int error;

	if (!conf_default(f->conf, f->name, &def))
		def = str_of_c(f->row->def);
	if (conf_parse_time(value, conf_time_unit(def), &ms) < 0)
		return bad(f, "time", value);
	error = limits(f, value, ms / 1000);
	if (error == 0)
		memcpy(f->field, &ms, sizeof(ms));
	return error;
}

/* Get the text of the value. */
static int get_text(const struct filling *f, struct buf *text)
{
	const struct known *known = conf_known(f->conf, f->name);
	struct str raw;

	if (f->row->kind == PARAM_RAW || (known != NULL && known->raw)) {
		if (!conf_raw(f->conf, f->name, &raw))
			raw = str_of_c(f->row->def);
		buf_put(text, raw);
		return text->failed ? why_fail(f->why, -ENOMEM, "out of memory")
				    : 0;
	}
	/* a row that the registry does not have: its default as it stands */
	if (!conf_is_set(f->conf, f->name) &&
	    !conf_default(f->conf, f->name, &raw))
		return conf_expand(f->conf, str_of_c(f->row->def), text,
				   f->why);
	return conf_str(f->conf, f->name, &raw, f->why) < 0
		       ? -EINVAL
		       : (buf_put(text, raw), 0);
}

static int fill_one(const struct filling *f)
{
	BUF_SCOPED text = BUF_INIT(CONF_VALUE_MAX);
	int error = get_text(f, &text);
	struct str value = buf_str(&text);

	if (error < 0)
		return error;
	switch (f->row->kind) {
	case PARAM_STR:
	case PARAM_RAW:
		return fill_text(f, value);
	case PARAM_BOOL:
		return fill_bool(f, value);
	case PARAM_INT:
	case PARAM_SIZE:
		return fill_number(f, value);
	case PARAM_TIME:
		return fill_time(f, value);
	}
	return -EINVAL;
}

int conf_fill_as(const struct conf *c, const struct param *rows, size_t count,
		 struct str from, struct str to, void *out, struct why *why)
{
	int error = 0;

	for (size_t i = 0; i < count && error == 0; i++) {
		struct filling f = {.conf = c,
				    .row = &rows[i],
				    .why = why,
				    .name = str_of_c(rows[i].name),
				    .field = (char *)out + rows[i].offset};
		struct str tail = f.name, twin;

		if (from.n > 0 && str_eat(&tail, from)) {
			twin = arena_strf(c->arena, STR_FMT STR_FMT,
					  STR_ARG(to), STR_ARG(tail));
			if (twin.p == NULL)
				return why_fail(why, -ENOMEM, "out of memory");
			if (conf_known(c, twin) != NULL)
				f.name = twin;
		}
		error = fill_one(&f);
	}
	return error;
}

int conf_fill(const struct conf *c, const struct param *rows, size_t count,
	      void *out, struct why *why)
{
	return conf_fill_as(c, rows, count, STR(""), STR(""), out, why);
}

int conf_fill_common(const struct conf *c, struct conf_common *out,
		     struct why *why)
{
	return conf_fill(c, conf_common_rows, conf_common_count, out, why);
}
