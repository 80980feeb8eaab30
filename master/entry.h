/* SPDX-License-Identifier: ISC */
/* master/entry.h — one service of master.cf, while it is offered.
 *
 * Master holds the listening sockets.  While a service has no worker that
 * accepts, a fiber per socket waits for the first connection (it never takes
 * it) and has a worker started, which inherits the sockets. */
#ifndef MASTER_ENTRY_H
#define MASTER_ENTRY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "conf/mastercf.h"
#include "master/bind.h"
#include "master/program.h"
#include "rt/fiber.h"
#include "stats/slots.h"

struct master;
struct why;

/* One listening socket. */
struct entry_socket {
	int fd;
	char *name;		     /* of the service, for MALOTE_LISTEN */
	char *path;		     /* Unix: relative; NULL: inet */
	struct bind_address address; /* inet */
	struct entry *entry;	     /* whose workers get it */
	struct fiber *fiber;	     /* NULL: it has ended */
	bool gone;		     /* close it when the fiber has ended */
};

/* One process. */
struct worker {
	struct list node;
	struct entry *entry;
	int pid;
	unsigned slot;
	int control; /* -1: closed */
	bool ready;  /* it said that it accepts */
	bool ending; /* it accepts no more, or was told not to */
};

enum { ENTRY_SOCKETS_MAX = 2 * BIND_MAX };

struct entry {
	struct list node;
	struct master *master;
	const struct program *program;
	unsigned index; /* in stats/slots.h */
	char *name;	/* as in master.cf */
	char *type;
	char *path;  /* of the program, as log lines show it */
	char *file;  /* of the program, as it is executed */
	char **argv; /* without -s and its number */
	size_t argc;
	unsigned maxproc; /* sessions; 0: no limit */
	unsigned processes;
	int wakeup_s;
	bool wakeup_if_used;

	struct entry_socket *sockets[ENTRY_SOCKETS_MAX];
	size_t socket_count;
	struct list workers;
	struct waitq demand; /* woken when a socket has to be watched again */
	struct waitq wakeup; /* woken when the entry goes */
	unsigned fibers;     /* that look at this entry */
	bool has_wakeup;     /* the fiber that rings it has been started */
	bool used;	     /* it has had a worker */
	bool gone;	     /* no longer in master.cf */
	int64_t rest_until;  /* clock_now(): no worker before */
	int64_t crashed_at;
	int64_t pause_ms;
	int64_t full_told;
};

/* What an entry is made of. */
struct entry_wish {
	struct master *master;
	const struct mastercf *file;
	const struct master_entry *row;
	const struct program *program;
};

/* Make the entry that `wish` describes, without sockets and processes.
 * Returns: NULL when memory is out. */
MUST_USE struct entry *entry_new(const struct entry_wish *wish);
void entry_free(struct entry *e);
DEFINE_CLEANUP(struct entry *, entry_free)

/* Whether both would run the same processes on sockets of the same kind. */
bool entry_same(const struct entry *a, const struct entry *b);

/* Take command line, limits and times over from `from`. */
void entry_take_over(struct entry *e, struct entry *from);

/* Find where the service listens and listen there, keeping sockets that it
 * has already.  `row` is its own, or one of kind JOINS.
 * Returns: 0 or -errno with words. */
MUST_USE int entry_listen(struct entry *e, const struct master_entry *row,
			  struct why *why);

/* Begin, and end, to look after it: sockets, wake-ups. */
MUST_USE int entry_start(struct entry *e);
void entry_end(struct entry *e);

/* Close a socket of `e` that has become superfluous. */
void entry_drop_socket(struct entry *e, size_t i);

/* Free it when nothing of it is left. */
void entry_reap(struct entry *e);

/* Whether a connection has to start a worker now. */
bool entry_needs_worker(const struct entry *e);

/* Workers that accept or will. */
unsigned entry_serving(const struct entry *e);

/* ---- worker.c ---- */

/* Start one more worker.  What goes wrong is logged. */
void worker_start(struct entry *e);

/* A child has ended. */
void worker_ended(struct master *m, int pid, int status);

/* Send a word of service/protocol.h to all workers of `e`, with a descriptor
 * unless it is -1.  SERVICE_DRAIN and SERVICE_STOP count them as ending. */
void worker_tell_all(struct entry *e, char what, int fd);

#endif
