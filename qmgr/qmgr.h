/* SPDX-License-Identifier: ISC */
/* qmgr/qmgr.h — what the parts of the queue manager share.
 *
 * The way of a message, and where it is written:
 *
 *	listen.c    a writer says QUEUED        scan.c      or a scan finds it
 *	journal.c   in a file of its own, or still in its writer's journal
 *	feed.c      what waits in deferred/ is due (waiting.c knows when)
 *	take.c      files are read in the thread pool
 *	message.c   it becomes active, later ends
 *	resolve.c   each recipient gets a transport and a next hop (lib/route);
 *		    what needs no agent (inline.c) is done on the spot, the rest
 *		    becomes jobs
 *	transport.c jobs wait in sites for their turn (schedule.c)
 *	job.c       a job goes to its agent (agent.c), SMTP ones with the hosts
 *		    to try (hosts.c)
 *	result.c    what became of each recipient
 *	finish.c    all have an answer: report (report.c), remove, or defer
 *
 * Invariants: a message is in `messages` exactly as long as its struct lives;
 * message->outstanding counts the recipients whose answer is awaited, and while
 * it is above 0 the struct stays.  Recipients are addressed by number, their
 * place in the envelope; arrays of a message grow (replaced recipients), so
 * nobody keeps pointers into them over a wait. */
#ifndef QMGR_QMGR_H
#define QMGR_QMGR_H

#include "base/buf.h"
#include "base/list.h"
#include "base/map.h"
#include "delivery/outcome.h"
#include "delivery/request.h"
#include "qmgr/params.h"
#include "qmgr/schedule.h"
#include "queue/spool.h"
#include "rt/fiber.h"

struct agent;
struct conf_common;
struct dns;
struct handover;
struct intake_site;
struct mastercf;
struct route;
struct segment;
struct service_env;
struct waiting;

/* ---- the process -------------------------------------------------------- */

struct qmgr {
	struct service_env *env;
	const struct qmgr_params *params;
	const struct conf_common *common;
	struct queue *queue;
	struct handover *handover; /* of its own notices, to itself */

	/* Made from the configuration; a reload swaps them while nobody is
	 * inside (`readers`, qmgr_enter()). */
	struct route *route;
	struct intake_site *intake;
	struct dns *dns;
	struct buf dns_servers; /* what it was opened with */
	bool dns_hosts_file;
	struct mastercf *services;
	unsigned readers;
	bool swapping;
	struct waitq gate;

	struct map *messages; /* by queue id */
	struct list active;   /* of struct message, the oldest first */
	size_t active_count;
	size_t recipient_count; /* of active messages */
	size_t old_count;	/* the share of those that were deferred */
	size_t old_recipients;
	struct waitq room; /* something has ended */

	struct list dirty;	/* of struct message: with unsaved records */
	struct list unresolved; /* of struct message: new ones, */
	struct list unresolved_old; /* and those that were deferred */
	unsigned resolvers;	    /* fibers that work on them */

	struct list segments;	/* of struct segment (journal.c) */
	struct waitq journal;	/* something is missed of a segment */
	int64_t closed_tell_at; /* when segments that cannot be opened are told
				   of again */
	bool journals_checked;	/* all have been looked at, at the start */
	struct waitq ledgers;	/* wakes who writes what became of messages */
	struct list in_the_way; /* of struct message: of a segment's release */
	unsigned settlers;	/* fibers that give those files */

	struct list transports; /* of struct transport */
	struct map *dead_sites; /* key -> struct site */
	struct waitq clock;	/* wakes the clock fiber early */

	unsigned wanted;   /* enum scan_want */
	struct waitq scan; /* wakes the scanner */

	struct waiting *waiting; /* what is in deferred/ (feed.c) */
	int64_t due_until_s;	 /* wall clock: what is due then may start */
	struct waitq feed;	 /* something is due */
	unsigned feed_pauses;
	struct rt_sem hands; /* whoever works on files that wait has it: what
				is not in `messages` while one holds it is in
				nobody's hands */
	struct waitq walk;   /* wakes who walks through deferred/ */
	bool walk_wanted;
	bool walk_flushes; /* what is found is to be tried now */
	bool walking;
	int64_t walk_next; /* monotonic: not before, unless asked */

