/*
 * resolve.h
 *		From an expression to the columns of base tables that it plainly is.
 */
#ifndef TVIEW_RESOLVE_H
#define TVIEW_RESOLVE_H

#include "postgres.h"

#include "lineage/level.h"

/* A column of a node. */
typedef struct TviewTarget
{
	TviewNode *node;
	AttrNumber attno;
	/* where the starting level reads it; 0: it comes from an outer level */
	int rtindex;
	/* a Var at every level: no relabeling, nothing outer */
	bool plain;
	/* one of several: the value may come from elsewhere */
	bool alternative;
	/* a condition on it may be evaluated where the node is read */
	bool pushable;
} TviewTarget;

/*
 * The columns that the expression of the level is, NIL when it is anything
 * else.  Several when it is a column of a set operation: its value comes from
 * one of them.
 */
extern List *tview_resolve_expr(TviewLevel *level, Node *expr);

/* Likewise for output column resno of the level. */
extern List *tview_resolve_output(TviewLevel *level, AttrNumber resno);

/*
 * The node under binary-compatible relabelings, COLLATE and casts to wider
 * integers: what keeps equality as it is.
 */
extern Node *tview_resolve_strip(Node *expr);

/*
 * May a condition on this output column of the query be evaluated on its
 * input instead?  PostgreSQL's own rule for pushing conditions down.
 */
extern bool tview_resolve_may_enter(Query *query, TargetEntry *tle);

#endif /* TVIEW_RESOLVE_H */
