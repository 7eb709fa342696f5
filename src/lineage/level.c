/*
 * level.c
 *		Expands a view into levels and nodes.
 *
 * Every query that is read becomes a level: the view itself, the views and
 * TVIEWs in it, sub-selects in FROM, WITH queries (once per reference) and
 * SubLinks.  A level knows its parent (for varlevelsup) and its container
 * (where it is read); they differ for WITH queries only.
 */
#include "postgres.h"

#include "compat.h"
#include "lineage/level.h"
#include "lineage/problem.h"
#include "lineage/relation.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/prep.h"
#include "parser/parsetree.h"

/* More levels than this are not analysed: views that fan out exponentially. */
#define MAX_LEVELS 5000

typedef struct WalkContext
{
	TviewWalker walker;
	void *context;
} WalkContext;

typedef struct BuildContext
{
	TviewAnalysis *cx;
	TviewLevel *level;
} BuildContext;

static TviewLevel *build_level(TviewAnalysis *cx, Query *query, Oid viewid,
							   TviewLevel *parent, TviewLevel *container);

TviewLevel *
tview_level_outer(TviewLevel *level, int levelsup)
{
	while (level != NULL && levelsup-- > 0)
		level = level->parent;
	return level;
}

void
tview_level_mark_opaque(TviewAnalysis *cx, TviewLevel *level)
{
	ListCell *lc;

	foreach(lc, cx->levels)
	{
		TviewLevel *inner = lfirst(lc);

		for (TviewLevel *l = inner; l != NULL; l = l->container)
		{
			if (l == level)
				inner->opaque = true;
		}
	}
}

/* The range table indexes of the leaves of a set operation. */
static void
collect_leaves(Node *setop, Relids *members)
{
	if (setop == NULL)
		return;
	if (IsA(setop, RangeTblRef))
		*members = bms_add_member(*members, ((RangeTblRef *) setop)->rtindex);
	else if (IsA(setop, SetOperationStmt))
	{
		collect_leaves(((SetOperationStmt *) setop)->larg, members);
		collect_leaves(((SetOperationStmt *) setop)->rarg, members);
	}
}

/* Refuses what no level may contain. */
static void
check_query(TviewAnalysis *cx, Query *query, Oid viewid)
{
	const char *what = NULL;

	if (query->commandType != CMD_SELECT || query->utilityStmt != NULL ||
		query->hasModifyingCTE)
		what = "changes data in a WITH clause";
	else if (query->rowMarks != NIL)
		what = "locks rows (FOR UPDATE or FOR SHARE)";
	if (what != NULL)
		tview_problem_set(cx->lineage, ERRCODE_FEATURE_NOT_SUPPORTED,
						  "Remove the clause from the view.", "view \"%s\" %s",
						  tview_problem_relation(viewid), what);
}

/* Enters a relation: a node for a base table, a level for a view. */
static void
enter_relation(TviewAnalysis *cx, TviewLevel *level, int rtindex,
			   RangeTblEntry *rte)
{
	TviewItem *item = &level->items[rtindex - 1];
	TviewRelationKind kind =
		tview_relation_kind(cx->lineage, rte->relid, level->viewid);
	Query *query;

	if (kind == TVIEW_RELATION_REFUSED)
		return;
	if (rte->tablesample != NULL)
		tview_problem_set(cx->lineage, ERRCODE_FEATURE_NOT_SUPPORTED,
						  "Remove the clause from the view.",
						  "view \"%s\" uses TABLESAMPLE",
						  tview_problem_relation(level->viewid));
	if (kind == TVIEW_RELATION_BASE)
	{
		TviewNode *node = palloc0(sizeof(TviewNode));

		node->relid = rte->relid;
		node->inh = rte->inh;
		node->level = level;
		node->rtindex = rtindex;
		cx->nodes = lappend(cx->nodes, node);
		node->number = list_length(cx->nodes);
		item->node = node;
		return;
	}
	if (list_member_oid(cx->path, rte->relid))
	{
		tview_problem_set(cx->lineage, ERRCODE_INVALID_OBJECT_DEFINITION, NULL,
						  "view \"%s\" reads itself through \"%s\"",
						  tview_problem_relation(rte->relid),
						  tview_problem_relation(level->viewid));
		return;
	}
	cx->lineage->views = list_append_unique_oid(cx->lineage->views, rte->relid);
	query = tview_relation_query(cx->lineage, rte->relid, kind);
	if (query == NULL)
		return;
	cx->path = lappend_oid(cx->path, rte->relid);
	item->sub = build_level(cx, query, rte->relid, NULL, level);
	cx->path = list_delete_last(cx->path);
}

/* Enters a reference to a WITH query; a recursive one cannot be restricted. */
static void
enter_cte(TviewAnalysis *cx, TviewLevel *level, int rtindex, RangeTblEntry *rte)
{
	TviewLevel *owner = tview_level_outer(level, rte->ctelevelsup);
	ListCell *lc;

	if (rte->self_reference || owner == NULL)
		return;
	foreach(lc, owner->query->cteList)
	{
		CommonTableExpr *cte = lfirst_node(CommonTableExpr, lc);
		TviewLevel *sub;

		if (strcmp(cte->ctename, rte->ctename) != 0)
			continue;
		sub = build_level(cx, castNode(Query, cte->ctequery), level->viewid,
						  owner, level);
		if (cte->cterecursive)
			tview_level_mark_opaque(cx, sub);
		level->items[rtindex - 1].sub = sub;
		return;
	}
}

