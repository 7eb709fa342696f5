/*
 * root.c
 *		Finds the root of a view: the base table whose column the key is.
 *
 * The key's Var is followed from the view's output down to a base table.  On
 * the way everything that would give the key another meaning is refused, and
 * queries that look at more rows than those of one key are marked.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "lineage/problem.h"
#include "lineage/quals.h"
#include "lineage/relation.h"
#include "lineage/resolve.h"
#include "lineage/root.h"
#include "nodes/nodeFuncs.h"
#include "parser/parse_relation.h"
#include "parser/parsetree.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#define KEY_HINT                                                        \
	"The key column must be a plain integer column of one base table, " \
	"which every row of the view has."

/* Refuses the key, naming what it is. */
static void
refuse_key(TviewAnalysis *cx, const char *key, const char *what)
{
	tview_problem_set(cx->lineage, ERRCODE_FEATURE_NOT_SUPPORTED, KEY_HINT,
					  "key column \"%s\" of view \"%s\" is %s", key,
					  tview_problem_relation(cx->viewid), what);
}

/* Is the WITH query of this entry read as if it were a sub-select? */
static bool
is_inlined(TviewLevel *level, RangeTblEntry *rte)
{
	TviewLevel *owner = tview_level_outer(level, rte->ctelevelsup);
	ListCell *lc;

	foreach(lc, owner->query->cteList)
	{
		CommonTableExpr *cte = lfirst_node(CommonTableExpr, lc);

		if (strcmp(cte->ctename, rte->ctename) == 0)
			return !cte->cterecursive &&
				(cte->ctematerialized == CTEMaterializeNever ||
				 (cte->ctematerialized == CTEMaterializeDefault &&
				  cte->cterefcount == 1));
	}
	return false;
}

/*
 * What else than a column of one table the key is at this level; NULL when it
 * is a Var.
 */
static const char *
describe_other(TviewLevel *level, Node *expr)
{
	if (level->query->setOperations != NULL)
		return "the output of a set operation (UNION, INTERSECT or EXCEPT)";
	if (level->query->groupingSets != NIL)
		return "grouped by grouping sets";
	if (IsA(expr, Aggref))
		return "the result of an aggregate";
	if (IsA(expr, WindowFunc))
		return "the result of a window function";
	if (!IsA(expr, Var))
		return "an expression";
	if (((Var *) expr)->varlevelsup > 0)
		return "a reference to an outer query";
	if (((Var *) expr)->varattno <= 0)
		return "a system column or whole row";
	return NULL;
}

/* One step of following the key. */
typedef struct KeyStep
{
	TviewLevel *level;
	Node *expr;
	bool not_null;	  /* some level filters nulls of the key out */
	const char *what; /* why it cannot be the key */
} KeyStep;

/*
 * Follows the key from one level to the next; true while there is more to
 * follow.
 */
static bool
follow_key(TviewAnalysis *cx, KeyStep *step)
{
	TviewLevel *level = step->level;
	Var *var;
	RangeTblEntry *rte;
	TviewItem *item;
	TargetEntry *tle;
	bool not_null;

	step->what = describe_other(level, step->expr);
	if (step->what != NULL)
		return false;
	var = (Var *) step->expr;
	rte = rt_fetch(var->varno, level->query->rtable);
	not_null =
		tview_quals_exclude_null(level->query, var->varno, var->varattno);
	step->not_null |= not_null;
	if (rte->rtekind == RTE_JOIN)
	{
		step->expr = list_nth(rte->joinaliasvars, var->varattno - 1);
		return true;
	}
	if (bms_is_member(var->varno, tview_quals_nullable(level->query)) &&
		!not_null)
	{
		step->what = "a column of the nullable side of an outer join";
		return false;
	}
	item = &level->items[var->varno - 1];
	if (item->node != NULL &&
		tview_relation_virtual_expression(item->node->relid, var->varattno) !=
			NULL)
	{
		step->what = "a virtual generated column";
		return false;
	}
	if (item->node != NULL)
	{
		cx->root = item->node;
		cx->lineage->key_root = var->varattno;
		return false;
	}
	tle = item->sub
		? get_tle_by_resno(item->sub->query->targetList, var->varattno)
		: NULL;
	if (tle == NULL)
	{
		step->what = "not a column of a table";
		return false;
	}
	if (rte->rtekind == RTE_CTE && !is_inlined(level, rte))
		cx->lineage->restrictable = false;
	if (!tview_resolve_may_enter(item->sub->query, tle))
	{
		cx->lineage->restrictable = false;
		tview_level_mark_opaque(cx, item->sub);
	}
	step->level = item->sub;
	step->expr = (Node *) tle->expr;
	return true;
}

