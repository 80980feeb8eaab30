/* SPDX-License-Identifier: ISC */
/* The configuration as one worker sees it: main.cf, then its -o options. */
#include <errno.h>
#include <stdlib.h>

#include "base/why.h"
#include "service/inside.h"

static const struct param own_rows[] = {
#define PARAM(...) PARAM_ROW(struct service_params, __VA_ARGS__),
#include "service/params.def"
#undef PARAM
};

static int load(struct service_env *env, struct service_setting *s,
		struct why *why)
{
	const struct service_args *args = &env->inside->args;
	struct conf_override *all;
	size_t n = 0;
	int error;

	all = calloc(args->override_count + 2, sizeof(*all));
	if (all == NULL)
		return why_fail(why, -ENOMEM, "out of memory");
	all[n++] = (struct conf_override){STR("service_name"),
					  str_of_c(args->name)};
	all[n++] = (struct conf_override){STR("process_name"),
					  str_of_c(args->program)};
	for (size_t i = 0; i < args->override_count; i++)
		all[n++] = args->overrides[i];
	error = conf_load(&(struct conf_opts){.overrides = all,
					      .override_count = n,
					      .quiet = true},
			  &s->conf, why);
	free(all);
	return error;
}

static int fill(struct service_env *env, struct service_setting *s,
		struct why *why)
{
	const struct service *service = env->inside->service;
	int error = conf_fill_common(s->conf, &s->common, why);

	if (error == 0)
		error = conf_fill(s->conf, own_rows, ARRAY_LEN(own_rows),
				  &s->own, why);
	if (error < 0 || service->params_size == 0)
		return error;
	s->params = calloc(1, service->params_size);
	if (s->params == NULL)
		return why_fail(why, -ENOMEM, "out of memory");
	if (service->fill != NULL)
		return service->fill(env, s->conf, s->params, why);
	return conf_fill(s->conf, service->params, service->param_count,
			 s->params, why);
}

int service_setting_load(struct service_env *env, struct service_setting **out,
			 struct why *why)
{
	struct service_setting *s = calloc(1, sizeof(*s));
	int error;

	*out = NULL;
	if (s == NULL)
		return why_fail(why, -ENOMEM, "out of memory");
	error = load(env, s, why);
	if (error == 0)
		error = fill(env, s, why);
	if (error < 0) {
		service_setting_free(s);
		return error;
	}
	*out = s;
	return 0;
}

void service_setting_free(struct service_setting *s)
{
	while (s != NULL) {
		struct service_setting *earlier = s->earlier;

		free(s->params);
		conf_free(s->conf);
		free(s);
		s = earlier;
	}
}

void service_setting_use(struct service_env *env, struct service_setting *s)
{
	env->inside->setting = s;
	env->conf = s->conf;
	env->common = &s->common;
	env->params = s->params;
}
