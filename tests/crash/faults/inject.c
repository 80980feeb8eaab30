/* SPDX-License-Identifier: ISC */
/* Faults on order: a library to preload (LD_PRELOAD), which lets the N-th
 * system call of a kind fail in the programs of one name.
 *
 * The orders come from a small file that MALOTE_FAULTS names and everybody
 * maps; whoever writes it (tests/crash/test_faults.py) may change them while
 * the programs run, and reads there how many calls were seen and which one
 * failed.  What counts are calls about regular files and directories, but for
 * the log, and about paths below `prefix`; memory counts where the program
 * itself, not one of its libraries, asks for it. */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <link.h>
#include <linux/aio_abi.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define FRAMES 12

/* The same numbers are in test_faults.py. */
enum family {
	OPEN = 1 << 0, /* a file that is there */
	CREATE = 1 << 1,
	WRITE = 1 << 2,
	SYNC = 1 << 3,
	NAME = 1 << 4,	/* rename, link, unlink, mkdir */
	SPACE = 1 << 5, /* room for a file, a file's length */
	FREE = 1 << 6,	/* how much is free */
	LOCK = 1 << 7,
	DUP = 1 << 8,
	READ = 1 << 9,
	STAT = 1 << 10, /* times, owner, what is at a path */
	MEMORY = 1 << 11,
	SOCKET = 1 << 12, /* new descriptors that are no files */
	TAKEN = 1 << 13,  /* descriptors that come in a message */
	FORK = 1 << 14,
	LIST = 1 << 15, /* reading a directory */
};

struct control {
	_Atomic uint32_t armed;
	uint32_t families;
	uint32_t from;	  /* the first call that fails, from 1 */
	uint32_t times;	  /* how many fail; 0: all from there */
	int32_t error;	  /* errno */
	uint32_t partial; /* the first one writes one half, as a disk does */
	_Atomic uint32_t seen;
	_Atomic uint32_t fired;
	uint64_t log_inode;
	char program[24];
	char prefix[200];
	char what[256]; /* the first that failed */
};

static struct control *control;
static char program[256];
static uintptr_t load_at, text_from, text_to; /* of the program itself */

static struct {
	void *(*malloc)(size_t);
	void *(*calloc)(size_t, size_t);
	void *(*realloc)(void *, size_t);
	void (*free)(void *);
} memory; /* the functions that ours stand before, from the start on */

/* ---- the start ----------------------------------------------------------- */

static int find_text(struct dl_phdr_info *info, size_t size, void *arg)
{
	(void)size;
	(void)arg;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];

		if (p->p_type != PT_LOAD || (p->p_flags & PF_X) == 0)
			continue;
		text_from = info->dlpi_addr + p->p_vaddr;
		text_to = text_from + p->p_memsz;
	}
	load_at = info->dlpi_addr;
	return 1; /* the first one is the program */
}

static void *next(const char *name)
{
	return dlsym(RTLD_NEXT, name);
}

static void find_memory(void)
{
	void *found[4] = {next("malloc"), next("calloc"), next("realloc"),
			  next("free")};

	memcpy(&memory.free, &found[3], sizeof(memory.free));
	memcpy(&memory.realloc, &found[2], sizeof(memory.realloc));
	memcpy(&memory.calloc, &found[1], sizeof(memory.calloc));
	memcpy(&memory.malloc, &found[0], sizeof(memory.malloc));
}

__attribute__((constructor)) static void start(void)
{
	const char *path = getenv("MALOTE_FAULTS");
	char self[256];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	void *map;
	int fd;

	find_memory();
	if (path == NULL || n <= 0)
		return;
	self[n] = '\0';
	(void)snprintf(program, sizeof(program), "%s", strrchr(self, '/') + 1);
	(void)dl_iterate_phdr(find_text, NULL);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return;
	map = mmap(NULL, sizeof(struct control), PROT_READ | PROT_WRITE,
		   MAP_SHARED, fd, 0);
	(void)close(fd);
	/* The first time it asks for memory itself. */
	(void)backtrace(&(void *){NULL}, 1);
	if (map != MAP_FAILED)
		control = map;
}

