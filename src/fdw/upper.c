/*
 * upper.c
 *		See upper.h.
 *
 * The query has one relation, no grouping, and no aggregate but count(*); all
 * of its conditions can be applied by the scan.  How the rows are found is
 * taken from the cheapest such path of the relation.
 */
#include "postgres.h"

#include "compat.h"
#include "fdw/upper.h"

#include "fdw/condition.h"
#include "fdw/path.h"
#include "fdw/plan.h"
#include "optimizer/optimizer.h"
#include "optimizer/pathnode.h"
#include "optimizer/restrictinfo.h"
#include "utils/fmgroids.h"

/* True when the expression is count(*) and nothing else. */
static bool
is_plain_count(const Aggref *aggref)
{
	return aggref->aggfnoid == F_COUNT_ && aggref->aggfilter == NULL &&
		aggref->aggdistinct == NIL && aggref->aggorder == NIL &&
		aggref->agglevelsup == 0 && aggref->aggsplit == AGGSPLIT_SIMPLE;
}

/* The count(*) of the target when all of its aggregates are that, or NULL. */
static Aggref *
find_count(const PathTarget *target)
{
	int flags = PVC_INCLUDE_AGGREGATES | PVC_RECURSE_WINDOWFUNCS |
		PVC_INCLUDE_PLACEHOLDERS;
	Aggref *count = NULL;
	ListCell *lc;

	foreach(lc, pull_var_clause((Node *) target->exprs, flags))
	{
		if (!IsA(lfirst(lc), Aggref) || !is_plain_count(lfirst(lc)))
			return NULL;
		count = lfirst(lc);
	}
	return count;
}

/* True when the scan of that path applies all conditions of the relation. */
static bool
applies_everything(RelOptInfo *rel, ForeignPath *path)
{
	TviewRelation *relation = rel->fdw_private;
	TviewPathChoice choice;
	ListCell *lc;

	foreach(lc, rel->baserestrictinfo)
	{
		if (lfirst_node(RestrictInfo, lc)->pseudoconstant)
			return false;
	}
	tview_path_decode(path, &choice);
	return list_length(tview_condition_pushed(relation->matches, choice.kind,
											  choice.driver)) ==
		list_length(rel->baserestrictinfo);
}

/* The cheapest scan that can count, or NULL. */
static ForeignPath *
find_scan(RelOptInfo *rel)
{
	ForeignPath *best = NULL;
	ListCell *lc;

	foreach(lc, rel->pathlist)
	{
		ForeignPath *path = lfirst(lc);

		if (IsA(path, ProjectionPath))
			path = (ForeignPath *) ((ProjectionPath *) path)->subpath;
		if (!IsA(path, ForeignPath) || path->path.param_info != NULL ||
			!applies_everything(rel, path))
			continue;
		if (best == NULL || path->path.total_cost < best->path.total_cost)
			best = path;
	}
	return best;
}

void
tviewGetForeignUpperPaths(PlannerInfo *root, UpperRelationKind stage,
						  RelOptInfo *input_rel, RelOptInfo *output_rel,
						  void *extra)
{
	Query *query = root->parse;
	TviewRelation *relation = input_rel->fdw_private;
	ForeignPath *scan;

	if (stage != UPPERREL_GROUP_AGG || relation == NULL ||
		input_rel->reloptkind != RELOPT_BASEREL || query->groupClause != NIL ||
		query->groupingSets != NIL || query->havingQual != NULL ||
		root->rowMarks != NIL || !query->hasAggs ||
		find_count(output_rel->reltarget) == NULL)
		return;
	scan = find_scan(input_rel);
	if (scan == NULL)
		return;
	output_rel->fdw_private = relation;
	add_path(output_rel,
			 (Path *) tview_compat_upper_path(
				 root, output_rel, output_rel->reltarget, 1,
				 scan->path.startup_cost,
				 scan->path.total_cost + output_rel->reltarget->cost.startup +
					 output_rel->reltarget->cost.per_tuple,
				 list_make2(input_rel, scan)));
}

ForeignScan *
tview_upper_plan(PlannerInfo *root, ForeignPath *path, List *tlist)
{
	return tview_plan_count(root, linitial(path->fdw_private),
							lsecond(path->fdw_private), tlist,
							find_count(path->path.pathtarget));
}
