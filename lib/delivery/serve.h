/* SPDX-License-Identifier: ISC */
/* lib/delivery/serve.h — the agent's end of a connection from qmgr: reads
 * requests, runs each in a fiber of its own, sends the answers.
 *
 *	static void deliver(struct delivery_job *job, void *ctx)
 *	{
 *		for each recipient of job->request
 *			delivery_report(job, &outcome);
 *		delivery_trouble(job, DELIVERY_SITE_TROUBLE, dsn, text);
 *	}
 *	accept: delivery_serve(fd, &(struct delivery_agent){deliver, ctx, 0});
 */
#ifndef DELIVERY_SERVE_H
#define DELIVERY_SERVE_H

#include "delivery/outcome.h"
#include "delivery/request.h"

struct arena;
struct delivery_connection;

struct delivery_job {
	struct delivery_request request; /* lives until the function returns;
					    its fd is closed then */
	struct arena *arena;		 /* likewise */
	struct delivery_connection *connection; /* inside */
	struct delivery_done done;		/* inside */
	bool *answered;	 /* inside: per recipient of the request */
	uint64_t memory; /* inside: memory_failures() at its begin */
};

struct delivery_agent {
	void (*deliver)(struct delivery_job *job, void *ctx);
	void *ctx;
	unsigned most_jobs; /* at a time on one connection; more wait unread.
			       0: 1000 */
};

/* Serve one accepted connection until qmgr closes it, sends garbage, or the
 * calling fiber is canceled; then wait for the jobs that run (their answers go
 * nowhere if the peer is gone: qmgr will try those recipients again).
 * Takes: fd.  Call it in the connection's fiber. */
void delivery_serve(int fd, const struct delivery_agent *agent);

/* The same, and begin no more requests once `stopping(arg)` says so: qmgr takes
 * what was not read to a successor of this process. */
void delivery_serve_until(int fd, const struct delivery_agent *agent,
			  bool (*stopping)(const void *arg), const void *arg);

/* Whether memory ran out since the job began: what would be returned to its
 * sender is to be tried again instead. */
bool delivery_is_in_doubt(const struct delivery_job *job);

/* Answer for one recipient (o->recipient is its number); the first answer
 * counts.  Recipients without one when deliver() returns are answered as
 * deferred 4.3.0.  Never waits. */
void delivery_report(struct delivery_job *job, const struct outcome *o);

/* Say what the request showed about its destination; the last word counts. */
void delivery_trouble(struct delivery_job *job, enum delivery_trouble trouble,
		      struct str dsn, struct str text);

#endif