	struct list listings; /* who lists the queue now (showq.c) */
	unsigned listing_count;
	int64_t listings_told; /* that there are too many; 0: not yet */
	struct list moving;    /* struct moving */

	unsigned open_files; /* descriptors that messages keep */
	unsigned files_most;
	bool ending;
};

/* Use what a reload swaps: between these two it stays.  Blocks: the fiber,
 * while a swap is under way. */
void qmgr_enter(struct qmgr *q);
void qmgr_leave(struct qmgr *q);

/* ---- messages (message.c) ----------------------------------------------- */

/* What somebody asked to be done with a message when its attempt is over. */
enum message_after {
	AFTER_NOTHING,
	AFTER_DELETE,
	AFTER_HOLD,
	AFTER_REQUEUE,
};

struct message {
	struct list node;	/* in qmgr.active */
	struct list todo;	/* in qmgr.unresolved */
	struct list dirty;	/* in qmgr.dirty */
	struct list in_the_way; /* in qmgr.in_the_way */
	struct qmgr *q;
	struct arena *arena;
	struct queue_id id;
	enum queue_name where;
	struct segment *segment; /* NULL: it has a file; else it is there: */
	uint64_t record;
	uint64_t image_length;
	int fd;		 /* for appending; -1: not open */
	uint64_t offset; /* of the content */
	uint64_t length;
	uint64_t end; /* of the good records in the file */
	uint32_t marks;
	struct envelope envelope;
	struct recipient_state *states; /* what is known of each recipient */
	uint32_t resolve_from; /* recipients before this one have a job */
	uint8_t *fresh;	    /* enum outcome_action that this attempt gave; 0 */
	size_t room;	    /* of the arrays of recipients */
	size_t outstanding; /* recipients being tried, and who holds it */
	size_t counted;	    /* in qmgr.recipient_count */
	int64_t active_us;  /* wall clock */
	int64_t active_at;  /* monotonic */
	struct buf unsaved; /* records to be appended */
	struct list shares; /* of struct message_share */
	enum message_after after;
	bool old;	/* it has been deferred before */
	uint32_t site;	/* key of the one that recipients wait for, */
	size_t by_site; /* how many of them, */
	bool by_others; /* and whether some wait for another */
	bool flushed;	/* a person asked for this attempt */
	bool settled;	/* has been moved out of incoming/ for being slow */
	bool settling;	/* its file is being made */
	bool finishing;
};

/* Its count on one transport (qmgr/schedule.h). */
struct message_share {
	struct list node;
	const struct transport *transport;
	struct sched_share share;
};

/* Whether one more message may become active; `fresh`: from a writer, not from
 * deferred/.  Each kind leaves the other a quarter of the room. */
bool message_may_start(const struct qmgr *q, bool fresh);

struct message *message_find(const struct qmgr *q, struct str id);

/* Make a message that a writer handed over active.
 * Takes: fd.  Borrows: packed envelope, empty: read the file. */
void message_from_writer(struct qmgr *q, struct str id, int fd, uint64_t offset,
			 uint64_t length, struct str packed);

/* For who makes messages (journal.c): an empty one, NULL: no memory; take what
 * a reader found; make it active, which takes it in every case (0, or it will
 * be found again); keep `fd` for appending, or close it. */
struct message *message_new(struct qmgr *q);
struct queue_message;
void message_fill(struct message *m, const struct queue_message *from);
int message_begin(struct message *m);
void message_keep_file(struct message *m, int fd);

/* A read-only descriptor of the content.  Returns: >= 0, -ENOENT: somebody
 * removed it; -errno. */
MUST_USE int message_open_content(const struct message *m);

/* Append m->unsaved to the file, now.  Errors are logged: what is lost is the
 * knowledge of an attempt. */
void message_save(struct message *m);

/* The same for all messages that have something to save. */
void message_save_all(struct qmgr *q);

