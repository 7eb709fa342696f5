/*
 * purity.h
 *		Refuses what depends on more than tables and settings.
 */
#ifndef TVIEW_PURITY_H
#define TVIEW_PURITY_H

#include "postgres.h"

#include "lineage/level.h"

/*
 * Checks every function of the view: sets the problem, or the lineage's
 * settings, functions, types and warning.
 */
extern void tview_purity_check(TviewAnalysis *cx);

/*
 * Checks likewise what a column of a table is computed from when the view
 * reads it, over Vars of entry 1.
 */
extern void tview_purity_check_column(TviewAnalysis *cx, Oid viewid,
									  Node *expr);

#endif /* TVIEW_PURITY_H */
