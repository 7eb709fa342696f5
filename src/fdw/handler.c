/*
 * handler.c
 *		The wrapper's entry point: which callbacks PostgreSQL may call.
 *
 * There are none for locking and re-reading rows: FOR UPDATE on a TVIEW locks
 * nothing, as on any foreign table that cannot, and EvalPlanQual works on
 * copies of the rows.  Scans are not parallel-safe: a worker would need the
 * leader's own unpublished marks.
 */
#include "postgres.h"

#include "fdw/handler.h"

#include "fdw/analyze.h"
#include "fdw/explain.h"
#include "fdw/import.h"
#include "fdw/modify.h"
#include "fdw/plan.h"
#include "fdw/scan.h"
#include "fdw/upper.h"
#include "fmgr.h"
#include "foreign/fdwapi.h"
#include "utils/lsyscache.h"
#include "utils/relcache.h"

PG_FUNCTION_INFO_V1(tview_fdw_handler);

/* Says that no scan may run in a parallel worker. */
static bool
tviewIsForeignScanParallelSafe(PlannerInfo *root, RelOptInfo *rel,
							   RangeTblEntry *rte)
{
	return false;
}

/* Returns the FdwRoutine: the handler function of the wrapper. */
Datum
tview_fdw_handler(PG_FUNCTION_ARGS)
{
	FdwRoutine *routine = makeNode(FdwRoutine);

	routine->GetForeignRelSize = tviewGetForeignRelSize;
	routine->GetForeignPaths = tviewGetForeignPaths;
	routine->GetForeignUpperPaths = tviewGetForeignUpperPaths;
	routine->GetForeignPlan = tviewGetForeignPlan;
	routine->IsForeignScanParallelSafe = tviewIsForeignScanParallelSafe;

	routine->BeginForeignScan = tviewBeginForeignScan;
	routine->IterateForeignScan = tviewIterateForeignScan;
	routine->ReScanForeignScan = tviewReScanForeignScan;
	routine->EndForeignScan = tviewEndForeignScan;
	routine->RecheckForeignScan = tviewRecheckForeignScan;

	routine->ExplainForeignScan = tviewExplainForeignScan;
	routine->AnalyzeForeignTable = tviewAnalyzeForeignTable;
	routine->ImportForeignSchema = tviewImportForeignSchema;

	routine->IsForeignRelUpdatable = tviewIsForeignRelUpdatable;
	routine->PlanForeignModify = tviewPlanForeignModify;
	routine->BeginForeignInsert = tviewBeginForeignInsert;
	routine->ExecForeignInsert = tviewExecForeignInsert;
	routine->ExecForeignUpdate = tviewExecForeignUpdate;
	routine->ExecForeignDelete = tviewExecForeignDelete;
	routine->ExecForeignTruncate = tviewExecForeignTruncate;

	PG_RETURN_POINTER(routine);
}

/* Compares a callback of the table's wrapper with ours. */
bool
tview_handler_owns(Relation rel)
{
	return GetFdwRoutineForRelation(rel, false)->GetForeignRelSize ==
		tviewGetForeignRelSize;
}

/*
 * The relation must be a foreign table that the caller has locked, as the
 * planner does.
 */
bool
tview_handler_is_ours(Oid relid)
{
	Relation rel = RelationIdGetRelation(relid);
	bool is_ours;

	if (rel == NULL)
		return false;
	is_ours = tview_handler_owns(rel);
	RelationClose(rel);
	return is_ours;
}
