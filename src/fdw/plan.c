/*
 * plan.c
 *		Sizes and plans of TVIEW scans, and what a plan carries.
 *
 * fdw_exprs has the values of the conditions.  Their clauses are needed by
 * EvalPlanQual and by EXPLAIN only.  They are made again of what the plan has,
 * or where one has more than a column, an operator and a value, they follow in
 * fdw_exprs.  They are not in fdw_recheck_quals, because the executor would
 * make all of those ready to run although most scans never evaluate one.  A
 * count (upper.c) has no clauses: it stands for no relation whose columns they
 * could name.
 *
 * A scan of which the query wants a few plain columns gets a slot that has
 * these and nothing else (fdw_scan_tlist): the executor need not describe the
 * whole row then, nor project it.  EvalPlanQual puts whole rows into the slot
 * of a scan, so this is for queries that only read.
 */
#include "postgres.h"

#include "fdw/plan.h"

#include "access/stratnum.h"
#include "access/sysattr.h"
#include "cache/estimate.h"
#include "catalog/heap.h"
#include "catalog/pg_type_d.h"
#include "fdw/condition.h"
#include "fdw/lock.h"
#include "fdw/path.h"
#include "fdw/planner.h"
#include "fdw/upper.h"
#include "meta/meta.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "optimizer/planmain.h"
#include "optimizer/restrictinfo.h"
#include "utils/lsyscache.h"

/* What PostgreSQL takes a foreign table to have when nobody knows. */
#define UNKNOWN_ROWS 1000.0

const TviewMatch *
tview_plan_find_unique(const TviewDesc *desc, List *matches)
{
	const TviewMatch *found = NULL;
	ListCell *lc;

	foreach(lc, matches)
	{
		const TviewMatch *match = lfirst(lc);

		if (!desc->single_row || match->condition.is_array ||
			match->condition.strategy != BTEqualStrategyNumber)
			continue;
		if (match->lookup == NULL)
			return match;
		if (match->lookup->is_unique && found == NULL)
			found = match;
	}
	return found;
}

/* Rows of the whole TVIEW, at least 1. */
static double
estimate_tuples(TviewDesc *desc, const RelOptInfo *baserel, bool roughly)
{
	double tuples = tview_estimate_rows(desc, roughly);

	if (tuples < 0)
		tuples = baserel->tuples; /* of ANALYZE */
	if (tuples < 0)
		tuples = UNKNOWN_ROWS;
	return Max(tuples, 1.0);
}

/*
 * Estimates the rows of a TVIEW; raises ERRCODE_UNDEFINED_TABLE when it is
 * none.  The planner has called set_foreign_size_estimates; what is left is
 * the number of rows, for which nobody need ask where it is one.
 */
void
tviewGetForeignRelSize(PlannerInfo *root, RelOptInfo *baserel,
					   Oid foreigntableid)
{
	TviewRelation *relation = palloc0(sizeof(TviewRelation));
	bool one_row;

	relation->desc = tview_lock_relations(foreigntableid);
	relation->matches = tview_condition_collect(root, baserel, relation->desc,
												baserel->baserestrictinfo);
	baserel->fdw_private = relation;

	one_row = tview_plan_find_unique(relation->desc, relation->matches) != NULL;
	baserel->tuples = estimate_tuples(relation->desc, baserel, one_row);
	baserel->rows = 1.0;
	if (!one_row)
		baserel->rows = clamp_row_est(
			baserel->tuples *
			clauselist_selectivity(root, baserel->baserestrictinfo, 0,
								   JOIN_INNER, NULL));
}

/* Adds the paths of a TVIEW. */
void
tviewGetForeignPaths(PlannerInfo *root, RelOptInfo *baserel, Oid foreigntableid)
{
	tview_path_add_all(root, baserel);
}

/*
 * Raises an error for system columns that rows of a TVIEW do not have; the
 * executor would, but without a name.
 */