/* The view's output column of that name. */
static TargetEntry *
find_key_column(TviewAnalysis *cx, const char *key)
{
	AttrNumber attno = get_attnum(cx->viewid, key);
	TargetEntry *tle = NULL;
	Oid type;

	if (attno > 0)
		tle = get_tle_by_resno(cx->top->query->targetList, attno);
	if (tle == NULL)
	{
		tview_problem_set(cx->lineage, ERRCODE_UNDEFINED_COLUMN,
						  "Name the key column with the option \"key\".",
						  "view \"%s\" has no key column \"%s\"",
						  tview_problem_relation(cx->viewid), key);
		return NULL;
	}
	type = exprType((Node *) tle->expr);
	if (type != INT2OID && type != INT4OID && type != INT8OID)
	{
		tview_problem_set(
			cx->lineage, ERRCODE_FEATURE_NOT_SUPPORTED, KEY_HINT,
			"key column \"%s\" of view \"%s\" is of type %s, not of an integer type",
			key, tview_problem_relation(cx->viewid), format_type_be(type));
		return NULL;
	}
	return tle;
}

/*
 * Notes which output columns are plainly columns of the root.  Where several
 * root rows may share a key, only the key is: another column can change its
 * value by another row's becoming the one that is shown.
 */
static void
fill_root_columns(TviewAnalysis *cx)
{
	TviewLineage *lineage = cx->lineage;
	bool unique = tview_relation_is_unique(cx->root->relid, cx->root->inh,
										   lineage->key_root, InvalidOid);
	ListCell *lc;

	cx->root->single = unique;
	lineage->ncolumns = list_length(cx->top->query->targetList);
	lineage->root_column =
		palloc0(sizeof(AttrNumber) * (lineage->ncolumns + 1));
	foreach(lc, cx->top->query->targetList)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);
		List *targets =
			tle->resjunk ? NIL : tview_resolve_output(cx->top, tle->resno);
		TviewTarget *target =
			list_length(targets) == 1 ? linitial(targets) : NULL;

		if (target != NULL && target->plain && target->node == cx->root &&
			(unique || target->attno == lineage->key_root))
			lineage->root_column[tle->resno - 1] = target->attno;
		if (tle->resjunk)
			lineage->ncolumns--;
	}
}

void
tview_root_find(TviewAnalysis *cx, const char *key)
{
	TviewLineage *lineage = cx->lineage;
	TargetEntry *tle = find_key_column(cx, key);
	KeyStep step;

	if (tle == NULL)
		return;
	lineage->key_view = tle->resno;
	lineage->restrictable = true;
	if (!tview_resolve_may_enter(cx->top->query, tle))
	{
		lineage->restrictable = false;
		tview_level_mark_opaque(cx, cx->top);
	}
	memset(&step, 0, sizeof(step));
	step.level = cx->top;
	step.expr = (Node *) tle->expr;
	while (follow_key(cx, &step))
		/* on to the next level */;
	if (step.what != NULL)
	{
		refuse_key(cx, key, step.what);
		return;
	}
	lineage->rootid = cx->root->relid;
	if (!step.not_null &&
		!tview_relation_is_not_null(lineage->rootid, lineage->key_root))
	{
		tview_problem_set(
			lineage, ERRCODE_FEATURE_NOT_SUPPORTED,
			psprintf(
				"Declare the column NOT NULL: ALTER TABLE %s ALTER COLUMN %s SET NOT NULL.",
				tview_problem_relation(lineage->rootid),
				quote_identifier(
					get_attname(lineage->rootid, lineage->key_root, false))),
			"key column \"%s\" of view \"%s\" can be null", key,
			tview_problem_relation(cx->viewid));
		return;
	}
	fill_root_columns(cx);
}
