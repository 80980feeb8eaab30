/* SPDX-License-Identifier: ISC */
/* smtpd — the SMTP server: ports 25, 587 and 465, and, with -S, standard input
 * and output for `sendmail -bs`. */
#include <string.h>

#include "service/service.h"
#include "smtpd/params.h"
#include "smtpd/standalone.h"
#include "smtpd/worker.h"

static int open_worker(struct service_env *env, struct why *why)
{
	struct worker *w = NULL;
	int rc = worker_open(env, &w, why);

	env->state = w;
	return rc;
}

static void accept_client(struct service_env *env, int fd,
			  const struct service_listener *on)
{
	(void)on;
	connection_serve(env->state, fd);
}

static void end_worker(struct service_env *env)
{
	worker_end(env->state);
	worker_close(env->state);
	env->state = NULL;
}

static const char *role(const struct service_env *env)
{
	(void)env;
	return "smtpd";
}

static bool is_standalone(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "-S") == 0)
			return true;
	}
	return false;
}

int main(int argc, char **argv)
{
	static const struct service smtpd = {
		.name = "smtpd",
		.role = role,
		.params = smtpd_param_rows,
		.params_size = sizeof(struct smtpd_params),
		.open = open_worker,
		.accept = accept_client,
		.end = end_worker,
	};
	struct service service = smtpd;

	if (is_standalone(argc, argv))
		return standalone_main(argc, argv);
	service.param_count = smtpd_param_count;
	return service_main(&service, argc, argv);
}
