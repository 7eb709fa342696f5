/*
 * analyze.h
 *		ANALYZE of a TVIEW.
 */
#ifndef TVIEW_ANALYZE_H
#define TVIEW_ANALYZE_H

#include "postgres.h"

#include "foreign/fdwapi.h"
#include "utils/rel.h"

/* FDW callback */
extern bool tviewAnalyzeForeignTable(Relation relation,
									 AcquireSampleRowsFunc *func,
									 BlockNumber *totalpages);

#endif /* TVIEW_ANALYZE_H */
