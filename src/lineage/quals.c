/*
 * quals.c
 *		The conditions of a query, and whose rows they restrict.
 *
 * A strict condition that is applied to the rows of a join restricts every
 * table below: a row that fails it appears in no row of the result, and where
 * it kept another row from being extended with nulls, the extended row fails
 * too.  ON of an outer join does so for the side that is extended only.
 */
#include "postgres.h"

#include "compat.h"
#include "lineage/quals.h"
#include "lineage/resolve.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/prep.h"
#include "utils/lsyscache.h"

/* Appends the conjuncts of a condition. */
static void
add_conjuncts(List **quals, Node *clause, Relids scope, bool where)
{
	TviewQual *qual;
	ListCell *lc;

	if (clause == NULL)
		return;
	if (IsA(clause, List))
	{
		foreach(lc, (List *) clause)
			add_conjuncts(quals, lfirst(lc), scope, where);
		return;
	}
	if (is_andclause(clause))
	{
		foreach(lc, ((BoolExpr *) clause)->args)
			add_conjuncts(quals, lfirst(lc), scope, where);
		return;
	}
	qual = palloc0(sizeof(TviewQual));
	qual->clause = clause;
	qual->scope = scope;
	qual->where = where;
	*quals = lappend(*quals, qual);
}

/* Collects below one node of the join tree. */
static void
collect_below(List **quals, Node *jtnode, bool top)
{
	ListCell *lc;

	if (jtnode == NULL)
		return;
	if (IsA(jtnode, FromExpr))
	{
		FromExpr *from = (FromExpr *) jtnode;

		foreach(lc, from->fromlist)
			collect_below(quals, lfirst(lc), false);
		add_conjuncts(quals, from->quals, tview_compat_jointree_relids(jtnode),
					  top);
	}
	else if (IsA(jtnode, JoinExpr))
	{
		JoinExpr *join = (JoinExpr *) jtnode;
		Relids scope = NULL;

		collect_below(quals, join->larg, false);
		collect_below(quals, join->rarg, false);
		if (join->jointype == JOIN_INNER)
			scope = tview_compat_jointree_relids(jtnode);
		else if (join->jointype == JOIN_LEFT)
			scope = tview_compat_jointree_relids(join->rarg);
		else if (join->jointype == JOIN_RIGHT)
			scope = tview_compat_jointree_relids(join->larg);
		add_conjuncts(quals, join->quals, scope, false);
	}
}

List *
tview_quals_collect(Query *query)
{
	List *quals = NIL;

	collect_below(&quals, (Node *) query->jointree, true);
	return quals;
}

/* The entries below the join tree node that an outer join may null. */
static Relids
find_nullable(Node *jtnode)
{
	Relids result = NULL;
	JoinExpr *join;
	ListCell *lc;

	if (jtnode == NULL || IsA(jtnode, RangeTblRef))
		return NULL;
	if (IsA(jtnode, FromExpr))
	{
		foreach(lc, ((FromExpr *) jtnode)->fromlist)
			result = bms_join(result, find_nullable(lfirst(lc)));
		return result;
	}
	join = castNode(JoinExpr, jtnode);
	result = bms_join(find_nullable(join->larg), find_nullable(join->rarg));
	if (join->jointype == JOIN_LEFT || join->jointype == JOIN_FULL)
		result =
			bms_add_members(result, tview_compat_jointree_relids(join->rarg));
	if (join->jointype == JOIN_RIGHT || join->jointype == JOIN_FULL)
		result =
			bms_add_members(result, tview_compat_jointree_relids(join->larg));
	return result;
}

Relids
tview_quals_nullable(Query *query)
{
	return find_nullable((Node *) query->jointree);
}

/* Is the expression the column? */
static bool
is_column(Node *expr, int rtindex, AttrNumber attno)
{
	Node *stripped = tview_resolve_strip(expr);

	return stripped != NULL && IsA(stripped, Var) &&
		((Var *) stripped)->varlevelsup == 0 &&
		((Var *) stripped)->varno == rtindex &&
		((Var *) stripped)->varattno == attno;
}

/* Is the clause true only when the column is not null? */
static bool
clause_excludes_null(Node *clause, int rtindex, AttrNumber attno)
{
	ListCell *lc;

	if (IsA(clause, NullTest))
		return ((NullTest *) clause)->nulltesttype == IS_NOT_NULL &&
			!((NullTest *) clause)->argisrow &&
			is_column((Node *) ((NullTest *) clause)->arg, rtindex, attno);
	if (!IsA(clause, OpExpr) || !op_strict(((OpExpr *) clause)->opno))
		return false;
	foreach(lc, ((OpExpr *) clause)->args)
	{
		if (is_column(lfirst(lc), rtindex, attno))
			return true;
	}
	return false;
}

bool
tview_quals_exclude_null(Query *query, int rtindex, AttrNumber attno)
{
	bool nullable = bms_is_member(rtindex, tview_quals_nullable(query));
	ListCell *lc;

	foreach(lc, tview_quals_collect(query))
	{
		TviewQual *qual = lfirst(lc);

		if ((qual->where ||
			 (!nullable && bms_is_member(rtindex, qual->scope))) &&
			clause_excludes_null(qual->clause, rtindex, attno))
			return true;
	}
	return false;
}