static void
check_system_columns(const Bitmapset *columns, Oid relid)
{
	for (int attno = FirstLowInvalidHeapAttributeNumber + 1; attno < 0; attno++)
	{
		if (attno == TableOidAttributeNumber ||
			!bms_is_member(attno - FirstLowInvalidHeapAttributeNumber, columns))
			continue;
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot read system column \"%s\" of \"%s\", its rows have none",
						NameStr(SystemAttributeDefinition(attno)->attname),
						get_rel_name(relid)),
				 errhint("Use the key column to tell rows apart.")));
	}
}

/* True when a system column is among the columns. */
static bool
has_system_column(const Bitmapset *columns)
{
	int first = bms_next_member(columns, -1);

	return first >= 0 && first < -FirstLowInvalidHeapAttributeNumber;
}

/* The last column that is needed, 0 for the whole row. */
static int
last_column(const Bitmapset *columns)
{
	int last = 1;
	int i = -1;

	while ((i = bms_next_member(columns, i)) >= 0)
	{
		int attno = i + FirstLowInvalidHeapAttributeNumber;

		if (attno == 0)
			return 0;
		last = Max(last, attno);
	}
	return last;
}

/* How a value of the condition is copied. */
static void
fill_type(TviewCondition *condition)
{
	condition->type = condition->is_array ? get_array_type(condition->valtype)
										  : condition->valtype;
	if (condition->type == INT4OID)
	{
		condition->typlen = sizeof(int32);
		condition->typbyval = true;
	}
	else
		get_typlenbyval(condition->type, &condition->typlen,
						&condition->typbyval);
}

/*
 * Builds fdw_private in the current context; outputs is a list of Vars' target
 * entries.
 */
static List *
encode_plan(const TviewPathChoice *choice, const Bitmapset *columns,
			List *pushed, List *outputs, Oid counted)
{
	int nconditions = list_length(pushed);
	int numbers = list_length(outputs) + bms_num_members(columns);
	Size size = offsetof(TviewPlan, conditions) +
		nconditions * sizeof(TviewCondition) + numbers * sizeof(AttrNumber);
	TviewPlan *plan = palloc0(size);
	AttrNumber *number;
	int i = -FirstLowInvalidHeapAttributeNumber;
	ListCell *lc;

	SET_VARSIZE(plan, size);
	plan->magic = TVIEW_PLAN_MAGIC;
	plan->kind = choice->kind;
	plan->direction = choice->direction;
	plan->natts = last_column(columns);
	plan->counted = counted;
	foreach(lc, pushed)
	{
		TviewCondition *condition = &plan->conditions[plan->nconditions++];

		*condition = ((TviewMatch *) lfirst(lc))->condition;
		fill_type(condition);
	}
	number = (AttrNumber *) &plan->conditions[plan->nconditions];
	foreach(lc, outputs)
	{
		*number++ = ((Var *) lfirst_node(TargetEntry, lc)->expr)->varattno;
		plan->noutputs++;
	}
	while ((i = bms_next_member(columns, i)) >= 0)
	{
		*number++ = i + FirstLowInvalidHeapAttributeNumber;
		plan->ncolumns++;
	}
	return list_make1(makeConst(BYTEAOID, -1, InvalidOid, -1,
								PointerGetDatum(plan), false, false));
}

/* The clause of a condition, with the columns as the relation has them. */
static Expr *
make_clause(const TviewCondition *condition, Index varno, TupleDesc tupdesc,
			Expr *value)
{
	Form_pg_attribute att = TupleDescAttr(tupdesc, condition->attno - 1);
	Expr *column = (Expr *) makeVar(varno, condition->attno, att->atttypid,
									att->atttypmod, att->attcollation, 0);
	ScalarArrayOpExpr *any;
	Expr *clause;

	if (!condition->is_array)
	{
		clause = make_opclause(condition->opno, BOOLOID, false, column, value,
							   InvalidOid, condition->collation);
		set_opfuncid((OpExpr *) clause);
		return clause;
	}
	any = makeNode(ScalarArrayOpExpr);
	any->opno = condition->opno;
	any->useOr = true;
	any->inputcollid = condition->collation;
	any->args = list_make2(column, value);
	any->location = -1;
	set_sa_opfuncid(any);
	return (Expr *) any;
}

