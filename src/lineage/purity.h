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

#endif /* TVIEW_PURITY_H */
