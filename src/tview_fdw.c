/*
 * tview_fdw.c
 *		Module magic and initialisation.
 */
#include "postgres.h"

#include "cache/handle.h"
#include "cache/pending.h"
#include "cache/statement.h"
#include "cache/stop.h"
#include "cache/wake.h"
#include "fdw/check.h"
#include "fdw/planner.h"
#include "fdw/start.h"
#include "fdw/statistic.h"
#include "fmgr.h"
#include "maintain/ddl.h"
#include "maintain/hook.h"
#include "maintain/xact.h"
#include "meta/meta.h"
#include "utils/guc.h"
#include "worker/share.h"

PG_MODULE_MAGIC;

void _PG_init(void);

void
_PG_init(void)
{
	tview_pending_init();
	tview_handle_init();
	tview_meta_init();
	tview_xact_init();
	tview_statement_init();
	tview_start_init();
	tview_hook_init();
	tview_ddl_init();
	tview_statistic_init();
	tview_planner_init();
	tview_check_init();
#ifdef TVIEW_STOP_POINTS
	tview_stop_init();
#endif
	tview_wake_init();
	tview_share_init();
	MarkGUCPrefixReserved("tview");
}
