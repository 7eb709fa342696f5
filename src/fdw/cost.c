/*
 * cost.c
 *		What scans of a TVIEW cost.
 *
 * The units are the planner's own; what matters is the ratio to native plans
 * and between our own.  Rows lie in mapped memory, so costs are the
 * processor's: one row in key order (0.2 us, formed and checked) is taken as
 * cpu_tuple_cost, as a row of a native sequential scan is.  A descent by key
 * takes about 1 us, as does beginning a scan; a native index scan is charged
 * several page reads for the same.
 */
#include "postgres.h"

#include "compat.h"
#include "fdw/cost.h"

#include "fdw/condition.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "utils/selfuncs.h"

/* Beginning a scan, in rows: the store is entered, the mark log followed. */
#define STARTUP_ROWS 5.0

/* One descent into the store, in rows. */
#define PROBE_ROWS 5.0

/* A page's worth of bytes, as a share of a sequential page read. */
#define PAGE_SHARE 0.5

/*
 * Keeping key order merges the keys that marks name into those of the store.
 * More than add_path's fuzz (1 %), so that a scan which nobody needs in order
 * stays free to come in any.
 */
#define ORDERED_FACTOR 1.02

/*
 * A TVIEW that cannot be served runs its view at every scan: it is planned,
 * and each row is computed.
 */
#define VIEW_STARTUP_COST 10.0
#define VIEW_ROW_COST 1.0

/* Returns the number of elements of an array, 1 for one value. */
double
tview_cost_values(PlannerInfo *root, Expr *value, bool is_array)
{
	double n;

	if (!is_array)
		return 1.0;
	n = tview_compat_array_length(root, (Node *) value);
	return n > 1 ? n : 1.0;
}

/* Returns the rows that are left by the matches, at least 1. */
double
tview_cost_fetched(PlannerInfo *root, RelOptInfo *baserel, List *matches)
{
	List *rinfos = NIL;
	ListCell *lc;

	foreach(lc, matches)
		rinfos = lappend(rinfos, ((TviewMatch *) lfirst(lc))->rinfo);
	return clamp_row_est(baserel->tuples *
						 clauselist_selectivity(root, rinfos, baserel->relid,
												JOIN_INNER, NULL));
}

/*
 * Fills the costs of a scan; charges local filters for every row that is read.
 */
void
tview_cost_scan(const TviewDesc *desc, const QualCost *filter,
				const PathTarget *target, const TviewScanShape *shape,
				Cost *startup, Cost *total)
{
	Cost run = 0;

	*startup = filter->startup + target->cost.startup;
	if (desc->bypass != NULL)
	{
		*startup += VIEW_STARTUP_COST;
		run += VIEW_ROW_COST * (shape->probes + shape->fetched);
	}
	else
	{
		double probes = shape->probes;

		*startup += STARTUP_ROWS * cpu_tuple_cost;
		if (shape->kind == TVIEW_SCAN_LOOKUP)
			probes += shape->fetched; /* from the index to the rows */
		run += probes * PROBE_ROWS * cpu_tuple_cost;
	}

	run += PAGE_SHARE * seq_page_cost * shape->fetched * target->width / BLCKSZ;
	run += shape->fetched * (cpu_tuple_cost + filter->per_tuple);
	run += shape->fetched * shape->nclauses * cpu_operator_cost;
	if (shape->ordered)
		run *= ORDERED_FACTOR;
	run += shape->rows * target->cost.per_tuple;
	*total = *startup + run;
}
