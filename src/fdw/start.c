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
 * A limit that is a constant is not worth a node of its own then: clients that
 * want one object ask for LIMIT 1, though there is no second one.
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

/* The state of such a scan, and how many rows may still come. */
typedef struct ShortState
{
	ForeignScanState node;
	int64 left;
} ShortState;

/*
 * What a plan's limit lets through; 0: it is not to be had here, or lets
 * nothing through.
 */
static int64
limit_of(const Plan *plan)
{
	const Limit *limit = (const Limit *) plan;
	const Const *count = (const Const *) limit->limitCount;

	if (limit->limitOption != LIMIT_OPTION_COUNT ||
		limit->limitOffset != NULL || count == NULL || !IsA(count, Const) ||
		count->constisnull)
		return 0;
	return Max(DatumGetInt64(count->constvalue), 0);
}

/* The scan that the plan is, or lets some rows of through; *left: how many. */
static ForeignScan *
find_scan(const PlannedStmt *statement, int64 *left)
{
	Plan *plan = statement->planTree;

	*left = PG_INT64_MAX;
	if (IsA(plan, Limit))
	{
		*left = limit_of(plan);
		plan = outerPlan(plan);
	}
	return *left > 0 && IsA(plan, ForeignScan) ? (ForeignScan *) plan : NULL;
}

/* True when the scan is such a look-up, and is to be run. */
static bool
is_short(const ForeignScan *scan, const QueryDesc *query, int eflags)
{
	return scan != NULL && tview_plan_is_ours(scan) &&
		tview_plan_decode(scan)->is_short && query->instrument_options == 0 &&
		(eflags & ~EXEC_FLAG_SKIP_TRIGGERS) == 0;
}

/* What the scan returns: columns of the TVIEW, with the targets' names. */
static TupleDesc
describe_row(const ForeignScan *scan, const List *targets,
			 const TviewDesc *desc)
{
	const TviewPlan *plan = tview_plan_decode(scan);
	const AttrNumber *outputs = tview_plan_outputs(plan);
	TupleDesc result = CreateTemplateTupleDesc(plan->noutputs);

	for (int i = 0; i < plan->noutputs; i++)
	{
		const TargetEntry *entry = list_nth_node(TargetEntry, targets, i);

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
	ShortState *state = (ShortState *) ps;

	if (state->left == 0)
		return ExecClearTuple(state->node.ss.ss_ScanTupleSlot);
	state->left--;
	return tviewIterateForeignScan(&state->node);
}

/* The state of the scan, which has begun. */
static PlanState *
begin_scan(ForeignScan *scan, int64 left, EState *estate, int eflags)
{
	ShortState *state = palloc0(sizeof(ShortState));
	ForeignScanState *node = &state->node;
	ScanState *ss = &node->ss;
	const Plan *top = estate->es_plannedstmt->planTree;
	Oid relid = exec_rt_fetch(scan->scan.scanrelid, estate)->relid;

	state->left = left;
	NodeSetTag(node, T_ForeignScanState);
	ss->ps.plan = (Plan *) scan;
	ss->ps.state = estate;
	ss->ps.ExecProcNode = ss->ps.ExecProcNodeReal = next_row;
	ss->ps.scandesc = ss->ps.ps_ResultTupleDesc =
		describe_row(scan, top->targetlist, tview_meta_get(relid, false));
	ss->ps.scanops = ss->ps.resultops = &TTSOpsVirtual;
	ss->ps.scanopsset = ss->ps.resultopsset = true;
	ss->ps.scanopsfixed = ss->ps.resultopsfixed = true;
	ss->ss_ScanTupleSlot =
		ExecAllocTableSlot(&estate->es_tupleTable, ss->ps.scandesc,
						   &TTSOpsVirtual);
	node->fdwroutine = &routine;
	tviewBeginForeignScan(node, eflags);
	return &ss->ps;
}

/* What standard_ExecutorStart does, as far as it has a meaning here. */
static void
start_short(QueryDesc *query, ForeignScan *scan, int64 left, int eflags)
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
	query->planstate = begin_scan(scan, left, estate, eflags);
	query->tupDesc = query->planstate->ps_ResultTupleDesc;
	MemoryContextSwitchTo(old);
}

static void
start_executor(QueryDesc *query, int eflags)
{
	int64 left;
	ForeignScan *scan = find_scan(query->plannedstmt, &left);

	if (next_start)
		next_start(query, eflags);
	else if (is_short(scan, query, eflags))
		start_short(query, scan, left, eflags);
	else
		standard_ExecutorStart(query, eflags);
}

void
tview_start_init(void)
{
	next_start = ExecutorStart_hook;
	ExecutorStart_hook = start_executor;
}
