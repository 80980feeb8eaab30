/* SPDX-License-Identifier: ISC */
/* lib/rt/context.c — stacks, and changing from one to another.
 *
 * A stack is one mapping: a guard page, the stack proper, and at its very top
 * the struct context itself.  The first entry is makecontext(); from then on a
 * change is sigsetjmp() here and siglongjmp() there, which makes no system
 * call because no signal mask is saved.
 *
 * The pool keeps STACKS_KEPT free stacks.  The first STACKS_WARM keep their
 * pages; the others give all but the topmost back to the system. */

/* The fortified longjmp() takes a jump to another stack for an attack. */
#undef _FORTIFY_SOURCE

#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "base/list.h"
#include "rt/context.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define CONTEXT_ASAN 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) && !defined(CONTEXT_ASAN)
#define CONTEXT_ASAN 1
#endif
#ifndef CONTEXT_ASAN
#define CONTEXT_ASAN 0
#endif

#if CONTEXT_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#include <sanitizer/lsan_interface.h>
#endif

#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#else
#define VALGRIND_STACK_REGISTER(begin, end) 0u
#define VALGRIND_STACK_DEREGISTER(id) ((void)(id))
#endif

enum {
	PAGE = 4096,
	STACK_SIZE = CONTEXT_ASAN ? 256 * 1024 : 64 * 1024,
	STACK_STAYS = CONTEXT_ASAN ? 4 * PAGE : PAGE, /* what parking needs */
	STACKS_WARM = 32,
	STACKS_KEPT = 256,
};

struct context {
	sigjmp_buf env;
	struct list node; /* in a pool */
	char *map;	  /* the guard page, then the stack */
	void (*fn)(void *arg);
	void *arg;
	void *fake_stack; /* AddressSanitizer's shadow of this stack */
	unsigned valgrind_id;
	bool entered;
	bool ended;
};

/* The stack that resumes the others. */
struct base {
	sigjmp_buf env;
	const void *bottom;
	size_t size;
	void *fake_stack;
};

static struct base base;
static struct context *running;

static struct {
	struct list warm;
	struct list cold;
	unsigned warm_count;
	unsigned cold_count;
} pool = {
	.warm = {&pool.warm, &pool.warm},
	.cold = {&pool.cold, &pool.cold},
};

/* ---- what the sanitizers want to know ----------------------------------- */

#if CONTEXT_ASAN

static void leave_for(void **fake_stack, const void *bottom, size_t size)
{
	__sanitizer_start_switch_fiber(fake_stack, bottom, size);
}

static void arrive(void *fake_stack, const void **old_bottom, size_t *old_size)
{
	__sanitizer_finish_switch_fiber(fake_stack, old_bottom, old_size);
}

static void stack_announce(struct context *c)
{
	__lsan_register_root_region(c->map + PAGE, STACK_SIZE);
}

static void stack_retract(struct context *c)
{
	__lsan_unregister_root_region(c->map + PAGE, STACK_SIZE);
	ASAN_UNPOISON_MEMORY_REGION(c->map, PAGE + STACK_SIZE);
}

#else

static void leave_for(void **fake_stack, const void *bottom, size_t size)
{
	(void)fake_stack;
	(void)bottom;
	(void)size;
}

static void arrive(void *fake_stack, const void **old_bottom, size_t *old_size)
{
	(void)fake_stack;
	(void)old_bottom;
	(void)old_size;
}

static void stack_announce(struct context *c)
{
	(void)c;
}

static void stack_retract(struct context *c)
{
	(void)c;
}

#endif

/* ---- stacks -------------------------------------------------------------- */

static struct context *stack_map(void)
{
	size_t room = (sizeof(struct context) + 63) & ~(size_t)63;
	char *map = mmap(
		NULL, PAGE + STACK_SIZE, PROT_NONE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
	struct context *c;

	if (map == MAP_FAILED)
		return NULL;
	if (mprotect(map + PAGE, STACK_SIZE, PROT_READ | PROT_WRITE) != 0) {
		munmap(map, PAGE + STACK_SIZE);
		return NULL;
	}
	c = (struct context *)(void *)(map + PAGE + STACK_SIZE - room);
	c->map = map;
	c->valgrind_id = VALGRIND_STACK_REGISTER(map + PAGE, (char *)c);
	list_init(&c->node);
	stack_announce(c);
	return c;
}

static void stack_unmap(struct context *c)
{
	stack_retract(c);
	VALGRIND_STACK_DEREGISTER(c->valgrind_id);
	munmap(c->map, PAGE + STACK_SIZE);
}

static struct context *pool_take(void)
{
	struct list *node = list_take_first(&pool.warm);

	if (node != NULL) {
		pool.warm_count--;
		return CONTAINER_OF(node, struct context, node);
	}
	node = list_take_first(&pool.cold);
	if (node == NULL)
		return NULL;
	pool.cold_count--;
	return CONTAINER_OF(node, struct context, node);
}

struct context *context_take(void (*fn)(void *arg), void *arg)
{
	struct context *c = pool_take();

	if (c == NULL)
		c = stack_map();
	if (c == NULL)
		return NULL;
	c->fn = fn;
	c->arg = arg;
	c->ended = false;
	return c;
}

void context_give(struct context *c)
{
	if (pool.warm_count < STACKS_WARM) {
		list_prepend(&pool.warm, &c->node);
		pool.warm_count++;
		return;
	}
	if (pool.warm_count + pool.cold_count >= STACKS_KEPT) {
		stack_unmap(c);
		return;
	}
	madvise(c->map + PAGE, STACK_SIZE - STACK_STAYS, MADV_DONTNEED);
	list_prepend(&pool.cold, &c->node);
	pool.cold_count++;
}

void context_pool_free(void)
{
	for (struct context *c = pool_take(); c != NULL; c = pool_take())
		stack_unmap(c);
}

/* ---- changing places ----------------------------------------------------- */

/* The bottom frame of every stack. */
static void stack_main(void)
{
	arrive(NULL, &base.bottom, &base.size);
	for (;;) {
		running->fn(running->arg);
		running->ended = true;
		context_suspend();
	}
}

static void enter(struct context *c)
{
	/* Not on the stack: this frame is left for good, and must leave no red
	 * zones of AddressSanitizer behind. */
	static ucontext_t first;

	c->entered = true;
	if (getcontext(&first) != 0)
		__builtin_trap(); /* cannot fail on Linux */
	first.uc_stack.ss_sp = c->map + PAGE;
	first.uc_stack.ss_size = (size_t)((char *)c - (c->map + PAGE));
	first.uc_link = NULL;
	makecontext(&first, stack_main, 0);
	setcontext(&first);
	__builtin_trap();
}

__attribute__((noinline)) bool context_resume(struct context *c)
{
	running = c;
	if (sigsetjmp(base.env, 0) == 0) {
		leave_for(&base.fake_stack, c->map + PAGE, STACK_SIZE);
		if (c->entered)
			siglongjmp(c->env, 1);
		enter(c);
	}
	arrive(base.fake_stack, NULL, NULL);
	c = running;
	running = NULL;
	return !c->ended;
}

__attribute__((noinline)) void context_suspend(void)
{
	if (sigsetjmp(running->env, 0) == 0) {
		leave_for(&running->fake_stack, base.bottom, base.size);
		siglongjmp(base.env, 1);
	}
	arrive(running->fake_stack, &base.bottom, &base.size);
}

void context_rebase(void)
{
	running = NULL;
}
