/* SPDX-License-Identifier: ISC */
/* tests/unit/queue/model/hooks.h — the clock of this program: it stands still
 * but for some microseconds each time that somebody looks. */
#ifndef MODEL_HOOKS_H
#define MODEL_HOOKS_H

#include <stdint.h>

void hooks_pass_ms(int64_t ms);

#endif
