/*
 * planner.c
 *		See planner.h.
 *
 * A query of one TVIEW, all of whose conditions the scan applies, one of them
 * a value of the key or of another unique column, has one plan that is worth
 * a thought.  For PostgreSQL's planner it is a query like any other: what it
 * prepares, compares and takes apart is a third of all that a statement costs
 * that is planned each time, as in the simple protocol.  So the plan is made
 * here, of the same parts (plan.c), and finished by the planner's own last
 * step, which notes what it depends on.
 *
 * Whatever goes beyond that is left to the planner, and everything is where
 * other extensions want to take part in planning.
 */
#include "postgres.h"

#include "compat.h"
#include "fdw/condition.h"
#include "fdw/cost.h"
#include "fdw/handler.h"
#include "fdw/plan.h"
#include "fdw/planner.h"
#include "jit/jit.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "nodes/parsenodes.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "optimizer/paths.h"
#include "optimizer/plancat.h"
#include "optimizer/planmain.h"
#include "optimizer/planner.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"

/* What the planner takes values of no fixed width to have. */
#define UNKNOWN_WIDTH 32

static planner_hook_type next_planner = NULL;

static bool plan_lookups = true;

/*
 * True when the query has no LIMIT, or one of at least one row; *count is its
 * number then, else NULL.
 */
static bool
take_limit(const Query *query, Node **count)
{
	Const *value;

	*count = NULL;
	if (query->limitOffset != NULL || query->limitOption != LIMIT_OPTION_COUNT)
		return false;
	if (query->limitCount == NULL)
		return true;
	value = (Const *) eval_const_expressions(NULL, query->limitCount);
	if (!IsA(value, Const))
		return false;
	if (value->constisnull)
		return true;
	*count = (Node *) value;
	return DatumGetInt64(value->constvalue) >= 1;
}

bool
tview_planner_is_plain(const Query *query)
{
	const RangeTblEntry *entry;

	if (query->commandType != CMD_SELECT || list_length(query->rtable) != 1)
		return false;
	entry = linitial_node(RangeTblEntry, query->rtable);
	return entry->rtekind == RTE_RELATION &&
		entry->relkind == RELKIND_FOREIGN_TABLE &&
		entry->tablesample == NULL && entry->securityQuals == NIL &&
		query->jointree->quals != NULL && query->utilityStmt == NULL &&
		list_length(query->jointree->fromlist) == 1 && !query->hasAggs &&
		!query->hasWindowFuncs && !query->hasTargetSRFs &&
		!query->hasSubLinks && !query->hasRowSecurity &&
		query->cteList == NIL && query->targetList != NIL &&
		query->groupClause == NIL && query->groupingSets == NIL &&
		query->havingQual == NULL && query->distinctClause == NIL &&
		query->sortClause == NIL && query->rowMarks == NIL &&
		query->setOperations == NULL;
}

/* The TVIEW that the entry is, without children, or NULL. */
static TviewDesc *
find_tview(const RangeTblEntry *entry)
{
	Relation rel = RelationIdGetRelation(entry->relid);
	bool is_ours;

	if (rel == NULL)
		return NULL;
	is_ours = !rel->rd_rel->relhassubclass && tview_handler_owns(rel);
	RelationClose(rel);
	return is_ours ? tview_meta_get(entry->relid, true) : NULL;
}

/* True when there is nothing in it that the planner would simplify. */
static bool
is_simple(const PlannerInfo *root, const Node *node)
{
	return IsA(node, Var) || IsA(node, Const) ||
		(IsA(node, Param) && root->glob->boundParams == NULL);
}

/* The clause as the planner would simplify it. */
static Expr *
simplify_clause(PlannerInfo *root, Expr *clause)
{
	List *args = IsA(clause, OpExpr) ? ((OpExpr *) clause)->args : NIL;

	if (list_length(args) == 2 && is_simple(root, linitial(args)) &&
		is_simple(root, lsecond(args)))
		return clause;
	return (Expr *) eval_const_expressions(root, (Node *) clause);
}

/* True when one of the matches is on the same column. */
static bool
has_column(List *matches, AttrNumber attno)
{
	ListCell *lc;

	foreach(lc, matches)
		if (((TviewMatch *) lfirst(lc))->condition.attno == attno)
			return true;
	return false;
}

/*
 * The matches of all conditions.  NIL when one of them is none, and where the
 * planner may draw conclusions: of a null, of two conditions on one column.
 */
static List *
match_all(PlannerInfo *root, TviewDesc *desc)
{
	Node *quals = root->parse->jointree->quals;
	List *clauses = is_andclause(quals) ? ((BoolExpr *) quals)->args
										: list_make1(quals);
	List *matches = NIL;
	ListCell *lc;

	foreach(lc, clauses)
	{
		TviewMatch *match = tview_condition_match(
			root, 1, desc, simplify_clause(root, lfirst(lc)));

		if (match == NULL || has_column(matches, match->condition.attno) ||
			(IsA(match->value, Const) && ((Const *) match->value)->constisnull))
			return NIL;
		matches = lappend(matches, match);
	}
	return matches;
}

/* The target list as the planner would simplify it. */
static List *
simplify_target(PlannerInfo *root)
{
	List *tlist = root->parse->targetList;
	ListCell *lc;

	foreach(lc, tlist)
	{
		TargetEntry *entry = lfirst_node(TargetEntry, lc);

		if (!is_simple(root, (Node *) entry->expr))
			return (List *) eval_const_expressions(root, (Node *) tlist);
	}
	return tlist;
}

