/*
 * upper.h
 *		Plans of "SELECT count(*)" over a TVIEW: the scan counts its rows itself.
 */
#ifndef TVIEW_UPPER_H
#define TVIEW_UPPER_H

#include "foreign/fdwapi.h"
#include "nodes/pathnodes.h"
#include "nodes/plannodes.h"

/* FDW callback: adds the path where the query is such a count. */
extern void tviewGetForeignUpperPaths(PlannerInfo *root,
									  UpperRelationKind stage,
									  RelOptInfo *input_rel,
									  RelOptInfo *output_rel, void *extra);

/* Makes the plan of that path. */
extern ForeignScan *tview_upper_plan(PlannerInfo *root, ForeignPath *path,
									 List *tlist);

#endif /* TVIEW_UPPER_H */
