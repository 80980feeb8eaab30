/* SPDX-License-Identifier: ISC */
/* tests/crash/disk/recorder.h — the record of a disk: what was written to it,
 * and when it was told to flush, one after the other.
 *
 * A file of records: this header, and for a write its bytes.  In the machine's
 * own byte order: it does not travel. */
#ifndef DISK_RECORDER_H
#define DISK_RECORDER_H

#include <stddef.h>
#include <stdint.h>

enum record_kind {
	RECORD_WRITE = 1,
	RECORD_FLUSH = 2, /* has ended */
};

struct record {
	uint64_t kind;	 /* enum record_kind */
	uint64_t offset; /* of a write */
	uint64_t length; /* likewise; a flush has none */
	uint64_t covers; /* a flush: records there were when it began */
};

/* ---- record.c: the disk that takes notes ---------------------------------
 */

struct disk_options {
	const char *image;	 /* the bytes of the disk, a file */
	const char *folder;	 /* where it is shown as the file `disk` */
	const char *log;	 /* the record; NULL: none is kept */
	uint64_t flush_delay_ms; /* a flush takes that long */
};

/* Serve the disk until the folder is unmounted.  Returns: an exit status. */
int disk_record(const struct disk_options *options);

/* ---- replay.c: the disk as it may be after a power cut --------------------
 */

struct replay_options {
	const char *log;
	const char *base; /* the image when the record was begun */
	const char *out;  /* made anew */
	uint64_t at;	  /* records there were when the power went */
	uint64_t seed;	  /* of what became of the unflushed writes */
};

/* Returns: an exit status; says on stdout what was done. */
int disk_replay(const struct replay_options *options);

/* One line for each record: its number and `w OFFSET LENGTH` or `f COVERS`. */
int disk_list(const char *log);

#endif
