/*
 * start.c
 *		See start.h.
 *
 * A look-up that returns plain columns of one row is a scan and nothing else.
 * What the executor sets up for any plan - the open relation, a context to
 * evaluate expressions in, two descriptions of the row, a copy of the wrapper's
 * callbacks - takes longer than to find the row.  Here the same states are set
 * up without that; the executor runs and ends them as any others.
 *
 * EXPLAIN and whoever counts or times the nodes have the executor's own.
 */
#include "postgres.h"

#include "compat.h"
#include "executor/execdesc.h"
#include "executor/executor.h"
#include "fdw/explain.h"
#include "fdw/plan.h"
#include "fdw/scan.h"
#include "fdw/start.h"
#include "foreign/fdwapi.h"
#include "parser/parsetree.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"

static ExecutorStart_hook_type next_start = NULL;

/* The callbacks that a look-up needs. */
static FdwRoutine routine = {
	.type = T_FdwRoutine,
	.BeginForeignScan = tviewBeginForeignScan,
	.IterateForeignScan = tviewIterateForeignScan,
	.ReScanForeignScan = tviewReScanForeignScan,
	.EndForeignScan = tviewEndForeignScan,
	.ExplainForeignScan = tviewExplainForeignScan,
};

/* True when the plan is such a look-up, and is to be run. */
static bool
is_short(const QueryDesc *query, int eflags)
{
	const PlannedStmt *statement = query->plannedstmt;
	const ForeignScan *scan = (const ForeignScan *) statement->planTree;

	return IsA(scan, ForeignScan) && tview_plan_is_ours(scan) &&
		tview_plan_decode(scan)->is_short && query->instrument_options == 0 &&
		(eflags & ~EXEC_FLAG_SKIP_TRIGGERS) == 0;
}

/* What the scan returns: columns as the TVIEW has them, by other names. */
static TupleDesc
describe_row(const ForeignScan *scan, const TviewDesc *desc)
{
	const TviewPlan *plan = tview_plan_decode(scan);
	const AttrNumber *outputs = tview_plan_outputs(plan);
	TupleDesc result = CreateTemplateTupleDesc(plan->noutputs);

	for (int i = 0; i < plan->noutputs; i++)
	{
		const TargetEntry *entry =
			list_nth_node(TargetEntry, scan->scan.plan.targetlist, i);

		TupleDescCopyEntry(result, i + 1, desc->tupdesc, outputs[i]);
		namestrcpy(&TupleDescAttr(result, i)->attname,
				   entry->resname ? entry->resname : "");
	}
	return result;
}

/* The executor's next row. */
static TupleTableSlot *
next_row(PlanState *ps)
{
	return tviewIterateForeignScan((ForeignScanState *) ps);
}

/* The state of the scan, which has begun. */
static ForeignScanState *
begin_scan(ForeignScan *scan, EState *estate, int eflags)
{
	ForeignScanState *node = makeNode(ForeignScanState);
	ScanState *ss = &node->ss;
	Oid relid = exec_rt_fetch(scan->scan.scanrelid, estate)->relid;

	ss->ps.plan = (Plan *) scan;
	ss->ps.state = estate;
	ss->ps.ExecProcNode = ss->ps.ExecProcNodeReal = next_row;
	ss->ps.scandesc = ss->ps.ps_ResultTupleDesc =
		describe_row(scan, tview_meta_get(relid, false));
	ss->ps.scanops = ss->ps.resultops = &TTSOpsVirtual;
	ss->ps.scanopsset = ss->ps.resultopsset = true;
	ss->ps.scanopsfixed = ss->ps.resultopsfixed = true;
	ss->ss_ScanTupleSlot =
		ExecAllocTableSlot(&estate->es_tupleTable, ss->ps.scandesc,
						   &TTSOpsVirtual);
	node->fdwroutine = &routine;
	tviewBeginForeignScan(node, eflags);
	return node;
}

/* What standard_ExecutorStart does, as far as it has a meaning here. */
static void
start_short(QueryDesc *query, int eflags)
{
	PlannedStmt *statement = query->plannedstmt;
	EState *estate = CreateExecutorState();
	MemoryContext old = MemoryContextSwitchTo(estate->es_query_cxt);

	query->estate = estate;
	estate->es_param_list_info = query->params;
	estate->es_sourceText = query->sourceText;
	estate->es_queryEnv = query->queryEnv;
	estate->es_snapshot = RegisterSnapshot(query->snapshot);
	estate->es_crosscheck_snapshot =
		RegisterSnapshot(query->crosscheck_snapshot);
	estate->es_top_eflags = eflags | EXEC_FLAG_SKIP_TRIGGERS;
	tview_compat_init_range_table(estate, statement);
	estate->es_plannedstmt = statement;
	query->planstate = &begin_scan((ForeignScan *) statement->planTree, estate,
								   eflags)
							->ss.ps;
	query->tupDesc = query->planstate->ps_ResultTupleDesc;
	MemoryContextSwitchTo(old);
}

static void
start_executor(QueryDesc *query, int eflags)
{
	if (next_start)
		next_start(query, eflags);
	else if (is_short(query, eflags))
		start_short(query, eflags);
	else
		standard_ExecutorStart(query, eflags);
}

void
tview_start_init(void)
{
	next_start = ExecutorStart_hook;
	ExecutorStart_hook = start_executor;
}
