/*
 * resolve.c
 *		From an expression to the columns of base tables that it plainly is.
 *
 * A Var is followed through join aliases, sub-selects, views and WITH
 * queries.  On the way down it is noted whether a condition on the value
 * commutes with what each query does to its rows.
 */
#include "postgres.h"

#include "lineage/relation.h"
#include "lineage/resolve.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "parser/parse_relation.h"
#include "parser/parsetree.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"

Node *
tview_resolve_strip(Node *expr)
{
	for (;;)
	{
		if (expr != NULL && IsA(expr, RelabelType))
			expr = (Node *) ((RelabelType *) expr)->arg;
		else if (expr != NULL && IsA(expr, CollateExpr))
			expr = (Node *) ((CollateExpr *) expr)->arg;
		else if (expr != NULL && IsA(expr, FuncExpr) &&
				 (((FuncExpr *) expr)->funcid == F_INT8_INT4 ||
				  ((FuncExpr *) expr)->funcid == F_INT8_INT2 ||
				  ((FuncExpr *) expr)->funcid == F_INT4_INT2))
			expr = linitial(((FuncExpr *) expr)->args);
		else
			return expr;
	}
}

/* Is the target entry among the sort/group clauses? */
static bool
is_in_clauses(TargetEntry *tle, List *clauses)
{
	ListCell *lc;

	foreach(lc, clauses)
	{
		if (tle->ressortgroupref != 0 &&
			lfirst_node(SortGroupClause, lc)->tleSortGroupRef ==
				tle->ressortgroupref)
			return true;
	}
	return false;
}

bool
tview_resolve_may_enter(Query *query, TargetEntry *tle)
{
	ListCell *lc;

	if (query->limitCount != NULL || query->limitOffset != NULL ||
		query->groupingSets != NIL)
		return false;
	if (query->groupClause == NIL &&
		(query->hasAggs || query->havingQual != NULL))
		return false;
	if (query->hasDistinctOn && !is_in_clauses(tle, query->distinctClause))
		return false;
	if (!query->hasWindowFuncs)
		return true;
	foreach(lc, query->windowClause)
	{
		if (!is_in_clauses(tle, lfirst_node(WindowClause, lc)->partitionClause))
			return false;
	}
	return true;
}

/*
 * Enters output column resno of a sub-level, through the leaves of a set
 * operation.
 */
static List *
resolve_leaves(TviewLevel *level, Node *setop, AttrNumber resno)
{
	if (IsA(setop, RangeTblRef))
	{
		TviewLevel *leaf =
			level->items[((RangeTblRef *) setop)->rtindex - 1].sub;

		return leaf ? tview_resolve_output(leaf, resno) : NIL;
	}
	if (IsA(setop, SetOperationStmt))
	{
		List *left =
			resolve_leaves(level, ((SetOperationStmt *) setop)->larg, resno);
		List *right =
			resolve_leaves(level, ((SetOperationStmt *) setop)->rarg, resno);

		return list_concat(left, right);
	}
	return NIL;
}

List *
tview_resolve_output(TviewLevel *level, AttrNumber resno)
{
	TargetEntry *tle = get_tle_by_resno(level->query->targetList, resno);
	List *targets;
	bool setop = level->query->setOperations != NULL;
	bool may_enter;
	ListCell *lc;

	check_stack_depth();
	if (tle == NULL || tle->resjunk)
		return NIL;
	may_enter = tview_resolve_may_enter(level->query, tle);
	if (setop)
		targets = resolve_leaves(level, level->query->setOperations, resno);
	else
		targets = tview_resolve_expr(level, (Node *) tle->expr);
	foreach(lc, targets)
	{
		TviewTarget *target = lfirst(lc);

		/*
		 * a sub-query that passes on an outer value says nothing about its own
		 * rows
		 */
		target->pushable =
			target->pushable && may_enter && (setop || target->rtindex != 0);
		target->plain = target->plain && !setop && target->rtindex != 0;
		target->alternative = target->alternative || setop;
	}
	return targets;
}

/* Resolves a column of a range table entry of the level. */
static List *
resolve_column(TviewLevel *level, int rtindex, AttrNumber attno)
{
	RangeTblEntry *rte = rt_fetch(rtindex, level->query->rtable);
	TviewItem *item = &level->items[rtindex - 1];
	TviewTarget *target;
	List *targets;
	ListCell *lc;

	if (attno <= 0)
		return NIL;
	if (rte->rtekind == RTE_JOIN)
		return tview_resolve_expr(level,
								  list_nth(rte->joinaliasvars, attno - 1));
	if (item->sub != NULL)
	{
		targets = tview_resolve_output(item->sub, attno);
		foreach(lc, targets)
		{
			target = lfirst(lc);
			target->rtindex = rtindex;
		}
		return targets;
	}
	if (item->node == NULL ||
		tview_relation_virtual_expression(item->node->relid, attno) != NULL)
		return NIL;
	target = palloc0(sizeof(TviewTarget));
	target->node = item->node;
	target->attno = attno;
	target->rtindex = rtindex;
	target->plain = true;
	target->pushable = true;
	return list_make1(target);
}

/*
 * Has the column, or a COLLATE on it, a collation under which different values
 * are equal?  A query may have put such values together then, and shows one of
 * them for all: a condition by another equality does not commute with that.
 */
static bool
merges_values(Node *expr)
{
	for (;;)
	{
		Oid collation = exprCollation(expr);

		if (OidIsValid(collation) && !get_collation_isdeterministic(collation))
			return true;
		if (IsA(expr, RelabelType))
			expr = (Node *) ((RelabelType *) expr)->arg;
		else if (IsA(expr, CollateExpr))
			expr = (Node *) ((CollateExpr *) expr)->arg;
		else
			return false;
	}
}

List *
tview_resolve_expr(TviewLevel *level, Node *expr)
{
	Node *stripped = tview_resolve_strip(expr);
	Var *var;
	TviewLevel *owner;
	List *targets;
	ListCell *lc;

	check_stack_depth();
	if (stripped == NULL || !IsA(stripped, Var) || merges_values(expr))
		return NIL;
	var = (Var *) stripped;
	owner = tview_level_outer(level, var->varlevelsup);
	if (owner == NULL)
		return NIL;
	targets = resolve_column(owner, var->varno, var->varattno);
	foreach(lc, targets)
	{
		TviewTarget *target = lfirst(lc);

		if (stripped != expr)
			target->plain = false;
		if (var->varlevelsup > 0)
		{
			target->rtindex = 0;
			target->plain = false;
			target->pushable = false;
		}
	}
	return targets;
}
