/* SPDX-License-Identifier: ISC */
/* Lines of the Dovecot authentication protocol: see line.h. */
#include "sasl/line.h"

#include "base/buf.h"

static const struct {
	char plain;
	char escaped;
} escapes[] = {
	{'\0', '0'}, {'\001', '1'}, {'\t', 't'}, {'\r', 'r'}, {'\n', 'n'},
};

void auth_line_put(struct buf *b, struct str field)
{
	for (size_t i = 0; i < field.n; i++) {
		size_t k = 0;

		while (k < ARRAY_LEN(escapes) && escapes[k].plain != field.p[i])
			k++;
		if (k < ARRAY_LEN(escapes)) {
			(void)buf_put_byte(b, '\001');
			(void)buf_put_byte(b, escapes[k].escaped);
		} else {
			(void)buf_put_byte(b, field.p[i]);
		}
	}
}

void auth_line_put_pair(struct buf *b, struct str name, struct str value)
{
	if (value.n == 0)
		return;
	(void)buf_put_byte(b, '\t');
	(void)buf_put(b, name);
	(void)buf_put_byte(b, '=');
	auth_line_put(b, value);
}

void auth_line_unescape(struct buf *b, struct str field)
{
	for (size_t i = 0; i < field.n; i++) {
		char c = field.p[i];

		if (c == '\001' && i + 1 < field.n)
			for (size_t k = 0; k < ARRAY_LEN(escapes); k++)
				if (escapes[k].escaped == field.p[i + 1]) {
					c = escapes[k].plain;
					i++;
					break;
				}
		(void)buf_put_byte(b, c);
	}
}

bool auth_line_next(struct str *line, struct str *field)
{
	struct str rest;

	if (line->p == NULL)
		return false;
	if (str_cut(*line, '\t', field, &rest))
		*line = rest;
	else
		*line = str_of(NULL, 0);
	return true;
}

bool auth_line_value(struct str line, struct str name, struct buf *out)
{
	struct str field;

	buf_reset(out);
	while (auth_line_next(&line, &field))
		if (str_eat(&field, name) && str_eat(&field, STR("="))) {
			auth_line_unescape(out, field);
			return true;
		}
	return false;
}

bool auth_line_has(struct str line, struct str name)
{
	struct str field;

	while (auth_line_next(&line, &field))
		if (str_eq(field, name))
			return true;
	return false;
}
