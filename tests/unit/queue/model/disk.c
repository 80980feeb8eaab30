/* SPDX-License-Identifier: ISC */
/* What is durable, and what would like to be: see disk.h.
 *
 * Every file and directory is a node, known by its inode, which a descriptor
 * of ours keeps from being used again.  There are two name spaces, as it is now
 * and as it is durable, and the operations that lead from one to the other. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <dirent.h>

#include "disk.h"

#define SECTOR 512u
#define PAGE 4096u
#define NAME_SIZE 128u

struct change {
	bool cut; /* to `at` bytes, else a write */
	uint64_t at;
	size_t n;
	char *p;
};

struct node {
	bool is_dir;
	bool tears; /* a page in flight may come out as anything */
	ino_t ino;
	int fd;
	char *bytes; /* durable */
	size_t size;
	struct change *changes; /* not flushed */
	size_t change_count;
	const struct entry *built; /* a name that it has after the cut */
};

struct entry {
	struct node *dir;
	struct node *node;
	char name[NAME_SIZE];
};

struct names {
	struct entry *entries;
	size_t n;
};

enum op_kind { OP_MAKE, OP_MOVE, OP_REMOVE };

struct op {
	enum op_kind kind;
	bool linked; /* OP_MAKE: the node was there */
	struct node *node;
	struct node *dir;
	struct node *to_dir;   /* OP_MOVE */
	struct node *replaced; /* OP_MOVE: or NULL */
	char name[NAME_SIZE];
	char to_name[NAME_SIZE];
};

static struct disk {
	enum disk_kind kind;
	bool watching;
	struct node **nodes;
	size_t node_count;
	struct names now, durable;
	struct op *ops;
	size_t op_count;
	unsigned fail_at, stop_at, failures;
	bool stopped;
} disk;

/* ---- chance --------------------------------------------------------------
 */

static uint64_t chance_state = 1;

void chance_seed(uint64_t seed)
{
	chance_state = seed * UINT64_C(0x9e3779b97f4a7c15) | 1;
	for (int i = 0; i < 4; i++)
		(void)chance();
}

uint64_t chance(void)
{
	chance_state ^= chance_state >> 12;
	chance_state ^= chance_state << 25;
	chance_state ^= chance_state >> 27;
	return (chance_state * UINT64_C(0x2545f4914f6cdd1d)) >> 11;
}

uint64_t chance_below(uint64_t n)
{
	return chance() % n;
}

bool chance_in(unsigned n)
{
	return chance() % n == 0;
}

/* ---- faults ---------------------------------------------------------------
 */

void disk_fail_at(unsigned nth)
{
	disk.fail_at = nth;
}

unsigned disk_failures(void)
{
	return disk.failures;
}

void disk_stop_at(unsigned nth)
{
	disk.stop_at = nth;
	disk.stopped = false;
}

bool disk_is_stopped(void)
{
	return disk.stopped;
}

int disk_fault(bool is_flush)
{
	if (disk.stop_at > 0 && --disk.stop_at == 0)
		disk.stopped = true;
	if (disk.stopped)
		return EIO;
	if (disk.fail_at == 0 || --disk.fail_at > 0)
		return 0;
	disk.failures++;
	return is_flush || chance_in(2) ? EIO : ENOSPC;
}

/* ---- memory ----------------------------------------------------------------
 */

/* One more element of `size` bytes, zeroed, at the end of *array. */
static void *one_more(void *array, size_t n, size_t size)
{
	void *grown = n % 32 == 0 ? realloc(array, (n + 32) * size) : array;

	if (grown == NULL)
		abort();
	memset((char *)grown + n * size, 0, size);
	return grown;
}

static struct node *node_new(int fd, bool is_dir)
{
	struct node *n = calloc(1, sizeof(*n));
	struct stat st;

