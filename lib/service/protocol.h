/* SPDX-License-Identifier: ISC */
/* lib/service/protocol.h — what master and a worker have agreed upon.
 *
 * A worker is started as Postfix's are (-n -t -u -c -l -v -s -o), with these
 * descriptors and variables, and talks to master in packets of one byte. */
#ifndef SERVICE_PROTOCOL_H
#define SERVICE_PROTOCOL_H

enum {
	SERVICE_FD_STATS = 3,	/* stats/stats.h */
	SERVICE_FD_LOG = 4,	/* the log file; closed when there is none */
	SERVICE_FD_CONTROL = 5, /* SOCK_SEQPACKET to master */
	SERVICE_FD_LISTEN = 6,	/* the first of -s N sockets */
};

/* From master. */
#define SERVICE_DRAIN 'D'  /* take no more, finish, exit */
#define SERVICE_STOP 'T'   /* the same, at once */
#define SERVICE_RELOAD 'R' /* read the configuration again, in place */
#define SERVICE_LOG 'L'	   /* with a descriptor: log there from now on */

/* From a worker. */
#define SERVICE_ACCEPTING 'A' /* ready: connections are taken */
#define SERVICE_EXITING 'E'   /* no more connections are taken */
#define SERVICE_FULL 'S'      /* maxproc sessions, and more would come */
#define SERVICE_BUSY 'B'      /* another process would have work */

/* The names of the listening sockets, separated by commas. */
#define SERVICE_ENV_LISTEN "MALOTE_LISTEN"
/* The cell for our sessions (stats/slots.h). */
#define SERVICE_ENV_SLOT "MALOTE_SLOT"
/* Sessions that the service may have; 0: no limit. */
#define SERVICE_ENV_MAXPROC "MALOTE_MAXPROC"

#endif
