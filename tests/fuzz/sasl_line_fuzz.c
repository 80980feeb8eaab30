/* SPDX-License-Identifier: ISC */
/* Any bytes as a line of the authentication protocol; and what is escaped is
 * the same when it is unescaped. */
#include <stdint.h>
#include <stdlib.h>

#include "base/buf.h"
#include "sasl/line.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	BUF_SCOPED escaped = BUF_INIT(1 << 21);
	BUF_SCOPED plain = BUF_INIT(1 << 21);
	BUF_SCOPED value = BUF_INIT(AUTH_LINE_MAX);
	struct str in = str_of(data, size);
	struct str line = in;
	struct str field;
	size_t seen = 0;

	while (auth_line_next(&line, &field))
		seen += field.n + 1;
	if (size > 0 && seen != size + 1)
		abort();
	(void)auth_line_has(in, STR("temp"));
	(void)auth_line_value(in, STR("user"), &value);
	auth_line_put(&escaped, in);
	if (str_find_byte(buf_str(&escaped), '\t') != SIZE_MAX ||
	    str_find_byte(buf_str(&escaped), '\n') != SIZE_MAX)
		abort();
	auth_line_unescape(&plain, buf_str(&escaped));
	if (!str_eq(buf_str(&plain), in))
		abort();
	return 0;
}
