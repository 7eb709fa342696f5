/*
 * describe.h
 *		Builds descriptors of TVIEWs from what is recorded; for meta.c only.
 */
#ifndef TVIEW_DESCRIBE_H
#define TVIEW_DESCRIBE_H

#include "postgres.h"

#include "meta/meta.h"

/* What makes a descriptor stale; lives in the descriptor's context. */
typedef struct TviewWatched
{
	int nrels;
	Oid *rels; /* sorted */
	int nprocs;
	uint32 *procs; /* syscache hash values of functions */
	int ntypes;
	uint32 *types;		  /* syscache hash values of types */
	TransactionId writer; /* who wrote the row that was read */
} TviewWatched;

/*
 * A new descriptor in a context of its own below parent, or NULL when relid
 * is no TVIEW.  Takes AccessShareLock on the TVIEW for the time being.
 */
extern TviewDesc *tview_describe_build(Oid relid, MemoryContext parent,
									   TviewWatched *watched);

/* The collation under which values of a column become tags. */
extern Oid tview_describe_collation(Oid relid, AttrNumber attno);

/*
 * Text that names the first of the bases without its triggers (all ALWAYS), or
 * NULL.
 */
extern char *tview_describe_missing_trigger(List *bases);

#endif /* TVIEW_DESCRIBE_H */
