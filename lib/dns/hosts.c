/* SPDX-License-Identifier: ISC */
/* lib/dns/hosts.c — the names and addresses of /etc/hosts.
 *
 * A name that is in the file is answered from it, for both families: one that
 * has an IPv4 address there and no other is DNS_NODATA for AAAA, as the system
 * resolver has it.  The file is read again when it has changed, also by a
 * process in a chroot, through a descriptor of its folder. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/byteset.h"
#include "base/fd.h"
#include "dns/answer.h"
#include "dns/inside.h"

enum {
	FILE_MAX = 1024 * 1024,
	LOOK_EVERY = 2000, /* ms */
};

struct host_line {
	int family;
	uint8_t address[16];
	struct str text;  /* the address in its usual form */
	struct str names; /* separated by blanks */
};

struct hosts {
	int folder; /* O_PATH of /etc; -1: it cannot be opened */
	struct timespec changed;
	int64_t look_next;
	struct arena *arena; /* of the lines */
	struct host_line *lines;
	size_t count;
};

/* ---- reading it ---------------------------------------------------------- */

static bool parse_address(struct str text, int *family, uint8_t address[16])
{
	char copy[INET6_ADDRSTRLEN];

	if (!str_to_c(text, copy, sizeof(copy)))
		return false;
	*family = AF_INET;
	if (inet_pton(AF_INET, copy, address) == 1)
		return true;
	*family = AF_INET6;
	return inet_pton(AF_INET6, copy, address) == 1;
}

/* Returns: whether the line says something. */
static bool parse_line(struct str line, struct arena *a, struct host_line *to)
{
	char text[INET6_ADDRSTRLEN];
	struct str address;

	(void)str_cut(line, '#', &line, NULL);
	if (!str_next_word(&line, &byteset_space, &address) ||
	    !parse_address(address, &to->family, to->address) ||
	    inet_ntop(to->family, to->address, text, sizeof(text)) == NULL)
		return false;
	to->text = arena_str(a, str_of_c(text));
	to->names = arena_str(a, line);
	return to->text.p != NULL && to->names.p != NULL;
}

static void load(struct hosts *h, int fd)
{
	BUF_SCOPED file = BUF_INIT(FILE_MAX);
	struct arena *a = arena_new(8 * FILE_MAX);
	struct host_line *lines = NULL;
	struct str rest;
	struct str line;
	size_t most = 1;
	size_t count = 0;

	if (a != NULL && fd_read_all(fd, &file) == 0) {
		for (size_t i = 0; i < file.n; i++)
			most += file.p[i] == '\n';
		lines = arena_array(a, most, sizeof(*lines));
	}
	if (lines == NULL) {
		arena_free(a);
		return; /* the old lines stay */
	}
	rest = buf_str(&file);
	while (rest.n > 0 && count < most) {
		(void)str_cut(rest, '\n', &line, &rest);
		if (parse_line(line, a, &lines[count]))
			count++;
	}
	arena_free(h->arena);
	h->arena = a;
	h->lines = lines;
	h->count = count;
}