	if (n == NULL || fd < 0 || fstat(fd, &st) < 0)
		abort();
	n->fd = fd;
	n->ino = st.st_ino;
	n->is_dir = is_dir;
	disk.nodes = one_more(disk.nodes, disk.node_count, sizeof(*disk.nodes));
	disk.nodes[disk.node_count++] = n;
	return n;
}

static void forget_changes(struct node *n)
{
	for (size_t i = 0; i < n->change_count; i++)
		free(n->changes[i].p);
	free(n->changes);
	n->changes = NULL;
	n->change_count = 0;
}

struct node *disk_node(int fd)
{
	struct stat st;

	if (!disk.watching || fstat(fd, &st) < 0)
		return NULL;
	for (size_t i = disk.node_count; i-- > 0;)
		if (disk.nodes[i]->ino == st.st_ino)
			return disk.nodes[i];
	return NULL;
}

/* ---- name spaces -----------------------------------------------------------
 */

static struct entry *lookup(const struct names *in, const struct node *dir,
			    const char *name)
{
	for (size_t i = 0; i < in->n; i++)
		if (in->entries[i].dir == dir &&
		    strcmp(in->entries[i].name, name) == 0)
			return &in->entries[i];
	return NULL;
}

static void link_name(struct names *in, struct node *dir, const char *name,
		      struct node *node)
{
	struct entry *e = lookup(in, dir, name);

	if (e == NULL) {
		in->entries = one_more(in->entries, in->n, sizeof(*e));
		e = &in->entries[in->n++];
	}
	e->dir = dir;
	e->node = node;
	(void)snprintf(e->name, sizeof(e->name), "%s", name);
}

static void unlink_name(struct names *in, const struct node *dir,
			const char *name, const struct node *node)
{
	struct entry *e = lookup(in, dir, name);

	if (e != NULL && e->node == node)
		*e = in->entries[--in->n];
}

static void apply(struct names *to, const struct op *op)
{
	if (op->kind == OP_MAKE) {
		link_name(to, op->dir, op->name, op->node);
		return;
	}
	unlink_name(to, op->dir, op->name, op->node);
	if (op->kind == OP_MOVE)
		link_name(to, op->to_dir, op->to_name, op->node);
}

/* The directory in which `path` below `dir` is, and its last part. */
static struct node *resolve(int dir, const char *path, char name[NAME_SIZE])
{
	struct node *at = disk_node(dir);

	for (;;) {
		size_t n = strcspn(path, "/");
		struct entry *e;

		(void)snprintf(name, NAME_SIZE, "%.*s", (int)n, path);
		if (path[n] == '\0' || at == NULL)
			return at;
		e = lookup(&disk.now, at, name);
		at = e != NULL ? e->node : NULL;
		path += n + 1;
	}
}

static struct op *op_new(enum op_kind kind, int dir, const char *path)
{
	struct op *op;

	disk.ops = one_more(disk.ops, disk.op_count, sizeof(*op));
	op = &disk.ops[disk.op_count];
	op->kind = kind;
	op->dir = resolve(dir, path, op->name);
	if (op->dir == NULL)
		abort();
	disk.op_count++;
	return op;
}

void disk_made(int dir, const char *path, int fd)
{
	struct op *op = op_new(OP_MAKE, dir, path);
	int own = (int)syscall(SYS_openat, dir, path, O_RDONLY | O_CLOEXEC);

	op->node = node_new(own, fd < 0);
	op->node->tears =
		strchr(op->name, '-') != NULL && strchr(op->name, '.') == NULL;
	apply(&disk.now, op);
}

void disk_linked(int dir, const char *path, int to_dir, const char *to_path)
{
	struct op *op = op_new(OP_MAKE, to_dir, to_path);
	char name[NAME_SIZE];
	const struct node *from = resolve(dir, path, name);
	const struct entry *e = lookup(&disk.now, from, name);

	if (e == NULL)
		abort();
	op->linked = true;
	op->node = e->node;
	apply(&disk.now, op);
}

