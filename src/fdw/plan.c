/*
 * plan.c
 *		Sizes and plans of TVIEW scans, and what a plan carries.
 *
 * fdw_private is a list of lists, so that plans can be copied and printed:
 *
 *		(kind direction natts)					integers
 *		(attno ...)								the columns that are needed
 *		(attno strategy is_array ...)			integers, three per condition
 *		(opno collation valtype ...)			oids, three per condition
 *		(relid)									an oid, of a count only
 *
 * fdw_exprs has the values of the conditions and then their clauses.  The
 * clauses are not in fdw_recheck_quals, because the executor would make all of
 * those ready to run although most scans never evaluate one.  A count
 * (upper.c) has no clauses: it stands for no relation whose columns they could
 * name.
 */
#include "postgres.h"

#include "fdw/plan.h"

#include "access/stratnum.h"
#include "access/sysattr.h"
#include "cache/estimate.h"
#include "catalog/heap.h"
#include "fdw/condition.h"
#include "fdw/path.h"
#include "fdw/upper.h"
#include "meta/meta.h"
#include "nodes/makefuncs.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "optimizer/planmain.h"
#include "optimizer/restrictinfo.h"
#include "utils/lsyscache.h"

/* What PostgreSQL takes a foreign table to have when nobody knows. */
#define UNKNOWN_ROWS 1000.0

