/* SPDX-License-Identifier: ISC */
/* Asking PAM: see pam.h.  There is nobody to talk to, so every prompt that
 * hides what is typed gets the password, and others get nothing. */
#include "auth/pam.h"

#include <security/pam_appl.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

/* PAM's conversation: answers are malloc()ed and PAM frees them. */
static int converse(int count, const struct pam_message **messages,
		    struct pam_response **out, void *password)
{
	struct pam_response *answers;

	if (count <= 0 || count > PAM_MAX_NUM_MSG)
		return PAM_CONV_ERR;
	answers = calloc((size_t)count, sizeof(*answers));
	if (answers == NULL)
		return PAM_BUF_ERR;
	for (int i = 0; i < count; i++) {
		if (messages[i]->msg_style != PAM_PROMPT_ECHO_OFF)
			continue;
		answers[i].resp = strdup(password);
		if (answers[i].resp == NULL) {
			while (i-- > 0)
				free(answers[i].resp);
			free(answers);
			return PAM_BUF_ERR;
		}
	}
	*out = answers;
	return PAM_SUCCESS;
}

static enum user_answer answer_of(int status, const char *service,
				  const char *name, pam_handle_t *pam)
{
	switch (status) {
	case PAM_SUCCESS:
		return USER_YES;
	case PAM_AUTH_ERR:
	case PAM_USER_UNKNOWN:
	case PAM_MAXTRIES:
	case PAM_ACCT_EXPIRED:
	case PAM_NEW_AUTHTOK_REQD:
	case PAM_PERM_DENIED:
	case PAM_CRED_INSUFFICIENT:
		return USER_NO;
	default:
		log_warning("PAM service %s cannot tell about %s: %s", service,
			    name, pam_strerror(pam, status));
		return USER_LATER;
	}
}

enum user_answer pam_check(const char *service, const char *name,
			   const char *password)
{
	char *copy = strdup(password);
	struct pam_conv conversation = {converse, copy};
	pam_handle_t *pam = NULL;
	enum user_answer answer;
	int status;

	if (copy == NULL)
		return USER_LATER;
	status = pam_start(service, name, &conversation, &pam);
	if (status == PAM_SUCCESS)
		status = pam_authenticate(
			pam, PAM_SILENT | PAM_DISALLOW_NULL_AUTHTOK);
	if (status == PAM_SUCCESS)
		status = pam_acct_mgmt(pam,
				       PAM_SILENT | PAM_DISALLOW_NULL_AUTHTOK);
	answer = answer_of(status, service, name, pam);
	if (pam != NULL)
		(void)pam_end(pam, status);
	explicit_bzero(copy, strlen(copy));
	free(copy);
	return answer;
}
