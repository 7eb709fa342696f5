/*
 * fill.h
 *		Builds a TVIEW's contents in the store.
 */
#ifndef TVIEW_FILL_H
#define TVIEW_FILL_H

#include "postgres.h"

#include "meta/meta.h"
#include "utils/snapshot.h"

/*
 * Fills the TVIEW that the running transaction has just created or redefined.
 * Does nothing unless its base tables are locked against writers and it can
 * be served.  Runs in a subtransaction: a cancel or an error leaves an
 * incomplete TVIEW and a WARNING; a key that yields several rows is an ERROR
 * (ERRCODE_CARDINALITY_VIOLATION).
 */
extern void tview_fill_populate(Oid relid);

/*
 * Computes every row under the snapshot (registered) and stores it; flags are
 * TVIEW_WRITER_...  Returns the rows stored; *complete says whether all were.
 * Raises ERRCODE_CARDINALITY_VIOLATION for a key with several rows when
 * strict.
 */
extern int64 tview_fill_build(TviewDesc *desc, Snapshot snapshot, int flags,
							  bool strict, bool *complete);

#endif /* TVIEW_FILL_H */
