/* SPDX-License-Identifier: ISC */
/* Text tables of any contents: cidr, pcre, regexp, texthash.  The first byte
 * picks the type, the rest of the first line is the key, what follows is the
 * file. */
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/log.h"
#include "table/table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ask(const char *type, int fd, struct str key)
{
	struct table_opts opts = {.fold_key = true};
	BUF_SCOPED value = BUF_INIT(65536);
	struct table *t;
	char spec[64];

	snprintf(spec, sizeof(spec), "%s:/proc/self/fd/%d", type, fd);
	if (table_open(str_of_c(spec), &opts, &t, NULL) < 0)
		return;
	(void)!table_ask(t, key, &value);
	(void)!table_ask(t, STR("192.0.2.1"), &value);
	(void)!table_ask(t, STR("user@example.com"), &value);
	table_close(t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const types[] = {"cidr", "pcre", "texthash",
					    "regexp"};
	static bool ready;
	struct str all = str_of(data, size);
	struct str key, text;
	size_t which;
	int fd;

	if (!ready)
		log_open(&(struct log_opts){
			.tag = "fuzz", .role = "fuzz", .fd = -1});
	ready = true;
	if (size < 2 || size > 4096)
		return 0;
	which = data[0] % ARRAY_LEN(types);
	/* The C library's own compiler takes any time and memory for nested
	 * counts; such a pattern is the site's own doing. */
	if (which == 3 && (str_find_byte(all, '{') != SIZE_MAX || size > 200))
		return 0;
	str_cut(str_after(all, 1), '\n', &key, &text);
	fd = memfd_create("table", MFD_CLOEXEC);
	if (fd < 0)
		return 0;
	if (write(fd, text.n == 0 ? "" : text.p, text.n) == (ssize_t)text.n)
		ask(types[which], fd, key);
	close(fd);
	return 0;
}
