/* shim_check.c - what the unit tests call: the runner, and the toy kernel.
 *
 * The toy kernel that they run on (tests/fake_os.c) is compiled for this system,
 * so that no rule of AIX is between it and its memory.
 *
 * SPDX-License-Identifier: MIT  */

#include "xload.h"

#include "../fake_os.h"
#include "../runner/check.h"

#define OURS(name) SHIM("rig.a", name)

const struct shim shim_check[] = {
	OURS(suite_create), OURS(tcase_create), OURS(tcase_add_checked_fixture),
	OURS(runner_add), OURS(runner_line), OURS(runner_fail),
	OURS(srunner_create), OURS(srunner_run_all),
	OURS(srunner_ntests_failed), OURS(suite_add_tcase),
	OURS(tcase_set_timeout), OURS(srunner_free),
	OURS(sysReserveOS), OURS(sysMapOS), OURS(sysUsedOS), OURS(sysUnusedOS),
	OURS(sysHugePageOS), OURS(sysNoHugePageOS), OURS(sysFaultOS),
	OURS(sysFreeOS), OURS(sysAllocOS), OURS(sysSourceOS),
	OURS(sysPageSizeOS), OURS(sysHugeSizeOS), OURS(sysLimitOS),
	OURS(sysTraceStartOS), OURS(sysTraceOS), OURS(sysPlaceOS),
	OURS(sysThreadOS), OURS(sysCatchFaultsOS), OURS(sysHasFaultStackOS),
	OURS(sysSetFaultStackOS), OURS(sysDropFaultStackOS),
	OURS(sysSecureOS), OURS(sysEnvironOS), OURS(sysResidentOS), OURS(sysClockOS), OURS(sysNanosOS),
	OURS(sysMoveOS), OURS(sysThreadExitOS), OURS(sysRandomOS),
	OURS(sysWhereOS), OURS(fake_os_where), OURS(fake_os_reset),
	OURS(fake_os_refuse), OURS(fake_os_refuse_nothing), OURS(fake_os_limit),
	OURS(fake_os_advance), OURS(fake_os_step), OURS(fake_os_calls), OURS(fake_os_refused),
	OURS(fake_os_thread_exit), OURS(sysEveryOS), OURS(sysGrantOS), OURS(sysOriginOS), OURS(sysPeekOS),
	OURS(fake_os_every), OURS(sysForkOS), OURS(fake_os_forks),
	OURS(fake_os_on_grant),
	OURS(fake_os_bytes),
	OURS(fake_os_huge_bytes), OURS(fake_os_state), OURS(fake_os_wrong),
	OURS(fake_os_wrong_text), OURS(fake_os_forgive), OURS(fake_os_check),
	{ NULL, NULL, NULL }
};
