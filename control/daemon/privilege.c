// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "daemon/privilege.h"

#include <cap-ng.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/prctl.h>

/*
 * Those after CAP_DAC_OVERRIDE are for chasqui-guard alone, which the daemon starts where no unit
 * did, and for telling which processes are ours. CAP_NET_BIND_SERVICE and CAP_SYS_NICE are for
 * chasqui-wg, which wants them for ports below 1024 and to be scheduled soon. chasquid.service
 * leaves out what its unit does not need.
 */
static const unsigned kept[] = {
	CAP_BPF,  CAP_PERFMON,	  CAP_NET_ADMIN,       CAP_SYS_ADMIN,	     CAP_DAC_OVERRIDE,
	CAP_KILL, CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH, CAP_NET_BIND_SERVICE, CAP_SYS_NICE};

int privilege_drop(void)
{
	unsigned had = 0;
	bool may_bound;

	capng_get_caps_process();
	may_bound = capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP);
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		if (capng_have_capability(CAPNG_PERMITTED, kept[i]))
			had |= 1u << i;
	capng_clear(CAPNG_SELECT_BOTH);
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		if (had & 1u << i)
			capng_update(CAPNG_ADD,
				     CAPNG_EFFECTIVE | CAPNG_PERMITTED | CAPNG_BOUNDING_SET,
				     kept[i]);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	/* Without it, whoever took it away has bounded the set, too: systemd does. */
	return capng_apply(may_bound ? CAPNG_SELECT_BOTH : CAPNG_SELECT_CAPS) < 0 ? -EPERM : 0;
}