/* Make room for one more recipient at the end of the arrays.
 * Returns: 0 or -ENOMEM. */
MUST_USE int message_grow(struct message *m);

/* Move its file.  Returns: 0 or -errno. */
int message_move(struct message *m, enum queue_name to);

/* Move what has been in incoming/ for a while to active/, where people look for
 * it. */
void message_tick(struct qmgr *q);

/* Forget the struct; the file is as it shall be. */
void message_free(struct message *m);

/* Its age in milliseconds. */
int64_t message_age_ms(const struct message *m);

/* The sender that answers for recipient `n` (owner- aliases have their own). */
struct str message_sender(const struct message *m, uint32_t n);

/* ---- from files (take.c) ------------------------------------------------ */

/* One file that is to be taken up, and what became of it. */
struct take {
	struct queue_id id;
	bool flushed; /* as in struct message */
	int result;
	int64_t when_s; /* TAKE_NOT_DUE: its time */
};

enum {
	TAKE_NOTHING = 1, /* it is active already, is being written, is gone, or
			     was no message and has been put away */
	TAKE_NOT_DUE = 2,
};

#define TAKE_MOST 16u

/* How many to take up at a time, so that the limit of active messages is kept,
 * about: 1 to TAKE_MOST. */
size_t take_most(const struct qmgr *q);

/* Say that `id` stays in `where`. */
void take_warn(enum queue_name where, const char *id, int error);

/* Make queue files of `where` active, up to TAKE_MOST of them, unless they are
 * due after `until_s` and nobody flushed them.
 * Fills:  result of each: 0, one of the above, or -errno: try again later.
 * Blocks: in the thread pool.  The caller has q->hands. */
void take_files(struct qmgr *q, enum queue_name where, struct take *list,
		size_t count, int64_t until_s);

/* ---- routing (resolve.c) ------------------------------------------------ */

/* Resolve the recipients from m->resolve_from on that are not final, in a fiber
 * soon.  Holds one of m->outstanding meanwhile. */
void resolve_later(struct message *m);

/* The tick: more resolvers when they are held up by slow tables. */
void resolve_tick(struct qmgr *q);

/* ---- transports, sites, jobs (transport.c, job.c) ----------------------- */

enum transport_kind {
	TRANSPORT_AGENT, /* private/NAME */
	TRANSPORT_SMTP,	 /* the same, with hosts to try */
	TRANSPORT_LMTP,	 /* likewise */
	TRANSPORT_ERROR, /* done here */
	TRANSPORT_RETRY,
	TRANSPORT_DISCARD,
};

struct transport {
	struct list node; /* in qmgr.transports */
	struct qmgr *q;
	struct sched_transport sched;
	char *name;
	enum transport_kind kind;
	bool deferred;		/* defer_transports */
	size_t recipient_limit; /* of one job; 0: none */
	struct map *sites;
	int64_t dead_until; /* monotonic; 0: it works */
	struct buf dead_text;
	struct agent *agent; /* NULL until it is needed */
	bool running;	     /* inside transport_run() */
	bool burying;	     /* a fiber defers what waits in dead sites */
};

struct site {
	struct sched_site sched;
	struct transport *transport;
	char *name;
	uint32_t key;	    /* made of both names; not 0 */
	unsigned holds;	    /* jobs that are not queued yet */
	int64_t dead_until; /* with sched.window dead */
	struct buf dead_dsn;
	struct buf dead_text;
};

struct job {
	struct sched_job sched;
	struct message *message;
	struct site *site;
	struct str nexthop; /* in the message's arena, as all strs here */
	struct str sender;
	struct recipient *recipients; /* addresses as routing gave them */
	size_t count;
	size_t room;
	size_t bytes; /* of the recipients when packed, about */
	bool *answered;
	size_t unanswered;
	uint64_t number; /* with its agent */
	unsigned tries;
	int64_t handed_us;
	struct recipient *replaced; /* from REPLACEMENT, so far */
	size_t replaced_count;
	size_t replaced_room;
	uint32_t replaced_for; /* whose */
	struct list group;     /* for resolve.c */
};