List *
tview_plan_clauses(ForeignScan *scan, TupleDesc tupdesc)
{
	const TviewPlan *plan = tview_plan_decode(scan);
	List *clauses = NIL;

	if (OidIsValid(plan->counted))
		return NIL;
	if (list_length(scan->fdw_exprs) > plan->nconditions)
		return list_copy_tail(scan->fdw_exprs, plan->nconditions);
	for (int i = 0; i < plan->nconditions; i++)
		clauses = lappend(clauses,
						  make_clause(&plan->conditions[i],
									  scan->scan.scanrelid, tupdesc,
									  list_nth(scan->fdw_exprs, i)));
	return clauses;
}

/*
 * Makes a cached plan depend on the tables behind the TVIEW: that a look-up
 * finds one row follows from their unique indexes.
 */
static void
note_sources(PlannerInfo *root, TviewDesc *desc)
{
	for (int i = 0; i < desc->nsources; i++)
		root->glob->relationOids =
			list_append_unique_oid(root->glob->relationOids, desc->sources[i]);
}

/* Adds a relation to the range table, only to be locked. */
static void
add_locked(Query *query, Oid relid)
{
	RangeTblEntry *entry;

	if (tview_lock_is_listed(query->rtable, relid))
		return;
	entry = makeNode(RangeTblEntry);
	entry->rtekind = RTE_RELATION;
	entry->relid = relid;
	entry->relkind = get_rel_relkind(relid);
	entry->rellockmode = AccessShareLock;
	entry->eref = makeAlias("", NIL); /* nothing names it */
	query->rtable = lappend(query->rtable, entry);
}

/*
 * Makes whoever runs a cached plan lock the views and the base tables before
 * he takes a snapshot, as the view's plan would: a transaction that empties a
 * table and fills it again is waited for, and then seen.
 */
static void
lock_with_plan(PlannerInfo *root, TviewDesc *desc)
{
	for (int i = 0; i < desc->nviews; i++)
		add_locked(root->parse, desc->views[i]);
	for (int i = 0; i < desc->nbases; i++)
		add_locked(root->parse, desc->bases[i]);
}

/* True when make_clause makes the clause again. */
static bool
is_simple(const TviewMatch *match)
{
	List *args = IsA(match->clause, OpExpr)
		? ((OpExpr *) match->clause)->args
		: ((ScalarArrayOpExpr *) match->clause)->args;

	return IsA(linitial(args), Var);
}

/* The clauses of matches. */
static List *
list_clauses(List *matches)
{
	List *clauses = NIL;
	ListCell *lc;

	foreach(lc, matches)
		clauses = lappend(clauses, ((TviewMatch *) lfirst(lc))->clause);
	return clauses;
}

/* True when one of the matches is of this RestrictInfo. */
static bool
is_pushed(List *matches, const RestrictInfo *rinfo)
{
	ListCell *lc;

	foreach(lc, matches)
	{
		if (((TviewMatch *) lfirst(lc))->rinfo == rinfo)
			return true;
	}
	return false;
}

/* What becomes of a scan's clauses. */
typedef struct PlanClauses
{
	List *pushed;  /* matches that the scan applies */
	List *exprs;   /* for fdw_exprs */
	List *local;   /* what the plan checks itself */
	bool are_made; /* the pushed ones are made again: exprs has values only */
} PlanClauses;

/* Takes what a scan by that choice applies of the matches. */
static void
take_matches(List *matches, const TviewPathChoice *choice, PlanClauses *result)
{
	ListCell *lc;

	*result = (PlanClauses){.are_made = true};
	result->pushed =
		tview_condition_pushed(matches, choice->kind, choice->driver);
	foreach(lc, result->pushed)
	{
		TviewMatch *match = lfirst(lc);

		result->exprs = lappend(result->exprs, match->value);
		result->are_made = result->are_made && is_simple(match);
	}
	if (!result->are_made)
		result->exprs =
			list_concat(result->exprs, list_clauses(result->pushed));
}

