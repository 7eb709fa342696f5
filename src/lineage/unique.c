/*
 * unique.c
 *		Proves from unique indexes and grouping that a key has one row.
 *
 * For one level the question is: with the outer queries' rows fixed, and some
 * of its output columns fixed, is there at most one row?  Columns become
 * fixed by equalities with fixed ones; an entry of the range table is fixed
 * when a unique index is, or when the same question for its sub-query has the
 * answer yes.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_index.h"
#include "lineage/bind.h"
#include "lineage/quals.h"
#include "lineage/relation.h"
#include "lineage/resolve.h"
#include "lineage/unique.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parse_relation.h"
#include "parser/parsetree.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/relcache.h"

/* A fixed column of an entry, with the equality that fixed it. */
typedef struct FixedColumn
{
	int rtindex;
	AttrNumber attno;
	Oid opno; /* InvalidOid: fixed to one very value */
} FixedColumn;

typedef struct Proof
{
	TviewLevel *level;
	List *quals;	/* of TviewQual */
	List *columns;	/* of FixedColumn */
	Relids entries; /* entries with at most one row */
	bool changed;
} Proof;

static bool level_is_single(TviewLevel *level, List *outputs);

/*
 * The Var of this level under relabelings and join aliases, NULL when it is
 * none.
 */
static Var *
find_own_var(TviewLevel *level, Node *expr)
{
	for (;;)
	{
		Var *var;
		RangeTblEntry *rte;

		expr = tview_resolve_strip(expr);
		if (expr == NULL || !IsA(expr, Var) || ((Var *) expr)->varlevelsup != 0)
			return NULL;
		var = (Var *) expr;
		rte = rt_fetch(var->varno, level->query->rtable);
		if (rte->rtekind != RTE_JOIN || var->varattno <= 0)
			return var;
		expr = list_nth(rte->joinaliasvars, var->varattno - 1);
	}
}

/* Is the column fixed, by a given equality or any? */
static bool
column_is_fixed(Proof *proof, int rtindex, AttrNumber attno)
{
	ListCell *lc;

	if (bms_is_member(rtindex, proof->entries))
		return true;
	foreach(lc, proof->columns)
	{
		FixedColumn *column = lfirst(lc);

		if (column->rtindex == rtindex && column->attno == attno)
			return true;
	}
	return false;
}


/* Finds a Var of the level that is not fixed. */
static bool
find_unfixed(Node *node, void *context)
{
	Proof *proof = context;

	if (node == NULL)
		return false;
	if (IsA(node, SubLink) || IsA(node, Aggref) || IsA(node, WindowFunc) ||
		IsA(node, Query))
		return true;
	if (IsA(node, Var) && ((Var *) node)->varlevelsup == 0)
	{
		Var *var = find_own_var(proof->level, node);

		return var == NULL || var->varattno <= 0 ||
			!column_is_fixed(proof, var->varno, var->varattno);
	}
	return expression_tree_walker(node, find_unfixed, context);
}

/* Does the expression have one value, given what is fixed? */
static bool
expression_is_fixed(Proof *proof, Node *expr)
{
	return !contain_volatile_functions(expr) && !expression_returns_set(expr) &&
		!find_unfixed(expr, proof);
}

/* Notes that the expression, a Var, equals something fixed. */
static void
fix_column(Proof *proof, Node *expr, Relids scope, OpExpr *op)
{
	Var *var = find_own_var(proof->level, expr);
	FixedColumn *column;

	if (var == NULL || var->varattno <= 0 ||
		!bms_is_member(var->varno, scope) ||
		column_is_fixed(proof, var->varno, var->varattno))
		return;
	column = palloc0(sizeof(FixedColumn));
	column->rtindex = var->varno;
	column->attno = var->varattno;
	column->opno = op ? op->opno : InvalidOid;
	proof->columns = lappend(proof->columns, column);
	proof->changed = true;
}

/* Fixes columns by one equality. */
static void
apply_qual(Proof *proof, TviewQual *qual)
{
	OpExpr *op = (OpExpr *) qual->clause;
	Oid left;
	Oid right;

	if (!IsA(op, OpExpr) || list_length(op->args) != 2 ||
		!OidIsValid(
			tview_bind_opfamily(op->opno, op->inputcollid, &left, &right)))
		return;
	if (expression_is_fixed(proof, lsecond(op->args)))
		fix_column(proof, linitial(op->args), qual->scope, op);
	if (expression_is_fixed(proof, linitial(op->args)))
		fix_column(proof, lsecond(op->args), qual->scope, op);
}