/* The transport `name`, made when it is new; NULL: no memory. */
struct transport *transport_get(struct qmgr *q, struct str name);

/* Read what the configuration says of each transport again. */
void transport_reload(struct qmgr *q);

/* A setting of the transport's programs: from the -o options of its service in
 * master.cf, else main.cf. */
int transport_setting(const struct transport *t, struct str name,
		      struct buf *out);

/* The site for `nexthop` (and, where jobs have one recipient, `recipient`). */
struct site *transport_site(struct transport *t, struct str nexthop,
			    struct str recipient);

/* Why nothing can be sent now: fills the words and returns true when the site
 * or its transport is dead. */
bool site_is_dead(const struct site *s, struct str *dsn, struct buf *text);

/* `m` has `recipients` more that are deferred because `s` is dead, or failed.
 */
void site_defers(struct site *s, struct message *m, size_t recipients);

/* The key of the site that all of its deferred recipients wait for; 0: there is
 * not one. */
uint32_t site_of_all(const struct message *m, size_t deferred);

bool site_key_is_dead(const struct qmgr *q, uint32_t key);

/* What a job showed about its site. */
void site_learn(struct site *s, enum delivery_trouble trouble, struct str dsn,
		struct str text);

/* Queue a new job; its recipients count as outstanding already. */
void job_add(struct job *j);

/* Start what may start. */
void transport_run(struct transport *t);

/* Dead transports and sites whose time is over; returns when to look again. */
int64_t transport_tick(struct qmgr *q);

/* Forget which destinations are dead (a flush). */
void transport_revive_all(struct qmgr *q);

/* The transport does not work: it and its waiting jobs are deferred. */
void transport_fail(struct transport *t, const char *text);

/* The answer for one recipient of the job. */
void job_answer(struct job *j, const struct outcome *o);

/* The same answer for all that have none yet; `role` is who logs it, NULL: not
 * logged. */
void job_answer_rest(struct job *j, const char *role, const struct outcome *o);

/* The agent said DONE, or there was no need to ask it. */
void job_end(struct job *j, enum delivery_trouble trouble, struct str dsn,
	     struct str text);

/* The agent went away: try again once, else defer. */
void job_lost(struct job *j);

void transport_free_all(struct qmgr *q);

/* ---- agents (agent.c) --------------------------------------------------- */

enum { AGENT_NO_FILE = 1, AGENT_UNREADABLE };

/* Send the job.  Blocks: on connecting.
 * Returns: 0; AGENT_NO_FILE: somebody removed the message; AGENT_UNREADABLE: it
 *          cannot be opened now; -EMSGSIZE;
 *          -errno: the agent cannot be reached. */
MUST_USE int agent_send(struct transport *t, struct job *j,
			const struct delivery_host *hosts, size_t host_count);

/* Close the connections (agents go on with what they have). */
void agent_free(struct agent *a);

/* ---- hosts (hosts.c) ---------------------------------------------------- */

struct hosts {
	struct delivery_host *list; /* in the arena */
	size_t count;
	/* when count is 0: */
	struct outcome outcome; /* action, dsn, text */
	enum delivery_trouble trouble;
};

/* Find the hosts of `nexthop` for SMTP or LMTP, in the order to try.
 * Fills: *out.  Blocks: on DNS. */
void hosts_find(struct transport *t, struct str nexthop, struct arena *a,
		struct hosts *out);

/* ---- answers (result.c) ------------------------------------------------- */

/* Take the answer for recipient o->recipient: keep it, append it to the file,
 * count down.  May end the message. */
void result_take(struct message *m, const struct outcome *o);

/* Log and take an answer that comes from here: `role` "error", "discard". */
void result_own(struct message *m, const struct recipient *as, const char *role,
		const struct outcome *o);

/* Let go of one of message->outstanding; the last one finishes the message. */
void result_release(struct message *m);

/* ---- the end (finish.c, report.c) --------------------------------------- */

