/*
 * scan.h
 *		Execution of a foreign scan: rows from the store where they are valid
 *		for the scan's snapshot, from the view where they are not.
 */
#ifndef TVIEW_SCAN_H
#define TVIEW_SCAN_H

#include "postgres.h"

#include "fdw/plan.h"
#include "nodes/execnodes.h"

/* Shown by EXPLAIN; totals over all loops. */
typedef struct TviewScanFigures
{
	uint64 served;	   /* rows from the store */
	uint64 indexed;	   /* of these, counted in the index alone */
	uint64 recomputed; /* keys computed from the view */
	const char *
		/* why the view was run, NULL when it was not (the last reason) */
		bypass;
	const char *store; /* "scan", "range" or "lookup" */
} TviewScanFigures;

extern void tviewBeginForeignScan(ForeignScanState *node, int eflags);
extern TupleTableSlot *tviewIterateForeignScan(ForeignScanState *node);
extern void tviewReScanForeignScan(ForeignScanState *node);
extern void tviewEndForeignScan(ForeignScanState *node);
extern bool tviewRecheckForeignScan(ForeignScanState *node,
									TupleTableSlot *slot);

/*
 * The figures of a scan (also of one that was begun with
 * EXEC_FLAG_EXPLAIN_ONLY: zeros).
 */
extern const TviewScanFigures *tview_scan_figures(ForeignScanState *node);

#endif /* TVIEW_SCAN_H */
