/*
 * columns.c
 *		Which tables and columns a view reads.
 *
 * Every Var of every level counts, whether its query's output is used or not:
 * a column too many costs a mark, one too few would be a wrong result.
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "lineage/columns.h"
#include "lineage/problem.h"
#include "lineage/purity.h"
#include "lineage/relation.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parsetree.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

typedef struct ColumnWalk
{
	TviewAnalysis *cx;
	TviewLevel *level;
} ColumnWalk;

TviewSource *
tview_columns_source(TviewLineage *lineage, Oid relid)
{
	ListCell *lc;

	foreach(lc, lineage->sources)
	{
		TviewSource *source = lfirst(lc);

		if (source->relid == relid)
			return source;
	}
	return NULL;
}

/* The source of a table, made when it is new. */
static TviewSource *
get_source(TviewLineage *lineage, Oid relid)
{
	TviewSource *source = tview_columns_source(lineage, relid);

	if (source == NULL)
	{
		source = palloc0(sizeof(TviewSource));
		source->relid = relid;
		lineage->sources = lappend(lineage->sources, source);
	}
	return source;
}

/*
 * No change of a row shows in a column that is computed: notes the columns
 * behind it, and what else the value depends on.
 */
static void
use_virtual_column(TviewAnalysis *cx, TviewNode *node, AttrNumber attno)
{
	TviewSource *source = get_source(cx->lineage, node->relid);
	Node *expr = tview_relation_virtual_expression(node->relid, attno);

	if (expr == NULL)
		return;
	pull_varattnos(expr, 1, &source->used);
	tview_purity_check_column(cx, node->level->viewid, expr);
}

/*
 * Notes that a column of a node is read; refuses those that no change of a row
 * is told by.
 */
static void
use_column(TviewAnalysis *cx, TviewNode *node, AttrNumber attno)
{
	TviewSource *source = get_source(cx->lineage, node->relid);

	if (attno == 0)
	{
		Relation rel = tview_relation_open(node->relid);
		int natts = RelationGetNumberOfAttributes(rel);

		tview_relation_close(rel);
		source->whole_row = true;
		for (AttrNumber i = 1; i <= natts; i++)
			use_virtual_column(cx, node, i);
	}
	else if (attno < 0 && attno != TableOidAttributeNumber)
		tview_problem_set(cx->lineage, ERRCODE_FEATURE_NOT_SUPPORTED,
						  "Only tableoid may be used.",
						  "view \"%s\" uses a system column of table \"%s\"",
						  tview_problem_relation(node->level->viewid),
						  tview_problem_relation(node->relid));
	else
	{
		source->used = bms_add_member(
			source->used, attno - FirstLowInvalidHeapAttributeNumber);
		use_virtual_column(cx, node, attno);
	}
}

/* Notes the column behind each Var. */
static bool
use_vars(Node *expr, void *context)
{
	ColumnWalk *walk = context;

	if (expr == NULL || IsA(expr, Query))
		return false;
	if (IsA(expr, Var))
	{
		Var *var = (Var *) expr;
		TviewLevel *owner = tview_level_outer(walk->level, var->varlevelsup);
		RangeTblEntry *rte;
		ColumnWalk inner = {.cx = walk->cx, .level = owner};

		if (owner == NULL)
			return false;
		rte = rt_fetch(var->varno, owner->query->rtable);
		if (rte->rtekind == RTE_JOIN && var->varattno > 0)
			return use_vars(list_nth(rte->joinaliasvars, var->varattno - 1),
							&inner);
		if (rte->rtekind == RTE_JOIN)
			return use_vars((Node *) rte->joinaliasvars, &inner);
		if (owner->items[var->varno - 1].node != NULL)
			use_column(walk->cx, owner->items[var->varno - 1].node,
					   var->varattno);
		return false;
	}
	return expression_tree_walker(expr, use_vars, context);
}

/* Refuses a table while DETACH CONCURRENTLY takes a partition from it. */
static void
check_detaching(TviewLineage *lineage, Oid relid)
{
	if (tview_relation_is_detaching(relid))
		tview_problem_set(lineage, ERRCODE_OBJECT_IN_USE,
						  "Use ALTER TABLE ... DETACH PARTITION ... FINALIZE.",
						  "a partition of table \"%s\" is being detached",
						  tview_problem_relation(relid));
}

/* Adds a table and, unless only, the tables below it. */
static void
add_bases(TviewAnalysis *cx, Oid relid, bool inh)
{
	TviewLineage *lineage = cx->lineage;
	ListCell *lc;

	lineage->bases = list_append_unique_oid(lineage->bases, relid);
	if (!inh)
		return;
	foreach(lc, find_all_inheritors(relid, NoLock, NULL))
	{
		Oid child = lfirst_oid(lc);

		/*
		 * views and TVIEWs are no children of tables; other kinds are refused
		 */
		if (child != relid)
			(void) tview_relation_kind(lineage, child, cx->viewid);
		check_detaching(lineage, child);
		lineage->bases = list_append_unique_oid(lineage->bases, child);
	}
}

void
tview_columns_collect(TviewAnalysis *cx)
{
	TviewLineage *lineage = cx->lineage;
	ColumnWalk walk = {.cx = cx};
	ListCell *lc;

	foreach(lc, cx->nodes)
	{
		TviewNode *node = lfirst(lc);
		TviewSource *source = get_source(lineage, node->relid);

		if (!node->bound || node->level->opaque)
			source->by_relation = true;
		if (node->fact != NULL)
			use_column(cx, node, node->fact->attno);
		add_bases(cx, node->relid, node->inh);
	}
	use_column(cx, cx->root, lineage->key_root);
	foreach(lc, cx->levels)
	{
		walk.level = lfirst(lc);
		tview_level_walk(walk.level, use_vars, &walk);
	}
	foreach(lc, cx->depends_on)
	{
		Oid relid = lfirst_oid(lc);
		TviewSource *source;

		if (tview_relation_kind(lineage, relid, cx->viewid) !=
			TVIEW_RELATION_BASE)
		{
			tview_problem_set(lineage, ERRCODE_WRONG_OBJECT_TYPE, NULL,
							  "\"%s\" in option \"depends_on\" is not a table",
							  tview_problem_relation(relid));
			continue;
		}
		source = get_source(lineage, relid);
		source->by_relation = true;
		source->whole_row = true;
		add_bases(cx, relid, true);
	}
	foreach(lc, cx->nodes)
	{
		TviewNode *node = lfirst(lc);
		TviewSource *source = get_source(lineage, node->relid);

		source->by_row =
			node == cx->root || source->by_row || !source->by_relation;
	}
}
