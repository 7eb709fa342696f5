/*
 * privilege.c
 *		See privilege.h.
 *
 * The executor checks the range tables of a view's query as the view's owner,
 * also for columns that nobody asks for.  The relation cache holds the query
 * with the owner filled in, so the executor's own check is asked.
 */
#include "postgres.h"

#include "catalog/pg_class_d.h"
#include "compat.h"
#include "executor/executor.h"
#include "lineage/relation.h"
#include "meta/privilege.h"
#include "nodes/nodeFuncs.h"
#include "rewrite/rewriteHandler.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

/* True, and so ends the walk, when some query's range table is refused. */
static bool
is_refused(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (!IsA(node, Query))
		return expression_tree_walker(node, is_refused, context);
	if (!tview_compat_permitted((Query *) node))
		return true;
	return query_tree_walker((Query *) node, is_refused, context, 0);
}

bool
tview_privilege_is_complete(List *views)
{
	bool complete = true;
	ListCell *lc;

	foreach(lc, views)
	{
		Relation rel;

		if (get_rel_relkind(lfirst_oid(lc)) != RELKIND_VIEW)
			continue;
		rel = tview_relation_try_open(lfirst_oid(lc));
		if (rel == NULL)
			continue;
		complete = complete &&
			!is_refused((Node *) get_view_query(rel), NULL);
		tview_relation_close(rel);
	}
	return complete;
}