/* The function that ours stands before. */
#define NEXT(name)                                                             \
	static __typeof__(&name) real;                                         \
	if (real == NULL) {                                                    \
		void *found = next(#name);                                     \
		memcpy(&real, &found, sizeof(real));                           \
	}

/* ---- whether ------------------------------------------------------------- */

static bool is_ordered(enum family f)
{
	return control != NULL && atomic_load(&control->armed) != 0 &&
	       (control->families & (uint32_t)f) != 0 &&
	       strcmp(control->program, program) == 0;
}

/* Say which call it was; in a jail without /proc a descriptor has no name. */
static void tell(const char *call, const char *path, int fd)
{
	char link[64], name[200];
	ssize_t n = -1;

	if (path == NULL) {
		(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
		n = readlink(link, name, sizeof(name) - 1);
		if (n > 0)
			name[n] = '\0';
		else
			(void)snprintf(name, sizeof(name), "#%d", fd);
		path = name;
	}
	(void)snprintf(control->what, sizeof(control->what), "%s %s", call,
		       path);
}

/* Count this call.  Returns whether it fails; errno is set then. */
static bool fire(const char *call, const char *path, int fd)
{
	uint32_t n = atomic_fetch_add(&control->seen, 1) + 1;

	if (n < control->from ||
	    (control->times > 0 && n >= control->from + control->times))
		return false;
	if (atomic_fetch_add(&control->fired, 1) == 0)
		tell(call, path, fd);
	errno = control->error;
	return true;
}

static bool fails_fd(enum family f, const char *call, int fd)
{
	struct stat st;

	if (!is_ordered(f) || fstat(fd, &st) < 0 ||
	    (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)) ||
	    st.st_ino == control->log_inode)
		return false;
	return fire(call, NULL, fd);
}

static bool fails_path(enum family f, const char *call, const char *path)
{
	if (!is_ordered(f) ||
	    (path[0] == '/' &&
	     strncmp(path, control->prefix, strlen(control->prefix)) != 0))
		return false;
	return fire(call, path, -1);
}

static bool fails_plain(enum family f, const char *call)
{
	return is_ordered(f) && fire(call, "", -1);
}

/* A full disk takes the front of what is written. */
static bool is_first_of_partial(void)
{
	return control->partial != 0 && atomic_load(&control->fired) == 1;
}

/* ---- files --------------------------------------------------------------- */

#define TAKE_ARG(last, to)                                                     \
	do {                                                                   \
		va_list args;                                                  \
		va_start(args, last);                                          \
		(to) = va_arg(args, __typeof__(to));                           \
		va_end(args);                                                  \
	} while (0)

static bool is_creation(int flags)
{
	return (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE;
}

int open(const char *path, int flags, ...)
{
	mode_t mode = 0;

	NEXT(open)
	if (is_creation(flags))
		TAKE_ARG(flags, mode);
	if (fails_path(is_creation(flags) ? CREATE : OPEN, "open", path))
		return -1;
	return real(path, flags, mode);
}

int openat(int dir, const char *path, int flags, ...)
{
	mode_t mode = 0;

	NEXT(openat)
	if (is_creation(flags))
		TAKE_ARG(flags, mode);
	if (fails_path(is_creation(flags) ? CREATE : OPEN, "openat", path))
		return -1;
	return real(dir, path, flags, mode);
}

ssize_t write(int fd, const void *bytes, size_t n)
{
	NEXT(write)
	if (!fails_fd(WRITE, "write", fd))
		return real(fd, bytes, n);
	return is_first_of_partial() ? real(fd, bytes, (n + 1) / 2) : -1;
}

ssize_t pwrite(int fd, const void *bytes, size_t n, off_t at)
{
	NEXT(pwrite)
	if (!fails_fd(WRITE, "pwrite", fd))
		return real(fd, bytes, n, at);
	return is_first_of_partial() ? real(fd, bytes, (n + 1) / 2, at) : -1;
}

ssize_t writev(int fd, const struct iovec *iov, int n)
{
	NEXT(writev)
	if (!fails_fd(WRITE, "writev", fd))
		return real(fd, iov, n);
	return is_first_of_partial() ? real(fd, iov, 1) : -1;
}

ssize_t pwritev(int fd, const struct iovec *iov, int n, off_t at)
{
	NEXT(pwritev)
	if (!fails_fd(WRITE, "pwritev", fd))
		return real(fd, iov, n, at);
	return is_first_of_partial() ? real(fd, iov, 1, at) : -1;
}

ssize_t read(int fd, void *to, size_t n)
{
	NEXT(read)
	return fails_fd(READ, "read", fd) ? -1 : real(fd, to, n);
}

ssize_t pread(int fd, void *to, size_t n, off_t at)
{
	NEXT(pread)
	return fails_fd(READ, "pread", fd) ? -1 : real(fd, to, n, at);
}

ssize_t preadv2(int fd, const struct iovec *iov, int n, off_t at, int flags)
{
	NEXT(preadv2)
	return fails_fd(READ, "preadv2", fd) ? -1 : real(fd, iov, n, at, flags);
}

int fsync(int fd)
{
	NEXT(fsync)
	return fails_fd(SYNC, "fsync", fd) ? -1 : real(fd);
}

int fdatasync(int fd)
{
	NEXT(fdatasync)
	return fails_fd(SYNC, "fdatasync", fd) ? -1 : real(fd);
}

int syncfs(int fd)
{
	NEXT(syncfs)
	return fails_fd(SYNC, "syncfs", fd) ? -1 : real(fd);
}

int sync_file_range(int fd, off_t at, off_t n, unsigned flags)
{
	NEXT(sync_file_range)
	return fails_fd(SYNC, "sync_file_range", fd) ? -1
						     : real(fd, at, n, flags);
}

/* Asynchronous fsyncs, of which one or the other comes back failed: its tag
 * travels with a mark. */
static void mark(struct iocb **orders, long count)
{
	for (long i = 0; i < count; i++)
		orders[i]->aio_data |= (uint64_t)fails_fd(
			SYNC, "io_submit(fsync)", (int)orders[i]->aio_fildes);
}

static long collect_marked(long n, struct io_event *events)
{
	for (long i = 0; i < n; i++) {
		if ((events[i].data & 1) != 0)
			events[i].res = -control->error;
		events[i].data &= ~UINT64_C(1);
	}
	return n;
}

long syscall(long number, ...)
{
	va_list args;
	long a[6];

	NEXT(syscall)
	va_start(args, number);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(args, long);
	va_end(args);
	if (number == SYS_io_submit)
		mark((struct iocb **)a[2], a[1]);
	if (number == SYS_io_getevents)
		return collect_marked(
			real(number, a[0], a[1], a[2], a[3], a[4]),
			(struct io_event *)a[3]);
	return real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

int posix_fallocate(int fd, off_t at, off_t n)
{
	NEXT(posix_fallocate)
	return fails_fd(SPACE, "posix_fallocate", fd) ? errno : real(fd, at, n);
}

int fallocate(int fd, int mode, off_t at, off_t n)
{
	NEXT(fallocate)
	return fails_fd(SPACE, "fallocate", fd) ? -1 : real(fd, mode, at, n);
}

int ftruncate(int fd, off_t n)
{
	NEXT(ftruncate)
	return fails_fd(SPACE, "ftruncate", fd) ? -1 : real(fd, n);
}

int fstatvfs(int fd, struct statvfs *to)
{
	NEXT(fstatvfs)
	return fails_fd(FREE, "fstatvfs", fd) ? -1 : real(fd, to);
}

int flock(int fd, int how)
{
	NEXT(flock)
	return fails_fd(LOCK, "flock", fd) ? -1 : real(fd, how);
}

int fcntl(int fd, int what, ...)
{
	void *arg;

	NEXT(fcntl)
	TAKE_ARG(what, arg);
	if (what == F_DUPFD_CLOEXEC && fails_fd(DUP, "fcntl(F_DUPFD)", fd))
		return -1;
	if ((what == F_OFD_SETLK || what == F_OFD_SETLKW) &&
	    fails_fd(LOCK, "fcntl(F_OFD_SETLK)", fd))
		return -1;
	return real(fd, what, arg);
}

int futimens(int fd, const struct timespec times[2])
{
	NEXT(futimens)
	return fails_fd(STAT, "futimens", fd) ? -1 : real(fd, times);
}

int fchown(int fd, uid_t uid, gid_t gid)
{
	NEXT(fchown)
	return fails_fd(STAT, "fchown", fd) ? -1 : real(fd, uid, gid);
}

int fchmod(int fd, mode_t mode)
{
	NEXT(fchmod)
	return fails_fd(STAT, "fchmod", fd) ? -1 : real(fd, mode);
}

/* ---- names --------------------------------------------------------------- */

int fstatat(int dir, const char *restrict path, struct stat *restrict to,
	    int flags)
{
	NEXT(fstatat)
	return fails_path(STAT, "fstatat", path) ? -1
						 : real(dir, path, to, flags);
}

int rename(const char *from, const char *to)
{
	NEXT(rename)
	return fails_path(NAME, "rename", to) ? -1 : real(from, to);
}

int renameat(int from_dir, const char *from, int to_dir, const char *to)
{
	NEXT(renameat)
	return fails_path(NAME, "renameat", to)
		       ? -1
		       : real(from_dir, from, to_dir, to);
}

int renameat2(int from_dir, const char *from, int to_dir, const char *to,
	      unsigned flags)
{
	NEXT(renameat2)
	return fails_path(NAME, "renameat2", to)
		       ? -1
		       : real(from_dir, from, to_dir, to, flags);
}

int link(const char *from, const char *to)
{
	NEXT(link)
	return fails_path(NAME, "link", to) ? -1 : real(from, to);
}

int linkat(int from_dir, const char *from, int to_dir, const char *to,
	   int flags)
{
	NEXT(linkat)
	return fails_path(NAME, "linkat", to)
		       ? -1
		       : real(from_dir, from, to_dir, to, flags);
}

int unlink(const char *path)
{
	NEXT(unlink)
	return fails_path(NAME, "unlink", path) ? -1 : real(path);
}

int unlinkat(int dir, const char *path, int flags)
{
	NEXT(unlinkat)
	return fails_path(NAME, "unlinkat", path) ? -1 : real(dir, path, flags);
}

int mkdir(const char *path, mode_t mode)
{
	NEXT(mkdir)
	return fails_path(NAME, "mkdir", path) ? -1 : real(path, mode);
}

int mkdirat(int dir, const char *path, mode_t mode)
{
	NEXT(mkdirat)
	return fails_path(NAME, "mkdirat", path) ? -1 : real(dir, path, mode);
}

DIR *fdopendir(int fd)
{
	NEXT(fdopendir)
	return fails_fd(LIST, "fdopendir", fd) ? NULL : real(fd);
}

struct dirent *readdir(DIR *dir)
{
	NEXT(readdir)
	return fails_fd(LIST, "readdir", dirfd(dir)) ? NULL : real(dir);
}

/* ---- descriptors and processes ------------------------------------------- */

int socket(int domain, int type, int protocol)
{
	NEXT(socket)
	return fails_plain(SOCKET, "socket") ? -1
					     : real(domain, type, protocol);
}

int socketpair(int domain, int type, int protocol, int ends[2])
{
	NEXT(socketpair)
	return fails_plain(SOCKET, "socketpair")
		       ? -1
		       : real(domain, type, protocol, ends);
}

int pipe2(int ends[2], int flags)
{
	NEXT(pipe2)
	return fails_plain(SOCKET, "pipe2") ? -1 : real(ends, flags);
}

int accept4(int fd, struct sockaddr *restrict from, socklen_t *restrict n,
	    int flags)
{
	NEXT(accept4)
	return fails_plain(SOCKET, "accept4") ? -1 : real(fd, from, n, flags);
}

static void close_taken(const struct cmsghdr *c)
{
	const unsigned char *at = CMSG_DATA(c);
	int lost;

	for (size_t n = c->cmsg_len - CMSG_LEN(0); n >= sizeof(lost);
	     n -= sizeof(lost), at += sizeof(lost)) {
		memcpy(&lost, at, sizeof(lost));
		(void)close(lost);
	}
}

/* Where there are no descriptors left, all those in a message are lost. */
ssize_t recvmsg(int fd, struct msghdr *m, int flags)
{
	ssize_t n;

	NEXT(recvmsg)
	n = real(fd, m, flags);
	for (struct cmsghdr *c = n < 0 ? NULL : CMSG_FIRSTHDR(m); c != NULL;
	     c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_type != SCM_RIGHTS ||
		    c->cmsg_len < CMSG_LEN(sizeof(int)) ||
		    !fails_plain(TAKEN, "recvmsg"))
			continue;
		close_taken(c);
		m->msg_controllen = 0;
		m->msg_flags |= MSG_CTRUNC;
		break;
	}
	return n;
}

pid_t fork(void)
{
	NEXT(fork)
	return fails_plain(FORK, "fork") ? -1 : real();
}

int posix_spawn(pid_t *pid, const char *path,
		const posix_spawn_file_actions_t *actions,
		const posix_spawnattr_t *attributes, char *const argv[],
		char *const envp[])
{
	NEXT(posix_spawn)
	return fails_plain(FORK, "posix_spawn")
		       ? errno
		       : real(pid, path, actions, attributes, argv, envp);
}

/* ---- memory -------------------------------------------------------------- */

/* Who asked, as addresses for addr2line. */
static void tell_callers(void)
{
	void *frames[FRAMES];
	int n = backtrace(frames, FRAMES);
	size_t at = strlen(control->what);

	for (int i = 3; i < n; i++) {
		int put = snprintf(
			control->what + at, sizeof(control->what) - at, " %#lx",
			(unsigned long)((uintptr_t)frames[i] - load_at));

		if (put < 0 || (size_t)put >= sizeof(control->what) - at)
			break;
		at += (size_t)put;
	}
}

static bool fails_memory(const char *call, const void *caller)
{
	uintptr_t at = (uintptr_t)caller;

	if (at < text_from || at >= text_to || !fails_plain(MEMORY, call))
		return false;
	if (atomic_load(&control->fired) == 1)
		tell_callers();
	errno = control->error;
	return true;
}

/* Before our start nobody can be asked for memory yet: what the loader and the
 * sanitizers want until then comes from here, with its size in front. */
#define EARLY_UNIT 16u
static char early[1 << 20] __attribute__((aligned(EARLY_UNIT)));
static size_t early_used;

static void *early_room(size_t n)
{
	size_t size = (n + EARLY_UNIT - 1) / EARLY_UNIT * EARLY_UNIT;
	char *p = early + early_used;

	if (size < n || size + EARLY_UNIT > sizeof(early) - early_used)
		return NULL;
	early_used += size + EARLY_UNIT;
	memcpy(p, &size, sizeof(size));
	return p + EARLY_UNIT;
}

static bool is_early(const void *p)
{
	return (const char *)p >= early &&
	       (const char *)p < early + sizeof(early);
}

void *malloc(size_t n)
{
	if (memory.malloc == NULL)
		return early_room(n);
	return fails_memory("malloc", __builtin_return_address(0))
		       ? NULL
		       : memory.malloc(n);
}

void *calloc(size_t n, size_t size)
{
	if (memory.calloc == NULL)
		return early_room(n * size);
	return fails_memory("calloc", __builtin_return_address(0))
		       ? NULL
		       : memory.calloc(n, size);
}

void *realloc(void *old, size_t n)
{
	size_t had;
	void *new;

	if (!is_early(old) && memory.realloc != NULL)
		return fails_memory("realloc", __builtin_return_address(0))
			       ? NULL
			       : memory.realloc(old, n);
	new = memory.malloc == NULL ? early_room(n) : memory.malloc(n);
	if (old == NULL || new == NULL)
		return new;
	memcpy(&had, (char *)old - EARLY_UNIT, sizeof(had));
	memcpy(new, old, had < n ? had : n);
	return new;
}

void free(void *p)
{
	if (!is_early(p) && memory.free != NULL)
		memory.free(p);
}
