/*
 * explain.h
 *		What EXPLAIN shows of the scan of a TVIEW.
 */
#ifndef TVIEW_EXPLAIN_H
#define TVIEW_EXPLAIN_H

#include "postgres.h"

#include "compat.h"
#include "nodes/execnodes.h"

/* FDW callback */
extern void tviewExplainForeignScan(ForeignScanState *node, ExplainState *es);

#endif /* TVIEW_EXPLAIN_H */
