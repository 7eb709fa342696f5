/*
 * ancestor.c
 *		The plan nodes above a scan, for EXPLAIN.
 *
 * The deparser names the outer columns that a nested loop hands down if it is
 * told which nodes stand above; ExplainForeignScan is not given them.
 */
#include "postgres.h"

#include "fdw/ancestor.h"

#include "miscadmin.h"
#include "nodes/nodeFuncs.h"

/* The search for the SubPlan expression of one subplan. */
typedef struct SubPlanSearch
{
	int plan_id;
	SubPlan *found;
} SubPlanSearch;

/* Returns the plans right below a plan; subplans in expressions are none. */
static List *
list_children(Plan *plan)
{
	List *children = NIL;

	if (plan->lefttree != NULL)
		children = lappend(children, plan->lefttree);
	if (plan->righttree != NULL)
		children = lappend(children, plan->righttree);
	switch (nodeTag(plan))
	{
		case T_Append:
			return list_concat(children, ((Append *) plan)->appendplans);
		case T_MergeAppend:
			return list_concat(children, ((MergeAppend *) plan)->mergeplans);
		case T_SubqueryScan:
			return lappend(children, ((SubqueryScan *) plan)->subplan);
		case T_CustomScan:
			return list_concat(children, ((CustomScan *) plan)->custom_plans);
		default:
			return children;
	}
}

/*
 * Searches target in plan and below; appends the nodes above it, the nearest
 * first.
 */
static bool
find_below(Plan *plan, Plan *target, List **ancestors)
{
	ListCell *lc;

	if (plan == target)
		return true;
	check_stack_depth();
	foreach(lc, list_children(plan))
	{
		if (find_below(lfirst(lc), target, ancestors))
		{
			*ancestors = lappend(*ancestors, plan);
			return true;
		}
	}
	return false;
}

/* Searches the SubPlan in an expression (a walker: true ends the walk). */
static bool
find_subplan(Node *node, SubPlanSearch *search)
{
	if (node == NULL)
		return false;
	if (IsA(node, SubPlan) && ((SubPlan *) node)->plan_id == search->plan_id)
	{
		search->found = (SubPlan *) node;
		return true;
	}
	return expression_tree_walker(node, find_subplan, search);
}

/* True when the expressions in which subplans commonly stand have it. */
static bool
plan_has_subplan(Plan *plan, SubPlanSearch *search)
{
	if (find_subplan((Node *) plan->initPlan, search) ||
		find_subplan((Node *) plan->targetlist, search) ||
		find_subplan((Node *) plan->qual, search))
		return true;
	if (IsA(plan, NestLoop) || IsA(plan, MergeJoin) || IsA(plan, HashJoin))
		return find_subplan((Node *) ((Join *) plan)->joinqual, search);
	return false;
}

/* Returns the node in plan and below that has the SubPlan, or NULL. */
static Plan *
find_holder(Plan *plan, SubPlanSearch *search)
{
	ListCell *lc;

	check_stack_depth();
	if (plan_has_subplan(plan, search))
		return plan;
	foreach(lc, list_children(plan))
	{
		Plan *holder = find_holder(lfirst(lc), search);

		if (holder != NULL)
			return holder;
	}
	return NULL;
}

/*
 * Returns what stands above the subplan with this number: the SubPlan, the
 * node that has it, and that node's ancestors.
 */
static List *
list_above(PlannedStmt *statement, int plan_id)
{
	SubPlanSearch search = {plan_id, NULL};
	Plan *holder = find_holder(statement->planTree, &search);
	ListCell *lc;

	foreach(lc, statement->subplans)
	{
		if (holder == NULL && lfirst(lc) != NULL)
			holder = find_holder(lfirst(lc), &search);
	}
	if (holder == NULL)
		return NIL;
	check_stack_depth();
	return list_concat(list_make2(search.found, holder),
					   tview_ancestor_list(statement, holder));
}

/*
 * Returns what stands above target, the parent first; the list lives in the
 * current context.
 */
List *
tview_ancestor_list(PlannedStmt *statement, Plan *target)
{
	List *ancestors = NIL;
	ListCell *lc;

	if (find_below(statement->planTree, target, &ancestors))
		return ancestors;
	foreach(lc, statement->subplans)
	{
		if (lfirst(lc) != NULL && find_below(lfirst(lc), target, &ancestors))
		{
			int plan_id = foreach_current_index(lc) + 1;

			return list_concat(ancestors, list_above(statement, plan_id));
		}
	}
	return NIL;
}