/* Enters one range table entry. */
static void
enter_item(TviewAnalysis *cx, TviewLevel *level, int rtindex)
{
	RangeTblEntry *rte = rt_fetch(rtindex, level->query->rtable);

	switch (rte->rtekind)
	{
		case RTE_RELATION:
			enter_relation(cx, level, rtindex, rte);
			break;
		case RTE_SUBQUERY:
			level->items[rtindex - 1].sub =
				build_level(cx, rte->subquery, level->viewid, level, level);
			break;
		case RTE_CTE:
			enter_cte(cx, level, rtindex, rte);
			break;
		case RTE_NAMEDTUPLESTORE:
			tview_problem_set(cx->lineage, ERRCODE_FEATURE_NOT_SUPPORTED, NULL,
							  "view \"%s\" reads a transition table",
							  tview_problem_relation(level->viewid));
			break;
		case RTE_JOIN:
		case RTE_FUNCTION:
		case RTE_TABLEFUNC:
		case RTE_VALUES:
		case RTE_RESULT:
			break;
		default:
			tview_problem_set(cx->lineage, ERRCODE_FEATURE_NOT_SUPPORTED, NULL,
							  "view \"%s\" reads something unknown (kind %d)",
							  tview_problem_relation(level->viewid),
							  (int) rte->rtekind);
			break;
	}
}

/* Enters the SubLinks of a level's expressions. */
static bool
enter_sublinks(Node *node, void *context)
{
	BuildContext *build = context;

	if (node == NULL || IsA(node, Query))
		return false;
	if (IsA(node, SubLink))
	{
		SubLink *sublink = (SubLink *) node;
		TviewSubLevel *sub = palloc0(sizeof(TviewSubLevel));

		sub->sublink = sublink;
		sub->level =
			build_level(build->cx, castNode(Query, sublink->subselect),
						build->level->viewid, build->level, build->level);
		build->level->sublinks = lappend(build->level->sublinks, sub);
	}
	return expression_tree_walker(node, enter_sublinks, context);
}

/* Builds a level and all below it. */
static TviewLevel *
build_level(TviewAnalysis *cx, Query *query, Oid viewid, TviewLevel *parent,
			TviewLevel *container)
{
	TviewLevel *level = palloc0(sizeof(TviewLevel));
	BuildContext build = {.cx = cx, .level = level};
	int rtindex = -1;

	check_stack_depth();
	CHECK_FOR_INTERRUPTS();
	tview_compat_flatten_groups(query);
	level->query = query;
	level->viewid = viewid;
	level->parent = parent;
	level->container = container;
	level->items =
		palloc0(sizeof(TviewItem) * (list_length(query->rtable) + 1));
	cx->levels = lappend(cx->levels, level);
	if (list_length(cx->levels) > MAX_LEVELS)
		tview_problem_set(cx->lineage, ERRCODE_STATEMENT_TOO_COMPLEX, NULL,
						  "view \"%s\" expands to more than %d queries",
						  tview_problem_relation(cx->viewid), MAX_LEVELS);
	check_query(cx, query, viewid);
	if (cx->lineage->problem != NULL)
		return level;

	level->members = tview_compat_jointree_relids((Node *) query->jointree);
	collect_leaves(query->setOperations, &level->members);
	while ((rtindex = bms_next_member(level->members, rtindex)) >= 0)
		enter_item(cx, level, rtindex);
	tview_level_walk(level, enter_sublinks, &build);
	return level;
}

/* Stops at sub-queries, which are levels of their own. */
static bool
walk_own(Node *node, void *context)
{
	WalkContext *walk = context;

	if (node == NULL || IsA(node, Query))
		return false;
	return walk->walker(node, walk->context);
}

bool
tview_level_walk(TviewLevel *level, TviewWalker walker, void *context)
{
	WalkContext walk = {.walker = walker, .context = context};

	return query_tree_walker(level->query, walk_own, &walk,
							 QTW_IGNORE_RC_SUBQUERIES | QTW_IGNORE_JOINALIASES |
								 QTW_EXAMINE_SORTGROUP);
}

TviewLevel *
tview_level_sublink(TviewLevel *level, SubLink *sublink)
{
	ListCell *lc;

	foreach(lc, level->sublinks)
	{
		TviewSubLevel *sub = lfirst(lc);

		if (sub->sublink == sublink)
			return sub->level;
	}
	return NULL;
}

void
tview_level_expand(TviewAnalysis *cx)
{
	TviewRelationKind kind =
		tview_relation_kind(cx->lineage, cx->viewid, cx->viewid);
	Query *query;

	if (kind == TVIEW_RELATION_REFUSED)
		return;
	if (kind != TVIEW_RELATION_VIEW)
	{
		tview_problem_set(cx->lineage, ERRCODE_WRONG_OBJECT_TYPE, NULL,
						  "\"%s\" is not a view",
						  tview_problem_relation(cx->viewid));
		return;
	}
	query = tview_relation_query(cx->lineage, cx->viewid, kind);
	cx->lineage->views = list_make1_oid(cx->viewid);
	cx->path = list_make1_oid(cx->viewid);
	cx->top = build_level(cx, query, cx->viewid, NULL, NULL);
}
