/* SPDX-License-Identifier: ISC */
/* lib/queue/id.h — queue ids: Postfix's long form.
 *
 * Six or more digits of base 52 (the seconds), four of base 52 (the
 * microseconds), a `z`, then digits of base 51: there Postfix has the inode,
 * and we the number of the process that made it, with six random bits above. No
 * vowels; sorts by time; safe as a file name. */
#ifndef QUEUE_ID_H
#define QUEUE_ID_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

#define QUEUE_ID_MAX 31 /* bytes of the longest id that we accept */

struct queue_id {
	char text[QUEUE_ID_MAX + 1]; /* a C string */
};

static inline struct str queue_id_str(const struct queue_id *id)
{
	return str_of_c(id->text);
}

/* Who makes ids; one per process, set up after the last fork. */
struct queue_id_maker {
	int64_t last_us; /* ids of one maker never share a microsecond */
	uint64_t number;
};
void queue_id_maker_init(struct queue_id_maker *m);

/* A new id.  *us gets its instant, wall clock microseconds. */
struct queue_id queue_id_next(struct queue_id_maker *m, int64_t *us);

/* Whether `s` can be a queue id (long, or Postfix's short form): a check before
 * it is used as a file name. */
bool queue_id_is_valid(struct str s);

/* The instant in a long id, microseconds since 1970; -1 when it is none. */
int64_t queue_id_time_us(struct str s);

/* The five hexadecimal digits that choose the hashed directory. */
void queue_id_hash_name(struct str id, char hex[6]);

#endif
