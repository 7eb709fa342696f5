/*
 * functions.h
 *		The SQL functions that show and manage the store.
 */
#ifndef TVIEW_FUNCTIONS_H
#define TVIEW_FUNCTIONS_H

#include "postgres.h"

#include "fmgr.h"

extern Datum tview_reset(PG_FUNCTION_ARGS);
extern Datum tview_refresh(PG_FUNCTION_ARGS);
extern Datum tview_verify(PG_FUNCTION_ARGS);
extern Datum tview_store_stats(PG_FUNCTION_ARGS);
extern Datum tview_cache_statistics(PG_FUNCTION_ARGS);
extern Datum tview_build_progress(PG_FUNCTION_ARGS);

#endif /* TVIEW_FUNCTIONS_H */
