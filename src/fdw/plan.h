/*
 * plan.h
 *		What the planner hands to the executor in ForeignScan.fdw_private.
 */
#ifndef TVIEW_PLAN_H
#define TVIEW_PLAN_H

#include "postgres.h"

#include "catalog/pg_type_d.h"
#include "foreign/fdwapi.h"
#include "meta/meta.h"
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
 * (re)scan; tview_plan_clauses makes clauses of them.
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
	Oid type;		  /* of the value: the array's type for arrays */
	int16 typlen;	  /* of that type */
	bool typbyval;
} TviewCondition;

/*
 * What a plan carries, in one piece that is read where it lies: a bytea, so
 * that plans can be copied and printed.
 */
typedef struct TviewPlan
{
	int32 length; /* of a varlena */
	uint32 magic; /* TVIEW_PLAN_MAGIC */
	TviewScanKind kind;
	int direction; /* by key: 1 ascending, -1 descending, 0 any order */
	int natts;	   /* the last column that is needed; 0: the whole row */
	Oid counted;   /* of a count of rows: the TVIEW; else InvalidOid */
	/* a look-up of one row, and nothing else reads with its snapshot: lock.c */
	bool is_alone;
	/* a look-up of one row: plain columns; see start.c */
	bool is_short;
	/*
	 * columns that the scan's slot has, in this order; 0: it has those of the
	 * relation
	 */
	int noutputs;
	int ncolumns; /* that are needed, unless natts is 0 */
	int nconditions;
	/* room for the conditions, the outputs and the columns, by number */
	TviewCondition conditions[FLEXIBLE_ARRAY_MEMBER];
} TviewPlan;

/* Of no other wrapper's plan. */
#define TVIEW_PLAN_MAGIC 0x7476706c

static inline const TviewPlan *
tview_plan_decode(const ForeignScan *scan)
{
	const Const *value = linitial_node(Const, scan->fdw_private);

	return (const TviewPlan *) DatumGetPointer(value->constvalue);
}

/* True for values that are fetched, without an expression being set up. */
static inline bool
tview_plan_is_value(const Expr *expr)
{
	return IsA(expr, Const) ||
		(IsA(expr, Param) && ((const Param *) expr)->paramkind == PARAM_EXTERN);
}

/* True for the scan of a TVIEW, not for one by another wrapper. */
static inline bool
tview_plan_is_ours(const ForeignScan *scan)
{
	const Const *value;

	/* it may be a list of integers */
	if (scan->fdw_private == NIL || !IsA(scan->fdw_private, List) ||
		list_length(scan->fdw_private) != 1)
		return false;
	value = linitial(scan->fdw_private);
	return value != NULL && IsA(value, Const) && value->consttype == BYTEAOID &&
		!value->constisnull &&
		VARSIZE_ANY(value->constvalue) >= offsetof(TviewPlan, conditions) &&
		((const TviewPlan *) DatumGetPointer(value->constvalue))->magic ==
		TVIEW_PLAN_MAGIC;
}

/* The numbers of the slot's columns. */
static inline const AttrNumber *
tview_plan_outputs(const TviewPlan *plan)
{
	return (const AttrNumber *) &plan->conditions[plan->nconditions];
}

/* The numbers of the columns that are needed. */
static inline const AttrNumber *
tview_plan_columns(const TviewPlan *plan)
{
	return tview_plan_outputs(plan) + plan->noutputs;
}

typedef struct TviewMatch TviewMatch;

/*
 * The match that leaves one row at the most, one of the key rather than of
 * another unique column, or NULL.
 */
extern const TviewMatch *tview_plan_find_unique(const TviewDesc *desc,
												List *matches);

/*
 * The plan of a query whose only relation is the TVIEW, as entry 1 of its
 * range table, and whose only conditions are the matches: a look-up by the
 * driver, which tview_plan_find_unique has found.  is_outermost: no function
 * runs the query.  NULL where the query reads system columns, or the TVIEW has
 * become another one.
 */
extern ForeignScan *tview_plan_lookup(PlannerInfo *root, TviewDesc *desc,
									  List *matches, const TviewMatch *driver,
									  List *tlist, bool is_outermost);

/*
 * The plan of count(*) over the rows that a scan of rel finds, all of whose
 * conditions are pushed.
 */
extern ForeignScan *tview_plan_count(PlannerInfo *root, RelOptInfo *rel,
									 ForeignPath *scan, List *tlist,
									 Aggref *count);

/*
 * The clauses of the pushed conditions, for columns as the relation has them;
 * of a count there are none.
 */
extern List *tview_plan_clauses(ForeignScan *scan, TupleDesc tupdesc);

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