/* Estimates what the plan costs and returns. */
static void
estimate(TviewDesc *desc, ForeignScan *scan)
{
	const TviewPlan *encoded = tview_plan_decode(scan);
	Plan *plan = &scan->scan.plan;
	TviewScanShape shape = {
		.kind = encoded->kind, .probes = 1, .fetched = 1, .rows = 1};
	QualCost filter = {.per_tuple = encoded->nconditions * cpu_operator_cost};
	PathTarget target = {.type = T_PathTarget};
	ListCell *lc;

	foreach(lc, plan->targetlist)
	{
		Var *var = (Var *) lfirst_node(TargetEntry, lc)->expr;
		int length = -1;

		if (IsA(var, Var) && var->varattno > 0)
			length = TupleDescAttr(desc->tupdesc, var->varattno - 1)->attlen;
		target.width += length > 0 ? length : UNKNOWN_WIDTH;
	}
	tview_cost_scan(desc, &filter, &target, &shape, &plan->startup_cost,
					&plan->total_cost);
	plan->plan_rows = 1;
	plan->plan_width = target.width;
}

/* The plan of a query that is plain, or NULL where it is no look-up. */
static ForeignScan *
plan_scan(PlannerInfo *root, bool is_outermost)
{
	RangeTblEntry *entry = linitial_node(RangeTblEntry, root->parse->rtable);
	TviewDesc *desc = find_tview(entry);
	List *matches = desc ? match_all(root, desc) : NIL;
	const TviewMatch *driver = desc ? tview_plan_find_unique(desc, matches)
									: NULL;
	ForeignScan *scan;

	if (driver == NULL)
		return NULL;
	scan = tview_plan_lookup(root, desc, matches, driver,
							 simplify_target(root), is_outermost);
	if (scan == NULL)
		return NULL;
	estimate(desc, scan);
	if (jit_enabled && jit_above_cost >= 0 &&
		scan->scan.plan.total_cost > jit_above_cost)
		return NULL;
	tview_compat_complete_scan(scan, root->parse, desc->serverid);
	entry->inh = false;
	return scan;
}

/* What the planner makes of a finished plan. */
static PlannedStmt *
make_statement(const Query *query, const PlannerGlobal *glob, Plan *plan)
{
	PlannedStmt *statement = makeNode(PlannedStmt);

	statement->commandType = CMD_SELECT;
	statement->queryId = query->queryId;
	statement->canSetTag = query->canSetTag;
	statement->transientPlan = glob->transientPlan;
	statement->dependsOnRole = glob->dependsOnRole;
	statement->planTree = plan;
	statement->rtable = glob->finalrtable;
	statement->relationOids = glob->relationOids;
	statement->invalItems = glob->invalItems;
	statement->paramExecTypes = glob->paramExecTypes;
	statement->stmt_location = query->stmt_location;
	statement->stmt_len = query->stmt_len;
	tview_compat_complete_statement(statement, glob);
	return statement;
}

/*
 * The plan with a LIMIT.  One row is what nearly all snapshots see of a key:
 * one may see a row that was deleted since and one that its own transaction
 * has put in its place.
 */
static Plan *
add_limit(ForeignScan *scan, Node *count)
{
	Plan *plan = &scan->scan.plan;
	Plan *limit;

	if (count == NULL)
		return plan;
	limit = (Plan *) make_limit(plan, NULL, count, LIMIT_OPTION_COUNT, 0, NULL,
								NULL, NULL);
	limit->startup_cost = plan->startup_cost;
	limit->total_cost = plan->total_cost;
	limit->plan_rows = plan->plan_rows;
	limit->plan_width = plan->plan_width;
	return limit;
}

/* Plans the query if it is a look-up of one row; else returns NULL. */
static PlannedStmt *
plan_lookup(Query *query, const char *source, ParamListInfo params)
{
	PlannerGlobal *glob = makeNode(PlannerGlobal);
	PlannerInfo *root = makeNode(PlannerInfo);
	ForeignScan *scan;
	Node *count;

	if (!take_limit(query, &count))
		return NULL;
	glob->boundParams = params;
	root->parse = query;
	root->glob = glob;
	root->query_level = 1;
	root->planner_cxt = CurrentMemoryContext;
	root->wt_param_id = -1;
	/* the client's command itself, not one that a function has of its own */
	scan = plan_scan(root, source != NULL && source == debug_query_string);
	if (scan == NULL)
		return NULL;
	return make_statement(query, glob,
						  set_plan_references(root, add_limit(scan, count)));
}

/* True when no other extension takes part in planning. */
static bool
is_alone(void)
{
	return next_planner == NULL && get_relation_info_hook == NULL &&
		set_rel_pathlist_hook == NULL && create_upper_paths_hook == NULL;
}

static PlannedStmt *
plan_query(Query *query, const char *source, int cursor_options,
		   ParamListInfo params)
{
	/* a cursor may be asked to go back */
	const int harmless = CURSOR_OPT_PARALLEL_OK | CURSOR_OPT_GENERIC_PLAN |
		CURSOR_OPT_CUSTOM_PLAN;
	PlannedStmt *statement = NULL;

	if (plan_lookups && (cursor_options & ~harmless) == 0 && is_alone() &&
		tview_planner_is_plain(query))
		statement = plan_lookup(query, source, params);
	if (statement)
		return statement;
	if (next_planner)
		return next_planner(query, source, cursor_options, params);
	return standard_planner(query, source, cursor_options, params);
}

void
tview_planner_init(void)
{
	DefineCustomBoolVariable(
		"tview.plan_lookups",
		"Plans look-ups of one row without PostgreSQL's planner.",
		"The plans are the same.", &plan_lookups, true, PGC_USERSET, 0, NULL,
		NULL, NULL);
	next_planner = planner_hook;
	planner_hook = plan_query;
}
