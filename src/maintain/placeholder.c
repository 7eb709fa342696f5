/*
 * placeholder.c
 *		See placeholder.h.
 */
#include "postgres.h"

#include "maintain/placeholder.h"
#include "nodes/nodeFuncs.h"
#include "nodes/parsenodes.h"
#include "rewrite/rewriteHandler.h"

/* True for a NULL constant under casts. */
static bool
is_null_constant(Node *node)
{
	for (;;)
	{
		switch (nodeTag(node))
		{
			case T_Const:
				return ((Const *) node)->constisnull;
			case T_RelabelType:
				node = (Node *) ((RelabelType *) node)->arg;
				break;
			case T_CoerceViaIO:
				node = (Node *) ((CoerceViaIO *) node)->arg;
				break;
			case T_ArrayCoerceExpr:
				node = (Node *) ((ArrayCoerceExpr *) node)->arg;
				break;
			case T_CoerceToDomain:
				node = (Node *) ((CoerceToDomain *) node)->arg;
				break;
			case T_CollateExpr:
				node = (Node *) ((CollateExpr *) node)->arg;
				break;
			case T_FuncExpr:
				if (((FuncExpr *) node)->funcformat == COERCE_EXPLICIT_CALL ||
					((FuncExpr *) node)->args == NIL)
					return false;
				node = linitial(((FuncExpr *) node)->args);
				break;
			default:
				return false;
		}
	}
}

bool
tview_placeholder_is(Relation view)
{
	Query *query = get_view_query(view);
	ListCell *lc;

	if (query->jointree == NULL || query->jointree->quals != NULL ||
		query->setOperations != NULL)
		return false;
	/* a view's range table begins with its OLD and NEW, which are not joined */
	if (query->jointree->fromlist != NIL || query->targetList == NIL)
		return false;
	foreach(lc, query->targetList)
	{
		TargetEntry *entry = lfirst(lc);

		if (entry->expr == NULL || !is_null_constant((Node *) entry->expr))
			return false;
	}
	return true;
}
