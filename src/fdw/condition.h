/*
 * condition.h
 *		Which clauses of a query the scan of a TVIEW can apply itself.
 */
#ifndef TVIEW_CONDITION_H
#define TVIEW_CONDITION_H

#include "postgres.h"

#include "fdw/plan.h"
#include "meta/meta.h"
#include "nodes/pathnodes.h"

/* A clause that can be pushed: tv column, operator, stable expression. */
struct TviewMatch
{
	TviewCondition condition;
	Expr *value;		 /* the expression */
	Expr *clause;		 /* the clause with the column on the left */
	RestrictInfo *rinfo; /* where it came from; NULL: from no list of them */
	TviewLookup *lookup; /* NULL: it is on the key */
};

/*
 * What the clause is to a scan of the relation, palloc'd; NULL when it cannot
 * be pushed.
 */
extern TviewMatch *tview_condition_match(PlannerInfo *root, Index relid,
										 TviewDesc *desc, Expr *clause);

/* The matches among a list of RestrictInfos, in their order. */
extern List *tview_condition_collect(PlannerInfo *root, RelOptInfo *baserel,
									 TviewDesc *desc, List *rinfos);

/*
 * The equality on a column that a scan should be driven by, or NULL: "= e"
 * rather than "= ANY".
 */
extern TviewMatch *tview_condition_driver(List *matches, AttrNumber attno);

/* The matches that a scan of this kind applies, the driving one first. */
extern List *tview_condition_pushed(List *matches, TviewScanKind kind,
									AttrNumber driver);

/* True when it bounds the key (including an equality with one value). */
extern bool tview_condition_is_bound(const TviewMatch *match);

/*
 * The own column that an expression is, looking through relabelling; NULL when
 * it is none.
 */
extern Var *tview_condition_column(Node *node, Index relid);

#endif /* TVIEW_CONDITION_H */