static void look(struct hosts *h)
{
	int64_t now = clock_now();
	struct stat st;
	int fd;

	if (h->folder < 0 || now < h->look_next)
		return;
	h->look_next = now + LOOK_EVERY;
	if (fstatat(h->folder, "hosts", &st, 0) != 0 || !S_ISREG(st.st_mode) ||
	    (h->lines != NULL && st.st_mtim.tv_sec == h->changed.tv_sec &&
	     st.st_mtim.tv_nsec == h->changed.tv_nsec))
		return;
	fd = openat(h->folder, "hosts", O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return;
	h->changed = st.st_mtim;
	load(h, fd);
	close(fd);
}

/* ---- life ---------------------------------------------------------------- */

int hosts_open(struct hosts **out)
{
	struct hosts *h = calloc(1, sizeof(*h));

	if (h == NULL)
		return -ENOMEM;
	h->folder = open("/etc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	look(h);
	*out = h;
	return 0;
}

void hosts_close(struct hosts *h)
{
	if (h == NULL)
		return;
	if (h->folder >= 0)
		close(h->folder);
	arena_free(h->arena);
	free(h);
}

/* ---- answering ----------------------------------------------------------- */

static bool has_name(struct str names, struct str name)
{
	struct str word;

	while (str_next_word(&names, &byteset_space, &word)) {
		if (str_ends(word, STR(".")))
			word.n--;
		if (str_eq_nocase(word, name))
			return true;
	}
	return false;
}

static bool add_record(struct dns_entry *e, const struct host_line *line)
{
	struct dns_record *r = &e->records[e->count];

	*r = (struct dns_record){.type = e->type, .family = line->family};
	memcpy(r->address, line->address, sizeof(r->address));
	r->text = arena_str(e->arena, line->text);
	if (r->text.p == NULL)
		return false;
	e->count++;
	return true;
}

static bool answer_address(struct hosts *h, struct dns_entry *e)
{
	int family = e->type == DNS_A ? AF_INET : AF_INET6;
	size_t lines = 0;

	for (size_t i = 0; i < h->count; i++)
		lines += has_name(h->lines[i].names, e->name);
	if (lines == 0)
		return false;
	e->records = arena_array(e->arena, lines, sizeof(*e->records));
	if (e->records == NULL)
		return false;
	for (size_t i = 0; i < h->count; i++) {
		if (h->lines[i].family == family &&
		    has_name(h->lines[i].names, e->name) &&
		    !add_record(e, &h->lines[i]))
			return false;
	}
	if (e->count > 0)
		entry_settle_found(e, 0);
	else
		entry_settle(e, DNS_NODATA,
			     "Host found but no data record of requested type",
			     0);
	return true;
}

static bool answer_reverse(struct hosts *h, struct dns_entry *e)
{
	for (size_t i = 0; i < h->count; i++) {
		struct str names = h->lines[i].names;
		struct str first;
		char reverse[80];

		if (!dns_reverse_name(h->lines[i].text, reverse) ||
		    !str_eq(str_of_c(reverse), e->name) ||
		    !str_next_word(&names, &byteset_space, &first) ||
		    !dns_name_is_askable(first))
			continue;
		e->records = arena_array(e->arena, 1, sizeof(*e->records));
		if (e->records == NULL)
			return false;
		e->records[0] = (struct dns_record){
			.type = DNS_PTR, .text = arena_str(e->arena, first)};
		e->count = 1;
		if (e->records[0].text.p == NULL)
			return false;
		entry_settle_found(e, 0);
		return true;
	}
	return false;
}

bool hosts_answer(struct hosts *h, struct dns_entry *e)
{
	bool settled = false;

	look(h);
	if (e->type == DNS_A || e->type == DNS_AAAA)
		settled = answer_address(h, e);
	else if (e->type == DNS_PTR)
		settled = answer_reverse(h, e);
	if (!settled)
		e->count = 0;
	return settled;
}

/* ---- reverse names ------------------------------------------------------- */

bool dns_reverse_name(struct str address, char text[80])
{
	static const char hex[] = "0123456789abcdef";
	BUF_SCOPED to = BUF_INIT(79);
	uint8_t bytes[16];
	int family;

	if (!parse_address(address, &family, bytes))
		return false;
	for (int i = family == AF_INET ? 3 : 15; i >= 0; i--) {
		if (family == AF_INET)
			buf_putf(&to, "%u.", (unsigned)bytes[i]);
		else
			buf_putf(&to, "%c.%c.", hex[bytes[i] & 15],
				 hex[bytes[i] >> 4]);
	}
	buf_put(&to, family == AF_INET ? STR("in-addr.arpa") : STR("ip6.arpa"));
	return !to.failed && str_to_c(buf_str(&to), text, 80);
}