/*
 * Splits the clauses into those that the scan applies and local ones.  What
 * was matched for the sizes is matched again where clauses may have been
 * added or translated since.
 */
static void
split_clauses(PlannerInfo *root, RelOptInfo *rel, const TviewPathChoice *choice,
			  List *scan_clauses, bool same, PlanClauses *result)
{
	TviewRelation *relation = rel->fdw_private;
	List *matches = same
		? relation->matches
		: tview_condition_collect(root, rel, relation->desc, scan_clauses);
	List *remaining = NIL;
	ListCell *lc;

	take_matches(matches, choice, result);
	foreach(lc, scan_clauses)
	{
		if (!is_pushed(result->pushed, lfirst(lc)))
			remaining = lappend(remaining, lfirst(lc));
	}
	result->local = extract_actual_clauses(remaining, false);
}

/* Adds the columns of conditions to what pull_varattnos has found. */
static Bitmapset *
add_condition_columns(Bitmapset *columns, List *pushed)
{
	ListCell *lc;

	foreach(lc, pushed)
		columns = bms_add_member(columns,
								 ((TviewMatch *) lfirst(lc))->condition.attno -
									 FirstLowInvalidHeapAttributeNumber);
	return columns;
}

/* True when EvalPlanQual never puts a row into a scan of this query. */
static bool
only_reads(const PlannerInfo *root)
{
	for (; root; root = root->parent_root)
		if (root->parse->commandType != CMD_SELECT ||
			root->parse->rowMarks != NIL || root->rowMarks != NIL)
			return false;
	return true;
}

#define OUTPUTS_MAX 4

/*
 * The target list of a slot that has what the query wants and nothing else;
 * NIL where the slot is to have the relation's columns.
 */
static List *
narrow_slot(PlannerInfo *root, Index relid, List *tlist,
			const PlanClauses *clauses)
{
	Bitmapset *seen = NULL;
	ListCell *lc;

	if (clauses->local != NIL || !clauses->are_made || tlist == NIL ||
		list_length(tlist) > OUTPUTS_MAX || !only_reads(root))
		return NIL;
	foreach(lc, tlist)
	{
		Var *var = (Var *) lfirst_node(TargetEntry, lc)->expr;

		if (!IsA(var, Var) || var->varno != (int) relid ||
			var->varlevelsup != 0 || var->varattno <= 0 ||
			bms_is_member(var->varattno, seen))
			return NIL;
		seen = bms_add_member(seen, var->varattno);
	}
	return tlist;
}

/* True when an expression needs more than the statement's parameters. */
static bool
needs_plan(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, SubPlan) || IsA(node, AlternativeSubPlan) ||
		IsA(node, Var) ||
		(IsA(node, Param) && ((Param *) node)->paramkind != PARAM_EXTERN))
		return true;
	return expression_tree_walker(node, needs_plan, context);
}

/* True when a scan by these values returns plain columns. */
static bool
is_short(const PlanClauses *clauses, List *outputs)
{
	return outputs != NIL && !needs_plan((Node *) clauses->exprs, NULL);
}

/* True for what may read: a domain's constraints may call any function. */
static bool
may_read(Node *node, void *context)
{
	return (node && IsA(node, CoerceToDomain)) ||
		expression_tree_walker(node, may_read, context);
}

/* What encode_plan has made. */
static TviewPlan *
plan_in(List *private)
{
	return (TviewPlan *) DatumGetPointer(
		linitial_node(Const, private)->constvalue);
}

/*
 * True when the scan is the whole query, and a look-up of one row; PostgreSQL's
 * planner has such, too: in the statement that loads the library.
 */
static bool
is_whole_lookup(const PlannerInfo *root, const TviewDesc *desc,
				const PlanClauses *clauses)
{
	return root->query_level == 1 && clauses->local == NIL &&
		tview_planner_is_plain(root->parse) &&
		tview_plan_find_unique(desc, clauses->pushed) != NULL;
}

