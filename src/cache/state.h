/*
 * state.h
 *		What the store knows of a TVIEW as a whole: one record per TVIEW in
 *		the meta database, changed in the transactions that change its rows.
 */
#ifndef TVIEW_STATE_H
#define TVIEW_STATE_H

#include "postgres.h"

#include "meta/meta.h"
#include "store/store.h"

/* every root key has an entry, or a mark that names it */
#define TVIEW_STATE_COMPLETE 0x0001
/* every commit below the floor is flushed */
#define TVIEW_STATE_FLUSHED 0x0002
/* no row but the key's own has the tag of a root's key */
#define TVIEW_STATE_OWN_KEY 0x0004

/* A base table as the settler needs it. */
typedef struct TviewStateSource
{
	Oid relid;
	uint32 by_relation; /* 1: has a relation tag */
} TviewStateSource;

typedef struct TviewState
{
	uint32 sum; /* of all that follows */
	Oid relid;
	TviewGeneration generation;
	uint64
		/* rows are served to and stored by snapshots with xmin >= floor only */
		floor;
	uint32 flags;
	Oid rootid;
	uint32 key_root;
	uint32 nsources;
	uint32 clears; /* how often the rows were emptied: a build must notice */
	TviewStateSource sources[FLEXIBLE_ARRAY_MEMBER];
} TviewState;

/*
 * Copies the record's fixed part into state; NOTFOUND when there is none.
 * No palloc, no ereport: callable inside a write transaction.
 */
extern TviewStoreStatus tview_state_get(TviewTxn *txn, Oid relid,
										TviewState *state);

/* Writes a fresh record for the descriptor: empty, with the floor. */
extern TviewStoreStatus tview_state_create(TviewTxn *txn, const TviewDesc *desc,
										   uint64 floor, uint32 flags);

/* Sets and clears flags of an existing record. */
extern TviewStoreStatus tview_state_set_flags(TviewTxn *txn, Oid relid,
											  uint32 set, uint32 clear);

/* Removes all of a TVIEW's rows, and its record. */
extern TviewStoreStatus tview_state_drop(TviewTxn *txn, Oid relid);

/* Removes rows only; the record stays, without "complete". */
extern TviewStoreStatus tview_state_clear(TviewTxn *txn, Oid relid);

/* True when a is a later definition than b. */
extern bool tview_state_generation_is_later(TviewGeneration a,
											TviewGeneration b);
extern bool tview_state_generation_equals(TviewGeneration a, TviewGeneration b);

/*
 * Visits every record; stops at the first status that is not OK and returns
 * it.
 */
typedef TviewStoreStatus (*TviewStateVisitor)(const TviewState *state,
											  void *arg);
extern TviewStoreStatus tview_state_visit(TviewTxn *txn,
										  TviewStateVisitor visitor, void *arg);

#endif /* TVIEW_STATE_H */
