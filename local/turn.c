/* SPDX-License-Identifier: ISC */
/* Places for recipients: see local/turn.h. */
#include "local/turn.h"

void turns_init(struct turns *turns, unsigned limit)
{
	turns->limit = limit;
	list_init(&turns->taken);
	waitq_init(&turns->over);
}

static bool is_free(const struct turns *turns, struct str who)
{
	unsigned count = 0;

	LIST_EACH(node, &turns->taken)
	{
		const struct turn *t = CONTAINER_OF(node, struct turn, node);

		count += str_eq_nocase(t->who, who);
	}
	return count < turns->limit;
}

int turn_take(struct turns *turns, struct str address, struct turn *turn)
{
	int error = 0;

	turn->turns = turns;
	turn->who = str_first(address, str_find_last_byte(address, '@'));
	list_init(&turn->node);
	while (turns->limit > 0 && error == 0 && !is_free(turns, turn->who))
		error = waitq_wait(&turns->over, DEADLINE_NEVER);
	if (error == 0)
		list_append(&turns->taken, &turn->node);
	return error;
}

void turn_end(struct turn *turn)
{
	list_remove(&turn->node);
	waitq_wake_all(&turn->turns->over);
}