/* Everybody has an answer.  Blocks: when there is something to report. */
void finish_message(struct message *m);

enum report_kind {
	REPORT_FAILURE,
	REPORT_DELAY,
	REPORT_SUCCESS,
};

/* Write the reports of `kind` that are owed for the recipients that `wanted`
 * (one byte per recipient) has.  Returns: 0 (also when nothing is owed) or
 * -errno: not written. */
MUST_USE int report_send(struct message *m, enum report_kind kind,
			 const uint8_t *wanted);

/* ---- what waits (feed.c) ------------------------------------------------- */

/* It is in deferred/ now, due at `when_s`; `site`: the key of the one site it
 * waits for, or 0. */
void feed_put(struct qmgr *q, struct str id, int64_t when_s, uint32_t site);

/* It is there, and a person wants it to be tried now. */
void feed_try(struct qmgr *q, struct str id);

/* It is to be taken up when it is due, whatever it waits for. */
void feed_forget_site(struct qmgr *q, struct str id);

/* It is not there any more. */
void feed_drop(struct qmgr *q, struct str id);

/* Take up nothing until the pause is over (nests). */
void feed_pause(struct qmgr *q, bool pause);

/* What is due now may start (queue_run_delay is over). */
void feed_due(struct qmgr *q);

/* All of deferred/ is to be tried now. */
void feed_flush(struct qmgr *q);

/* The fiber that takes up what is due, and the one that walks through deferred/
 * to find what is there: at the start, and now and then. */
void feed_run(void *arg);
void feed_walk(void *arg);

/* ---- scanning (scan.c) -------------------------------------------------- */

enum scan_want {
	SCAN_INCOMING = 1 << 0,
	SCAN_DEFERRED = 1 << 1, /* what is due */
	SCAN_ALL = 1 << 2,	/* all of deferred/ (flush) */
	SCAN_ACTIVE = 1 << 3,	/* left by a predecessor */
};

void scan_want(struct qmgr *q, unsigned want);

/* Wait for room for one more message; `fresh` as above.  Returns false when
 * the process ends. */
bool scan_wait_for_room(struct qmgr *q, bool fresh);

/* The next entries of a queue, read in the thread pool.  Blocks: scan_more().
 */
#define SCAN_PORTION 128u
struct scan_portion {
	struct queue_scan *scan;
	struct queue_entry entries[SCAN_PORTION];
	size_t count;
	int error; /* 0: there is more; 1: that was the end; -errno */
};

/* Gives: a portion that has nothing yet; NULL, and then *error says why. */
MUST_USE struct scan_portion *scan_begin(struct qmgr *q, enum queue_name name,
					 bool want_times, int *error);
void scan_more(struct scan_portion *p);
void scan_end(struct scan_portion *p);
DEFINE_CLEANUP(struct scan_portion *, scan_end)

/* The fiber that scans. */
void scan_run(void *arg);

/* A fiber that puts what is on hold where today's hashing looks for it: who
 * asks for one by its id looks only there. */
void scan_held(void *arg);

/* ---- what others ask (listen.c, control.c, showq.c) --------------------- */

/* A connection to public/qmgr: messages, or trigger bytes.  Takes: fd. */
void listen_serve(struct qmgr *q, int fd);

struct control;
struct controlled;
/* Do what CONTROL asks.  Fills: *out; ids are put in `ids`.  Blocks. */
void control_do(struct qmgr *q, const struct control *c, bool may_change,
		struct controlled *out, struct buf *ids);

/* A connection to public/showq.  Takes: fd. */
void showq_serve(struct qmgr *q, int fd);

/* `id` is active now and was not before: whoever lists the queue may not meet
 * it where it was. */
void showq_note_active(struct qmgr *q, const struct queue_id *id);

/* Likewise what a person has moved, from before the first is moved until all
 * are; the ids are borrowed until then. */
struct moving {
	struct list node; /* in qmgr.moving */
	const struct queue_id *ids;
	size_t count;
};
void showq_begin_moving(struct qmgr *q, struct moving *m);
void showq_end_moving(struct moving *m);

#endif