/* Is the key column of an index fixed by an equality of the index's own? */
static bool
index_column_is_fixed(Proof *proof, int rtindex, AttrNumber attno, Oid opfamily)
{
	ListCell *lc;

	foreach(lc, proof->columns)
	{
		FixedColumn *column = lfirst(lc);

		if (column->rtindex == rtindex && column->attno == attno &&
			(!OidIsValid(column->opno) ||
			 op_in_opfamily(column->opno, opfamily)))
			return true;
	}
	return false;
}

/* Is there a unique index of the table all of whose columns are fixed? */
static bool
table_is_single(Proof *proof, int rtindex, TviewNode *node)
{
	Relation rel;
	bool found = false;
	ListCell *lc;

	if (node->inh && tview_relation_has_children(node->relid))
		return false;
	rel = tview_relation_open(node->relid);
	foreach(lc, RelationGetIndexList(rel))
	{
		Relation index = tview_relation_open(lfirst_oid(lc));
		Form_pg_index form = index->rd_index;
		bool fits = form->indisunique && form->indimmediate &&
			form->indisvalid &&
			heap_attisnull(index->rd_indextuple, Anum_pg_index_indpred, NULL);

		for (int i = 0; fits && i < form->indnkeyatts; i++)
			fits = form->indkey.values[i] != 0 &&
				index_column_is_fixed(proof, rtindex, form->indkey.values[i],
									  index->rd_opfamily[i]);
		found = found || fits;
		tview_relation_close(index);
	}
	tview_relation_close(rel);
	return found;
}

/* Has the entry at most one row, given what is fixed? */
static bool
entry_is_single(Proof *proof, int rtindex)
{
	RangeTblEntry *rte = rt_fetch(rtindex, proof->level->query->rtable);
	TviewItem *item = &proof->level->items[rtindex - 1];
	List *outputs = NIL;
	ListCell *lc;

	if (item->node != NULL)
		return table_is_single(proof, rtindex, item->node);
	if (rte->rtekind == RTE_RESULT)
		return true;
	if (rte->rtekind == RTE_VALUES)
		return list_length(rte->values_lists) <= 1;
	if (rte->rtekind == RTE_FUNCTION)
	{
		foreach(lc, rte->functions)
		{
			if (expression_returns_set(
					lfirst_node(RangeTblFunction, lc)->funcexpr))
				return false;
		}
		return true;
	}
	if (item->sub == NULL)
		return false;
	foreach(lc, proof->columns)
	{
		FixedColumn *column = lfirst(lc);

		if (column->rtindex == rtindex)
			outputs = lappend(outputs, column);
	}
	return level_is_single(item->sub, outputs);
}

/* Is some join of the tree a full join? */
static bool
has_full_join(Query *query)
{
	ListCell *lc;

	foreach(lc, query->rtable)
	{
		RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);

		if (rte->rtekind == RTE_JOIN && rte->jointype == JOIN_FULL)
			return true;
	}
	return false;
}

/*
 * The entries whose columns may differ from row to row even though they count
 * as fixed: lateral ones, and those that are extended with nulls depending on
 * something that is not fixed.
 */
static Relids
find_unstable(Proof *proof)
{
	Query *query = proof->level->query;
	Relids nullable = tview_quals_nullable(query);
	Relids unstable = NULL;
	bool changed = true;
	int rtindex = -1;
	ListCell *lc;

	while ((rtindex = bms_next_member(proof->level->members, rtindex)) >= 0)
	{
		if (rt_fetch(rtindex, query->rtable)->lateral)
			unstable = bms_add_member(unstable, rtindex);
	}
	while (changed)
	{
		changed = false;
		foreach(lc, proof->quals)
		{
			TviewQual *qual = lfirst(lc);
			Relids affected = bms_intersect(qual->scope, nullable);

			if (!qual->where && !bms_is_subset(affected, unstable) &&
				(find_unfixed(qual->clause, proof) ||
				 bms_overlap(pull_varnos_of_level(NULL, qual->clause, 0),
							 unstable)))
			{
				unstable = bms_add_members(unstable, affected);
				changed = true;
			}
		}
	}
	return unstable;
}

