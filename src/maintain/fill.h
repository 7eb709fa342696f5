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

/* What became of rows that were to be stored. */
typedef enum TviewFilled
{
	TVIEW_FILLED,
	TVIEW_FILLED_PARTLY,  /* some of them may not be stored now */
	TVIEW_FILLED_REFUSED, /* the store has not taken all it was given */
	TVIEW_FILLED_ERROR	  /* the view has raised one */
} TviewFilled;

/*
 * Runs the whole view under the snapshot (registered), and stores the rows of
 * n keys (ascending, distinct).
 */
extern TviewFilled tview_fill_keys(TviewDesc *desc, Snapshot snapshot,
								   const int64 *keys, int n);

#endif /* TVIEW_FILL_H */
