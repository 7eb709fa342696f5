/*
 * cost.h
 *		What scans of a TVIEW cost.
 */
#ifndef TVIEW_COST_H
#define TVIEW_COST_H

#include "postgres.h"

#include "fdw/plan.h"
#include "meta/meta.h"
#include "nodes/pathnodes.h"

/* One way to scan, as far as its cost goes. */
typedef struct TviewScanShape
{
	TviewScanKind kind;
	bool ordered;
	double probes;	/* keys or index ranges that are looked up */
	double fetched; /* rows that are read before local filters */
	double rows;	/* rows that are returned */
	int nclauses;	/* of the parameterisation, checked per row */
} TviewScanShape;

/*
 * Fills the startup and the total cost of a scan with these conditions, which
 * returns that target.
 */
extern void tview_cost_scan(const TviewDesc *desc, const QualCost *filter,
							const PathTarget *target,
							const TviewScanShape *shape, Cost *startup,
							Cost *total);

/* Rows that the matches alone leave, given values for all other relations. */
extern double tview_cost_fetched(PlannerInfo *root, RelOptInfo *baserel,
								 List *matches);

/* Number of values that the matched condition compares with. */
extern double tview_cost_values(PlannerInfo *root, Expr *value, bool is_array);

#endif /* TVIEW_COST_H */
