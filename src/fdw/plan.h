/*
 * plan.h
 *		What the planner hands to the executor in ForeignScan.fdw_private.
 */
#ifndef TVIEW_PLAN_H
#define TVIEW_PLAN_H

#include "postgres.h"

#include "foreign/fdwapi.h"
#include "nodes/pathnodes.h"
#include "nodes/plannodes.h"

typedef enum TviewScanKind
{
	TVIEW_SCAN_FULL,  /* every row, in key order unless direction is 0 */
	TVIEW_SCAN_RANGE, /* keys within bounds, likewise */
	TVIEW_SCAN_KEYS,  /* key = e, or key = ANY(array) */
	TVIEW_SCAN_LOOKUP /* a plain root column = e, or = ANY(array) */
} TviewScanKind;

/*
 * A pushed condition: tv column, operator, expression.  The expressions stand
 * first in ForeignScan.fdw_exprs, in the same order, evaluated once per
 * (re)scan; as many clauses follow (tview_plan_clauses).
 * The value's type may be any integer type for the key (and for integer
 * look-up columns); for other columns any type of the column's hash operator
 * family.  KEYS and LOOKUP scans have their driving condition first; more may
 * follow (they only narrow).  A pushed condition is NOT checked again by the
 * plan's local quals: the scan itself applies all of them exactly.
 */
typedef struct TviewCondition
{
	AttrNumber attno; /* of the TVIEW */
	int strategy;	  /* BTLessStrategyNumber ... BTGreater... */
	bool is_array;	  /* = ANY(array); strategy is BTEqual */
	Oid opno;		  /* column op value */
	Oid collation;	  /* input collation of the operator */
	Oid valtype;	  /* of the value (of the element for arrays) */
} TviewCondition;

/* Decoded fdw_private. */
typedef struct TviewPlan
{
	TviewScanKind kind;
	int direction; /* by key: 1 ascending, -1 descending, 0 any order */
	int natts;	   /* the last column that is needed; 0: the whole row */
	List *columns; /* that are needed, by number, unless natts is 0 */
	Oid counted;   /* of a count of rows: the TVIEW; else InvalidOid */
	int nconditions;
	TviewCondition *conditions;
} TviewPlan;

extern TviewPlan *tview_plan_decode(ForeignScan *scan);

/*
 * The plan of count(*) over the rows that a scan of rel finds, all of whose
 * conditions are pushed.
 */
extern ForeignScan *tview_plan_count(PlannerInfo *root, RelOptInfo *rel,
									 ForeignPath *scan, List *tlist,
									 Aggref *count);

/* The clauses of the pushed conditions; of a count there are none. */
extern List *tview_plan_clauses(ForeignScan *scan);

/* FDW callbacks */
extern void tviewGetForeignRelSize(PlannerInfo *root, RelOptInfo *baserel,
								   Oid foreigntableid);
extern void tviewGetForeignPaths(PlannerInfo *root, RelOptInfo *baserel,
								 Oid foreigntableid);
extern ForeignScan *tviewGetForeignPlan(PlannerInfo *root, RelOptInfo *baserel,
										Oid foreigntableid,
										ForeignPath *best_path, List *tlist,
										List *scan_clauses, Plan *outer_plan);

#endif /* TVIEW_PLAN_H */
