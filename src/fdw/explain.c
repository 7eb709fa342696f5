/*
 * explain.c
 *		What EXPLAIN shows of the scan of a TVIEW.
 *
 * Without ANALYZE nothing but the plan is looked at: no store is opened.
 */
#include "postgres.h"

#include "fdw/explain.h"

#include "executor/executor.h"
#include "fdw/ancestor.h"
#include "fdw/plan.h"
#include "fdw/scan.h"
#include "meta/meta.h"
#include "nodes/makefuncs.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/ruleutils.h"

/* Returns the word for the way that a plan reads the store. */
static const char *
name_kind(TviewScanKind kind)
{
	switch (kind)
	{
		case TVIEW_SCAN_FULL:
			return "scan";
		case TVIEW_SCAN_RANGE:
			return "range";
		case TVIEW_SCAN_KEYS:
		case TVIEW_SCAN_LOOKUP:
			return "lookup";
	}
	return "scan";
}

/* Shows the pushed conditions as core shows an index's. */
static void
show_conditions(Plan *plan, List *conditions, ExplainState *es)
{
	List *ancestors = tview_ancestor_list(es->pstmt, plan);
	List *context = set_deparse_context_plan(es->deparse_cxt, plan, ancestors);
	Node *node = (Node *) make_ands_explicit(conditions);

	ExplainPropertyText("Store Cond",
						deparse_expression(node, context, es->verbose, false),
						es);
}

/*
 * Shows a count's conditions: its plan has values, to which the columns and
 * operators are added.
 */
static void
show_count(ForeignScan *scan, const TviewPlan *plan, ExplainState *es)
{
	List *ancestors = tview_ancestor_list(es->pstmt, (Plan *) scan);
	List *context =
		set_deparse_context_plan(es->deparse_cxt, (Plan *) scan, ancestors);
	StringInfoData text;

	ExplainPropertyText("Count", tview_meta_relation_name(plan->counted), es);
	initStringInfo(&text);
	for (int i = 0; i < plan->nconditions; i++)
	{
		const TviewCondition *condition = &plan->conditions[i];

		appendStringInfo(
			&text, condition->is_array ? "%s(%s %s ANY (%s))" : "%s(%s %s %s)",
			i > 0 ? " AND " : "",
			quote_identifier(
				get_attname(plan->counted, condition->attno, false)),
			get_opname(condition->opno),
			deparse_expression(list_nth(scan->fdw_exprs, i), context,
							   es->verbose, false));
	}
	if (plan->nconditions > 0)
		ExplainPropertyText("Store Cond", text.data, es);
}

/* Shows how the store is read and, after a run, where the rows came from. */
void
tviewExplainForeignScan(ForeignScanState *node, ExplainState *es)
{
	ForeignScan *scan = castNode(ForeignScan, node->ss.ps.plan);
	const TviewPlan *plan = tview_plan_decode(scan);
	/* the relation may not be open: see start.c */
	const TviewDesc *desc = tview_meta_get(
		OidIsValid(plan->counted)
			? plan->counted
			: exec_rt_fetch(scan->scan.scanrelid, node->ss.ps.state)->relid,
		false);

	if (es->verbose)
		ExplainPropertyText("View", desc->viewname, es);
	ExplainPropertyText("Store", name_kind(plan->kind), es);
	if (OidIsValid(plan->counted))
		show_count(scan, plan, es);
	else if (scan->fdw_exprs != NIL)
		show_conditions((Plan *) scan, tview_plan_clauses(scan, desc->tupdesc),
						es);

	if (es->analyze)
	{
		const TviewScanFigures *figures = tview_scan_figures(node);

		ExplainPropertyInteger("Served", NULL, figures->served, es);
		if (figures->indexed > 0)
			ExplainPropertyInteger("Counted In Index", NULL, figures->indexed,
								   es);
		ExplainPropertyInteger("Recomputed", NULL, figures->recomputed, es);
		if (figures->bypass != NULL)
			ExplainPropertyText("Bypass", figures->bypass, es);
	}
}