void disk_moved(int dir, const char *path, int to_dir, const char *to_path)
{
	struct op *op;
	struct entry *from, *old;

	if (disk.kind == DISK_UNORDERED && to_dir != dir) {
		disk_linked(dir, path, to_dir, to_path);
		disk_removed(dir, path);
		return;
	}
	op = op_new(OP_MOVE, dir, path);
	from = lookup(&disk.now, op->dir, op->name);
	op->to_dir = resolve(to_dir, to_path, op->to_name);
	if (from == NULL || op->to_dir == NULL)
		abort();
	op->node = from->node;
	old = lookup(&disk.now, op->to_dir, op->to_name);
	op->replaced = old != NULL ? old->node : NULL;
	apply(&disk.now, op);
}

void disk_removed(int dir, const char *path)
{
	struct op *op = op_new(OP_REMOVE, dir, path);
	struct entry *e = lookup(&disk.now, op->dir, op->name);

	if (e == NULL)
		abort();
	op->node = e->node;
	apply(&disk.now, op);
}

/* ---- what builds upon what -------------------------------------------------
 */

static bool same_name(const struct node *dir, const char *name,
		      const struct node *other_dir, const char *other)
{
	return dir != NULL && dir == other_dir && strcmp(name, other) == 0;
}

/* Whether `later` cannot be on the disk without `op`. */
static bool builds_upon(const struct op *later, const struct op *op)
{
	return (later->node == op->node && disk.kind != DISK_UNORDERED) ||
	       later->replaced == op->node || later->node == op->replaced ||
	       (op->node->is_dir &&
		(later->dir == op->node || later->to_dir == op->node)) ||
	       same_name(later->dir, later->name, op->dir, op->name) ||
	       same_name(later->dir, later->name, op->to_dir, op->to_name) ||
	       same_name(later->to_dir, later->to_name, op->dir, op->name) ||
	       same_name(later->to_dir, later->to_name, op->to_dir,
			 op->to_name);
}

/* Take the operations with needed[i] to the disk, with what they build upon,
 * but not the making of the directory `bare`. */
static void make_durable(bool *needed, const struct node *bare)
{
	size_t kept = 0;

	for (size_t k = disk.op_count; k-- > 0;)
		for (size_t i = 0; needed[k] && i < k; i++)
			if (builds_upon(&disk.ops[k], &disk.ops[i]) &&
			    disk.ops[i].node != bare)
				needed[i] = true;
	for (size_t i = 0; i < disk.op_count; i++) {
		if (needed[i])
			apply(&disk.durable, &disk.ops[i]);
		else
			disk.ops[kept++] = disk.ops[i];
	}
	disk.op_count = kept;
}

/* `n` is flushed: which operations go with it? */
static void flush_names(const struct node *n)
{
	bool *needed = calloc(disk.op_count + 1, 1);
	size_t last = 0;

	if (needed == NULL)
		abort();
	for (size_t i = 0; i < disk.op_count; i++) {
		const struct op *op = &disk.ops[i];

		/* Of a new file, or directory, its name. */
		needed[i] = (disk.kind != DISK_PLAIN && op->node == n &&
			     op->kind == OP_MAKE && !op->linked) ||
			    (n->is_dir && (op->dir == n || op->to_dir == n));
		if (needed[i])
			last = i + 1;
	}
	if (disk.kind == DISK_ORDERED)
		memset(needed, 1, last);
	/* Elsewhere that of a new directory's own name stays away. */
	make_durable(needed, n->is_dir && disk.kind == DISK_PLAIN ? n : NULL);
	free(needed);
}

/* ---- data ------------------------------------------------------------------
 */

static void resize(struct node *n, size_t size)
{
	char *bytes = realloc(n->bytes, size + 1);

	if (bytes == NULL)
		abort();
	if (size > n->size)
		memset(bytes + n->size, 0, size - n->size);
	n->bytes = bytes;
	n->size = size;
}

static void put(struct node *n, uint64_t at, const char *p, size_t size)
{
	if (at + size > n->size)
		resize(n, (size_t)at + size);
	memcpy(n->bytes + at, p, size);
}