/* Makes a plan of a path. */
ForeignScan *
tviewGetForeignPlan(PlannerInfo *root, RelOptInfo *baserel, Oid foreigntableid,
					ForeignPath *best_path, List *tlist, List *scan_clauses,
					Plan *outer_plan)
{
	TviewPathChoice choice;
	PlanClauses clauses;
	TviewDesc *desc;
	List *outputs;
	List *private;
	Bitmapset *columns = NULL;

	if (IS_UPPER_REL(baserel))
		return tview_upper_plan(root, best_path, tlist);
	desc = ((TviewRelation *) baserel->fdw_private)->desc;
	tview_path_decode(best_path, &choice);
	split_clauses(root, baserel, &choice, scan_clauses,
				  best_path->path.param_info == NULL, &clauses);
	outputs = narrow_slot(root, baserel->relid, tlist, &clauses);
	pull_varattnos((Node *) baserel->reltarget->exprs, baserel->relid,
				   &columns);
	pull_varattnos((Node *) clauses.local, baserel->relid, &columns);
	columns = add_condition_columns(columns, clauses.pushed);
	check_system_columns(columns, foreigntableid);
	private = encode_plan(&choice, columns, clauses.pushed, outputs,
						  InvalidOid);
	plan_in(private)->is_short = is_short(&clauses, outputs) &&
		is_whole_lookup(root, desc, &clauses);
	note_sources(root, desc);
	lock_with_plan(root, desc);

	return make_foreignscan(tlist, clauses.local, baserel->relid, clauses.exprs,
							private, list_copy(outputs), NIL, outer_plan);
}

ForeignScan *
tview_plan_lookup(PlannerInfo *root, TviewDesc *desc, List *matches,
				  const TviewMatch *driver, List *tlist, bool is_outermost)
{
	TviewPathChoice choice = {driver->lookup ? TVIEW_SCAN_LOOKUP
											 : TVIEW_SCAN_KEYS,
							  0, driver->condition.attno};
	PlanClauses clauses;
	List *outputs;
	List *private;
	TviewPlan *plan;
	Bitmapset *columns = NULL;
	Node *all;

	pull_varattnos((Node *) tlist, 1, &columns);
	if (has_system_column(columns))
		return NULL;
	take_matches(matches, &choice, &clauses);
	outputs = narrow_slot(root, 1, tlist, &clauses);
	columns = add_condition_columns(columns, clauses.pushed);
	note_sources(root, desc);
	private = encode_plan(&choice, columns, clauses.pushed, outputs,
						  InvalidOid);
	plan = plan_in(private);
	all = (Node *) list_make2(tlist, clauses.exprs);
	plan->is_alone = is_outermost && !contain_mutable_functions(all) &&
		!may_read(all, NULL);
	plan->is_short = is_short(&clauses, outputs);
	if (!plan->is_alone)
	{
		if (tview_lock_relations(desc->relid) != desc)
			return NULL;
		lock_with_plan(root, desc);
	}
	return make_foreignscan(tlist, NIL, 1, clauses.exprs, private,
							list_copy(outputs), NIL, NULL);
}

ForeignScan *
tview_plan_count(PlannerInfo *root, RelOptInfo *rel, ForeignPath *scan,
				 List *tlist, Aggref *count)
{
	TviewDesc *desc = ((TviewRelation *) rel->fdw_private)->desc;
	TargetEntry *entry = makeTargetEntry(copyObject((Expr *) count), 1, NULL,
										 false);
	TviewPathChoice choice;
	PlanClauses clauses;
	Bitmapset *columns = NULL;

	tview_path_decode(scan, &choice);
	choice.direction = 0;
	split_clauses(root, rel, &choice, rel->baserestrictinfo, true, &clauses);
	columns = add_condition_columns(columns, clauses.pushed);
	note_sources(root, desc);
	lock_with_plan(root, desc);
	return make_foreignscan(
		tlist, NIL, 0,
		list_truncate(clauses.exprs, list_length(clauses.pushed)),
		encode_plan(&choice, columns, clauses.pushed, NIL, desc->relid),
		list_make1(entry), NIL, NULL);
}