/* Are all target entries that the clauses name fixed, in all rows alike? */
static bool
clauses_are_fixed(Proof *proof, List *clauses)
{
	Relids unstable = find_unstable(proof);
	ListCell *lc;

	foreach(lc, clauses)
	{
		TargetEntry *tle = get_sortgroupref_tle(
			lfirst_node(SortGroupClause, lc)->tleSortGroupRef,
			proof->level->query->targetList);

		if (!expression_is_fixed(proof, (Node *) tle->expr) ||
			bms_overlap(pull_varnos_of_level(NULL, (Node *) tle->expr, 0),
						unstable))
			return false;
	}
	return true;
}

/* Does LIMIT leave one row? */
static bool
is_limited_to_one(Query *query)
{
	Const *limit = (Const *) query->limitCount;

	if (limit != NULL && IsA(limit, FuncExpr) &&
		((FuncExpr *) limit)->funcid == F_INT8_INT4)
	{
		Const *small = linitial(((FuncExpr *) limit)->args);

		return IsA(small, Const) && !small->constisnull &&
			query->limitOption == LIMIT_OPTION_COUNT &&
			DatumGetInt32(small->constvalue) <= 1;
	}
	return limit != NULL && IsA(limit, Const) && !limit->constisnull &&
		query->limitOption == LIMIT_OPTION_COUNT &&
		DatumGetInt64(limit->constvalue) <= 1;
}

/*
 * Fixes whatever follows, until nothing more does; true when all entries are
 * single.
 */
static bool
fix_entries(Proof *proof)
{
	Relids open = NULL;
	ListCell *lc;
	int rtindex = -1;

	while ((rtindex = bms_next_member(proof->level->members, rtindex)) >= 0)
	{
		if (rt_fetch(rtindex, proof->level->query->rtable)->rtekind != RTE_JOIN)
			open = bms_add_member(open, rtindex);
	}
	do
	{
		proof->changed = false;
		foreach(lc, proof->quals)
			apply_qual(proof, lfirst(lc));
		rtindex = -1;
		while ((rtindex = bms_next_member(open, rtindex)) >= 0)
		{
			if (!bms_is_member(rtindex, proof->entries) &&
				entry_is_single(proof, rtindex))
			{
				proof->entries = bms_add_member(proof->entries, rtindex);
				proof->changed = true;
			}
		}
	} while (proof->changed);
	return bms_is_subset(open, proof->entries);
}

/*
 * At most one row of the level, with the outer rows and the output columns
 * (FixedColumn, by their attno) fixed?
 */
static bool
level_is_single(TviewLevel *level, List *outputs)
{
	Query *query = level->query;
	Proof proof = {0};
	bool joined_once;
	ListCell *lc;

	check_stack_depth();
	CHECK_FOR_INTERRUPTS();
	if (is_limited_to_one(query))
		return true;
	if (query->setOperations != NULL || query->groupingSets != NIL)
		return false;
	if (query->hasAggs && query->groupClause == NIL && !query->hasTargetSRFs)
		return true;
	proof.level = level;
	proof.quals = tview_quals_collect(query);
	foreach(lc, outputs)
	{
		FixedColumn *output = lfirst(lc);
		TargetEntry *tle = get_tle_by_resno(query->targetList, output->attno);
		OpExpr op = {.opno = output->opno};

		if (tle != NULL)
			fix_column(&proof, (Node *) tle->expr, level->members,
					   OidIsValid(output->opno) ? &op : NULL);
	}
	joined_once = fix_entries(&proof) && !has_full_join(query);
	if (joined_once && !query->hasTargetSRFs)
		return true;
	if (query->groupClause != NIL && !query->hasTargetSRFs &&
		clauses_are_fixed(&proof, query->groupClause))
		return true;
	return query->distinctClause != NIL &&
		clauses_are_fixed(&proof, query->distinctClause);
}

bool
tview_unique_prove(TviewAnalysis *cx, AttrNumber resno)
{
	FixedColumn key = {.rtindex = 1, .attno = resno};

	return level_is_single(cx->top, list_make1(&key));
}