/* Each unit of a write is on the disk or not. */
static void put_some(struct node *n, const struct change *c, unsigned unit)
{
	size_t done = 0;

	while (done < c->n) {
		size_t left = c->n - done;
		size_t size = unit - (size_t)((c->at + done) % unit);

		if (size > left)
			size = left;
		if (chance_in(2))
			put(n, c->at + done, c->p + done, size);
		done += size;
	}
}

static void put_any(struct node *n, const struct change *c)
{
	switch (chance_below(5)) {
	case 0:
		break;
	case 1:
	case 2:
		put(n, c->at, c->p, c->n);
		break;
	case 3:
		put_some(n, c, PAGE);
		break;
	default:
		put_some(n, c, SECTOR);
	}
}

void disk_wrote(struct node *n, uint64_t at, const void *p, size_t size)
{
	struct change *c;

	n->changes = one_more(n->changes, n->change_count, sizeof(*c));
	c = &n->changes[n->change_count++];
	c->at = at;
	c->n = size;
	c->p = malloc(size);
	if (c->p == NULL)
		abort();
	memcpy(c->p, p, size);
}

void disk_cut(struct node *n, uint64_t size)
{
	struct change *c;

	n->changes = one_more(n->changes, n->change_count, sizeof(*c));
	c = &n->changes[n->change_count++];
	c->cut = true;
	c->at = size;
}

void disk_flushed(struct node *n)
{
	for (size_t i = 0; i < n->change_count; i++) {
		const struct change *c = &n->changes[i];

		if (c->cut)
			resize(n, (size_t)c->at);
		else
			put(n, c->at, c->p, c->n);
	}
	forget_changes(n);
	flush_names(n);
}

/* What was dirty is clean now, and perhaps on the disk. */
void disk_flush_failed(struct node *n)
{
	for (size_t i = 0; i < n->change_count; i++) {
		const struct change *c = &n->changes[i];

		if (c->cut)
			resize(n, (size_t)c->at);
		else
			put_any(n, c);
	}
	forget_changes(n);
}

/* ---- the power cut ---------------------------------------------------------
 */

static void tear_pages(struct node *n, const struct change *c)
{
	for (uint64_t at = c->at / PAGE * PAGE; at < c->at + c->n; at += PAGE)
		if (chance_in(10) && at + PAGE <= n->size)
			memset(n->bytes + at, chance_in(2) ? 0 : 0xa5, PAGE);
}

static void lose_data(struct node *n)
{
	for (size_t i = 0; i < n->change_count; i++) {
		const struct change *c = &n->changes[i];

		if (!c->cut) {
			put_any(n, c);
			if (n->tears)
				tear_pages(n, c);
		} else if (chance_in(2)) {
			break; /* and what came behind it */
		} else {
			resize(n, (size_t)c->at);
		}
	}
	forget_changes(n);
}

static void lose_names(void)
{
	bool *skipped = calloc(disk.op_count + 1, 1);
	size_t most = (size_t)chance_below(disk.op_count + 1);
	unsigned keep = 1 + (unsigned)chance_below(4);

	if (skipped == NULL)
		abort();
	for (size_t k = 0; k < disk.op_count; k++) {
		skipped[k] =
			disk.kind == DISK_ORDERED ? k >= most : chance_in(keep);
		for (size_t i = 0; i < k; i++)
			if (skipped[i] &&
			    builds_upon(&disk.ops[k], &disk.ops[i]))
				skipped[k] = true;
		if (!skipped[k])
			apply(&disk.durable, &disk.ops[k]);
	}
	free(skipped);
	disk.op_count = 0;
}

