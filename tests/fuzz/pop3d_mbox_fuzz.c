/* SPDX-License-Identifier: ISC */
/* Any file as an mbox: the messages it is cut into cover it, in order, and
 * have the size that sending them gives. */
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/str.h"
#include "pop3d/mbox_scan.h"
#include "pop3d/wire.h"

static void check(struct str file, const struct mbox_list *l)
{
	off_t at = 0;

	for (size_t i = 0; i < l->count; i++) {
		const struct mbox_message *m = &l->list[i];
		struct wire w;

		if (m->begin != at || m->content < m->begin ||
		    m->end < m->content || m->next < m->end)
			abort();
		at = m->next;
		wire_init(&w, WIRE_ALL);
		wire_put(&w,
			 str_of(file.p + m->content,
				(size_t)(m->end - m->content)),
			 NULL);
		wire_end(&w, NULL);
		if (w.octets != m->size)
			abort();
	}
	if (at != (off_t)file.n)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mbox_list l = {0};
	int fd = memfd_create("mbox", MFD_CLOEXEC);

	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	if (mbox_scan(fd, (off_t)size, &l) == 0)
		check(str_of(data, size), &l);
	mbox_list_release(&l);
	close(fd);
	return 0;
}