/* True when one of the matches leaves one row at the most. */
static bool
is_one_row(const TviewDesc *desc, List *matches)
{
	ListCell *lc;

	foreach(lc, matches)
	{
		TviewMatch *match = lfirst(lc);

		if (desc->single_row && !match->condition.is_array &&
			match->condition.strategy == BTEqualStrategyNumber &&
			(match->lookup == NULL || match->lookup->is_unique))
			return true;
	}
	return false;
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

	relation->desc = tview_meta_get(foreigntableid, false);
	relation->matches = tview_condition_collect(root, baserel, relation->desc,
												baserel->baserestrictinfo);
	baserel->fdw_private = relation;

	one_row = is_one_row(relation->desc, relation->matches);
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

/* The numbers of the columns that are needed. */
static List *
list_columns(const Bitmapset *columns)
{
	List *list = NIL;
	int i = -FirstLowInvalidHeapAttributeNumber;

	while ((i = bms_next_member(columns, i)) >= 0)
		list = lappend_int(list, i + FirstLowInvalidHeapAttributeNumber);
	return list;
}

/* Builds fdw_private; its lists live in the current context. */
static List *
encode_plan(TviewPathChoice *choice, const Bitmapset *columns, List *pushed)
{
	List *numbers = NIL;
	List *oids = NIL;
	ListCell *lc;

	foreach(lc, pushed)
	{
		TviewCondition *condition = &((TviewMatch *) lfirst(lc))->condition;

		numbers = lappend_int(numbers, condition->attno);
		numbers = lappend_int(numbers, condition->strategy);
		numbers = lappend_int(numbers, condition->is_array);
		oids = lappend_oid(oids, condition->opno);
		oids = lappend_oid(oids, condition->collation);
		oids = lappend_oid(oids, condition->valtype);
	}
	return list_make4(list_make3_int(choice->kind, choice->direction,
									 last_column(columns)),
					  list_columns(columns), numbers, oids);
}

/* Returns what a plan carries, in the current memory context. */
TviewPlan *
tview_plan_decode(ForeignScan *scan)
{
	TviewPlan *plan = palloc0(sizeof(TviewPlan));
	List *header = linitial(scan->fdw_private);
	List *numbers = lthird(scan->fdw_private);
	List *oids = lfourth(scan->fdw_private);

	plan->kind = linitial_int(header);
	plan->direction = lsecond_int(header);
	plan->natts = lthird_int(header);
	plan->columns = lsecond(scan->fdw_private);
	if (list_length(scan->fdw_private) > 4)
		plan->counted = linitial_oid(list_nth(scan->fdw_private, 4));
	plan->nconditions = list_length(numbers) / 3;
	plan->conditions = palloc0(sizeof(TviewCondition) *
							   Max(plan->nconditions, 1));
	for (int i = 0; i < plan->nconditions; i++)
	{
		TviewCondition *condition = &plan->conditions[i];

		condition->attno = list_nth_int(numbers, 3 * i);
		condition->strategy = list_nth_int(numbers, 3 * i + 1);
		condition->is_array = list_nth_int(numbers, 3 * i + 2) != 0;
		condition->opno = list_nth_oid(oids, 3 * i);
		condition->collation = list_nth_oid(oids, 3 * i + 1);
		condition->valtype = list_nth_oid(oids, 3 * i + 2);
	}
	return plan;
}

List *
tview_plan_clauses(ForeignScan *scan)
{
	if (list_length(scan->fdw_private) > 4)
		return NIL;
	return list_copy_tail(scan->fdw_exprs, list_length(scan->fdw_exprs) / 2);
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

/*
 * Splits the clauses into those that the scan applies, whose values and
 * clauses are appended to the lists, and local ones, which are returned.
 */
static List *
split_clauses(PlannerInfo *root, RelOptInfo *rel, const TviewPathChoice *choice,
			  List *scan_clauses, List **pushed, List **values, List **clauses)
{
	TviewRelation *relation = rel->fdw_private;
	List *remaining = list_copy(scan_clauses);
	List *matches =
		tview_condition_collect(root, rel, relation->desc, scan_clauses);
	ListCell *lc;

	*pushed = tview_condition_pushed(matches, choice->kind, choice->driver);
	foreach(lc, *pushed)
	{
		TviewMatch *match = lfirst(lc);

		*values = lappend(*values, match->value);
		*clauses = lappend(*clauses, match->clause);
		remaining = list_delete_ptr(remaining, match->rinfo);
	}
	return extract_actual_clauses(remaining, false);
}

/* Makes a plan of a path. */
ForeignScan *
tviewGetForeignPlan(PlannerInfo *root, RelOptInfo *baserel, Oid foreigntableid,
					ForeignPath *best_path, List *tlist, List *scan_clauses,
					Plan *outer_plan)
{
	TviewPathChoice choice;
	List *pushed;
	List *local;
	List *values = NIL;
	List *clauses = NIL;
	Bitmapset *columns = NULL;

	if (IS_UPPER_REL(baserel))
		return tview_upper_plan(root, best_path, tlist);
	tview_path_decode(best_path, &choice);
	local = split_clauses(root, baserel, &choice, scan_clauses, &pushed,
						  &values, &clauses);
	pull_varattnos((Node *) baserel->reltarget->exprs, baserel->relid,
				   &columns);
	pull_varattnos((Node *) local, baserel->relid, &columns);
	pull_varattnos((Node *) clauses, baserel->relid, &columns);
	check_system_columns(columns, foreigntableid);
	note_sources(root, ((TviewRelation *) baserel->fdw_private)->desc);

	return make_foreignscan(tlist, local, baserel->relid,
							list_concat(values, clauses),
							encode_plan(&choice, columns, pushed),
							NIL, NIL, outer_plan);
}

ForeignScan *
tview_plan_count(PlannerInfo *root, RelOptInfo *rel, ForeignPath *scan,
				 List *tlist, Aggref *count)
{
	TviewDesc *desc = ((TviewRelation *) rel->fdw_private)->desc;
	TargetEntry *entry = makeTargetEntry(copyObject((Expr *) count), 1, NULL,
										 false);
	TviewPathChoice choice;
	List *pushed;
	List *values = NIL;
	List *clauses = NIL;
	Bitmapset *columns = NULL;
	List *private;

	tview_path_decode(scan, &choice);
	choice.direction = 0;
	(void) split_clauses(root, rel, &choice, rel->baserestrictinfo, &pushed,
						 &values, &clauses);
	pull_varattnos((Node *) clauses, rel->relid, &columns);
	note_sources(root, desc);
	private = lappend(encode_plan(&choice, columns, pushed),
					  list_make1_oid(desc->relid));
	return make_foreignscan(tlist, NIL, 0, values, private,
							list_make1(entry), NIL, NULL);
}
