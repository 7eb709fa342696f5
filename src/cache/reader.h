/*
 * reader.h
 *		Reading stored rows that are exact for a snapshot.
 *
 * Between tview_reader_begin and tview_reader_end the caller does nothing
 * that may throw, run SQL or wait: it looks rows up, copies what it needs and
 * ends.  A scan begins and ends many times; rows validate one by one, so
 * nothing needs to be consistent across.
 *
 * Order in begin: epoch, head, LMDB, floor, tail.  A settler raises the floor
 * before it settles under pressure, commits rows before it moves the head, and
 * re-appends before it trims: so whatever was trimmed before our head is in
 * the rows that we see, and whatever is trimmed later is in [head, tail).  The
 * floor is read after LMDB has begun: a row that was stored above a new floor,
 * without covers because its marks are trimmed, comes with that floor.
 */
#ifndef TVIEW_READER_H
#define TVIEW_READER_H

#include "postgres.h"

#include "cache/handle.h"
#include "cache/pending.h"
#include "cache/row.h"
#include "cache/state.h"
#include "cache/visibility.h"
#include "meta/meta.h"

/* Why a scan runs the view; the order is that of the counters. */
typedef enum TviewBypass
{
	TVIEW_BYPASS_NONE = 0,
	TVIEW_BYPASS_RECOVERY,
	TVIEW_BYPASS_SERIALIZABLE,
	TVIEW_BYPASS_SNAPSHOT_KIND,
	TVIEW_BYPASS_FLOOR,
	TVIEW_BYPASS_SETTING,
	TVIEW_BYPASS_RLS,
	TVIEW_BYPASS_INCOMPLETE,
	TVIEW_BYPASS_OWN_DDL,
	TVIEW_BYPASS_GONE,
	TVIEW_BYPASS_STATEMENT,
	TVIEW_BYPASS_DEFINITION,
	TVIEW_BYPASS_GENERATION,
	TVIEW_BYPASS_STORE,
	TVIEW_BYPASS_ALL_CHANGED,
	TVIEW_BYPASS_CHEAPER,
	TVIEW_BYPASS_MISMATCH,
	TVIEW_BYPASS_COUNT
} TviewBypass;

/* A reason with its text, for EXPLAIN and the counters. */
typedef struct TviewReason
{
	TviewBypass code;
	const char *text;
} TviewReason;

/* A mark on a whole relation that concerns every row of the TVIEW. */
typedef struct TviewWild
{
	uint64 xid;
	bool sees;
} TviewWild;

typedef struct TviewReader
{
	TviewHandle *handle;
	TviewDesc *desc;
	TviewSnapshot snapshot;
	TviewTxn *txn; /* NULL while not begun */
	uint64 head;
	uint64 tail;
	uint64 entry;  /* of the handle, and */
	uint64 commit; /* of the store, that was read last */
	TviewState state;
	bool complete;
	bool root_changed;	   /* all(root) may have happened: keys are not known */
	bool all_invalid;	   /* the own transaction changed a whole base table */
	bool marked;		   /* there are marks at all */
	bool damaged;		   /* reading met damage: what it found is void */
	TviewPending *pending; /* own marks, or NULL */
	MemoryContext context; /* of wild */
	TviewWild *wild;	   /* NULL: none yet */
	int nwild;
	int wild_allocated;
	uint64 last_xid; /* memo of the last visibility check */
	bool last_sees;
} TviewReader;

typedef enum TviewFound
{
	TVIEW_FOUND_VALID,	/* *row is exact for the snapshot */
	TVIEW_FOUND_ABSENT, /* the view has no such row for the snapshot */
	TVIEW_FOUND_INVALID /* compute it */
} TviewFound;

extern const char *tview_reader_bypass_name(TviewBypass code);

/*
 * Whether the TVIEW may be served to the snapshot at all: what can be known
 * without the store.  NONE when it may.
 */
extern TviewReason tview_reader_check(TviewDesc *desc, Snapshot snapshot);

/* Prepares a reader; wild lists are allocated in the current context. */
extern void tview_reader_init(TviewReader *reader, TviewDesc *desc,
							  Snapshot snapshot);

/*
 * Begins reading.  On a reason other than NONE nothing is open: run the view.
 * An incomplete TVIEW begins all the same (reader->complete is false).
 */
extern TviewReason tview_reader_begin(TviewReader *reader);
extern void tview_reader_end(TviewReader *reader);

/* Ends the read transaction that an error has jumped out of. */
extern void tview_reader_abort(void);

/* Looks a key up and validates its row. */
extern TviewFound tview_reader_get(TviewReader *reader, int64 key,
								   TviewRow *row);

/*
 * Validates an entry that a cursor has found under a key; INVALID for a damaged
 * one.
 */
extern TviewFound tview_reader_validate(TviewReader *reader, int64 key,
										TviewValue value, TviewRow *row);

/*
 * To be told what a cursor or an index walk returned: after anything but OK and
 * NOTFOUND, keys may be missing among what was found.  Resets the store if it
 * is damaged.
 */
extern void tview_reader_note(TviewReader *reader, TviewStoreStatus status);

/*
 * The number of rows of a complete TVIEW without marks, as it was noted at the
 * commit of the store that is being read; false when it was not.  To be noted
 * after every row was valid in one and the same commit.
 */
extern bool tview_reader_known_rows(const TviewReader *reader, int64 *rows);
extern void tview_reader_note_rows(const TviewReader *reader, int64 rows);

/* The tag of a key of the root. */
extern uint64 tview_reader_key_tag(TviewDesc *desc, int64 key);

/*
 * Calls visit with the pk of every mark on the root's key, published at or
 * after position from, and of every own one (when own is true).
 */
typedef void (*TviewKeyVisitor)(int64 key, void *arg);
extern void tview_reader_visit_keys(TviewReader *reader, uint64 from, bool own,
									TviewKeyVisitor visit, void *arg);

/* The same for the pks that marks on one tag carry. */
extern void tview_reader_visit_tag(TviewReader *reader, uint64 tag,
								   TviewKeyVisitor visit, void *arg);

#endif /* TVIEW_READER_H */
