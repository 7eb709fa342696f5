/*
 * ancestor.h
 *		The plan nodes above a scan, for EXPLAIN.
 */
#ifndef TVIEW_ANCESTOR_H
#define TVIEW_ANCESTOR_H

#include "postgres.h"

#include "nodes/plannodes.h"

/*
 * The nodes above target, the parent first, as EXPLAIN's deparser wants them:
 * those of its plan tree, and where that is a subplan the SubPlan and what
 * stands above it.  NIL when there is none.
 */
extern List *tview_ancestor_list(PlannedStmt *statement, Plan *target);

#endif /* TVIEW_ANCESTOR_H */
