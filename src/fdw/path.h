/*
 * path.h
 *		The ways to scan a TVIEW that the planner may choose from.
 */
#ifndef TVIEW_PATH_H
#define TVIEW_PATH_H

#include "postgres.h"

#include "fdw/plan.h"
#include "meta/meta.h"
#include "nodes/pathnodes.h"

/* RelOptInfo.fdw_private of a TVIEW while its query is planned. */
typedef struct TviewRelation
{
	TviewDesc *desc;
	List *matches; /* of TviewMatch, among baserestrictinfo */
} TviewRelation;

/* What a path says to the plan that is made of it. */
typedef struct TviewPathChoice
{
	TviewScanKind kind;
	int direction;	   /* as in TviewPlan */
	AttrNumber driver; /* column of the driving equality, or 0 */
} TviewPathChoice;

/* Adds all paths, also the parameterised ones, to baserel. */
extern void tview_path_add_all(PlannerInfo *root, RelOptInfo *baserel);

/* Reads ForeignPath.fdw_private. */
extern void tview_path_decode(ForeignPath *path, TviewPathChoice *choice);

#endif /* TVIEW_PATH_H */
