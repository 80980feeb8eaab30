/* SPDX-License-Identifier: ISC */
/* relay/worker.c — the life of a relay process. */
#include "base/why.h"
#include "delivery/serve.h"
#include "relay/cache.h"
#include "relay/relay.h"
#include "service/service.h"

static int fill(const struct service_env *env, const struct conf *conf,
		void *params, struct why *why)
{
	if (str_eq(str_of_c(env->program_name), STR("lmtp")))
		return conf_fill_as(conf, relay_param_rows, relay_param_count,
				    STR("smtp_"), STR("lmtp_"), params, why);
	return conf_fill(conf, relay_param_rows, relay_param_count, params,
			 why);
}

static int begin(struct service_env *env, struct why *why)
{
	struct relay *r;
	int error = relay_open(env, &r, why);

	if (error == 0)
		env->state = r;
	return error;
}

static bool draining(const void *env)
{
	return service_draining(env);
}

static void serve(struct service_env *env, int fd,
		  const struct service_listener *on)
{
	const struct delivery_agent agent = {relay_deliver, env->state, 0};

	(void)on;
	delivery_serve_until(fd, &agent, draining, env);
}

static void drain(struct service_env *env)
{
	struct relay *r = env->state;

	cache_flush(r->cache);
}

static void end(struct service_env *env)
{
	relay_close(env->state);
	env->state = NULL;
}

int relay_main(int argc, char **argv)
{
	static const struct service relay = {
		.name = "relay",
		.params = relay_param_rows,
		.params_size = sizeof(struct relay_params),
		.fill = fill,
		.open = begin,
		.accept = serve,
		.drain = drain,
		.end = end,
		.counts_itself = true,
	};
	struct service mine = relay;

	mine.param_count = relay_param_count;
	return service_main(&mine, argc, argv);
}