/* Remove all files and the directories that came later. */
static void wipe(int dir, bool top)
{
	int fd = (int)syscall(SYS_openat, dir, ".", O_RDONLY | O_DIRECTORY);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	if (d == NULL)
		abort();
	while ((e = readdir(d)) != NULL) {
		int sub;

		if (e->d_name[0] == '.')
			continue;
		if (syscall(SYS_unlinkat, dir, e->d_name, 0) == 0)
			continue;
		sub = (int)syscall(SYS_openat, dir, e->d_name,
				   O_RDONLY | O_DIRECTORY);
		if (sub < 0)
			abort();
		wipe(sub, false);
		(void)close(sub);
		if (!top)
			(void)syscall(SYS_unlinkat, dir, e->d_name,
				      AT_REMOVEDIR);
	}
	(void)closedir(d);
}

/* Make what is durable below `dir` again. */
static void build(struct node *dir)
{
	for (size_t i = 0; i < disk.durable.n; i++) {
		struct entry *e = &disk.durable.entries[i];
		struct stat st;
		int fd;

		if (e->dir != dir)
			continue;
		if (e->node->built != NULL) {
			const struct entry *other = e->node->built;

			if (syscall(SYS_linkat, other->dir->fd, other->name,
				    dir->fd, e->name, 0) < 0)
				abort();
			continue;
		}
		e->node->built = e;
		if (e->node->is_dir) {
			(void)syscall(SYS_mkdirat, dir->fd, e->name, 0700);
			fd = (int)syscall(SYS_openat, dir->fd, e->name,
					  O_RDONLY | O_CLOEXEC);
		} else {
			fd = (int)syscall(SYS_openat, dir->fd, e->name,
					  O_RDWR | O_CREAT | O_CLOEXEC, 0600);
			if (e->node->size > 0 &&
			    syscall(SYS_pwrite64, fd, e->node->bytes,
				    e->node->size, 0L) != (long)e->node->size)
				abort();
		}
		if (fd < 0 || fstat(fd, &st) < 0)
			abort();
		(void)close(e->node->fd);
		e->node->fd = fd;
		e->node->ino = st.st_ino;
		if (e->node->is_dir)
			build(e->node);
	}
}

static void copy_names(struct names *to, const struct names *from)
{
	to->n = 0;
	for (size_t i = 0; i < from->n; i++)
		link_name(to, from->entries[i].dir, from->entries[i].name,
			  from->entries[i].node);
}

void disk_power_cut(void)
{
	struct node *root = disk.nodes[0];

	for (size_t i = 0; i < disk.node_count; i++) {
		lose_data(disk.nodes[i]);
		disk.nodes[i]->built = NULL;
	}
	lose_names();
	copy_names(&disk.now, &disk.durable);
	wipe(root->fd, true);
	build(root);
}

/* ---- beginning and end -----------------------------------------------------
 */

void disk_begin(const char *path, enum disk_kind kind)
{
	int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
	struct node *root;
	struct dirent *e;
	DIR *d;

	disk.kind = kind;
	disk.watching = true;
	root = node_new(fd, true);
	d = fdopendir(dup(fd));
	if (d == NULL)
		abort();
	while ((e = readdir(d)) != NULL) {
		struct node *n;

		if (e->d_name[0] == '.')
			continue;
		n = node_new((int)syscall(SYS_openat, fd, e->d_name,
					  O_RDONLY | O_CLOEXEC),
			     true);
		link_name(&disk.now, root, e->d_name, n);
	}
	(void)closedir(d);
	copy_names(&disk.durable, &disk.now);
}

void disk_end(void)
{
	unsigned failures = disk.failures;

	wipe(disk.nodes[0]->fd, true);
	for (size_t i = 0; i < disk.node_count; i++) {
		forget_changes(disk.nodes[i]);
		(void)close(disk.nodes[i]->fd);
		free(disk.nodes[i]->bytes);
		free(disk.nodes[i]);
	}
	free(disk.nodes);
	free(disk.now.entries);
	free(disk.durable.entries);
	free(disk.ops);
	disk = (struct disk){.failures = failures};
}

enum disk_kind disk_kind(void)
{
	return disk.kind;
}
