/*
 * insert.h
 *		Rows of the extension's own tables: how they get there, and how they do
 *		not.
 */
#ifndef TVIEW_INSERT_H
#define TVIEW_INSERT_H

#include "postgres.h"

#include "access/htup.h"
#include "fmgr.h"
#include "utils/relcache.h"

/* Inserts a row and its index entries; logical decoding does not see it. */
extern void tview_insert_row(Relation rel, HeapTuple tuple);

/*
 * BEFORE ROW trigger on these tables: discards whatever comes through the
 * executor.
 */
extern Datum tview_discard_row(PG_FUNCTION_ARGS);

#endif /* TVIEW_INSERT_H */
