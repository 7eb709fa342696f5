/*
 * state.h
 *		The state of a running foreign scan, for the files that execute it.
 *
 * A scan moves through phases:
 *
 *	START	conditions are not evaluated yet
 *	STORE	key by key through the store: FULL and RANGE with a cursor
 *	KEYS	a list of keys (given, or found by a look-up)
 *	BUILD	the whole view in key order, storing rows on the way
 *	VIEW	the view with the pushed conditions, and nothing else
 *	ALONE	the view's keys, each computed by itself
 *	DONE
 *
 * STORE and KEYS turn to VIEW (or BUILD) when the store cannot serve the
 * snapshot any more, BUILD and VIEW turn to ALONE when the view raises an
 * error; rows already returned are excluded by their key.
 */
#ifndef TVIEW_FDW_STATE_H
#define TVIEW_FDW_STATE_H

#include "postgres.h"

#include "cache/contents.h"
#include "cache/reader.h"
#include "cache/writer.h"
#include "compute/compute.h"
#include "fdw/plan.h"
#include "fdw/scan.h"

/* A batch ends beyond that; it stays in a processor's cache. */
#define TVIEW_BATCH_BYTES (128 * 1024)

typedef enum TviewScanPhase
{
	TVIEW_PHASE_START,
	TVIEW_PHASE_STORE,
	TVIEW_PHASE_KEYS,
	TVIEW_PHASE_BUILD,
	TVIEW_PHASE_VIEW,
	TVIEW_PHASE_ALONE,
	TVIEW_PHASE_DONE
} TviewScanPhase;

/* A condition's value in this (re)scan. */
typedef struct TviewScanValue
{
	Datum value;
	bool isnull;
	Oid type; /* of value: the array's type for arrays */
	/* of an array, without nulls; NULL until needed (match.c) */
	Datum *elements;
	int nelements;
	bool sorted; /* by their bytes: of that width, 0 for values in a Datum */
	int width;
} TviewScanValue;

/* A condition that the plan checks itself. */
typedef struct TviewLocalCondition
{
	Bitmapset *columns; /* attribute numbers of what it reads, and the key */
	ExprState *expr;
} TviewLocalCondition;

typedef struct TviewCheck TviewCheck;

/* Keys of rows that were returned. */
typedef struct TviewKeyRun
{
	int64 first;
	int64 last;
} TviewKeyRun;

typedef struct TviewScanState
{
	ForeignScanState *node;
	MemoryContext context; /* of the state itself */
	TviewDesc *desc;
	const TviewPlan *plan;
	Oid relid;
	bool counted;  /* of a count: it was returned */
	int64 indexed; /* likewise: rows that the index alone has told */
	uint64 entry;  /* of the first batch, and */
	uint64 commit; /* likewise: see steady */
	/* all batches were read at one commit, without marks and without gaps */
	bool steady;
	Snapshot snapshot;
	/*
	 * parallel to plan->conditions; NULL where an evaluation needs none, or
	 * none does
	 */
	ExprState **exprs;
	FmgrInfo *operators;		 /* likewise; NULL until needed (match.c) */
	ExprState *clauses;			 /* for EvalPlanQual; NULL until needed */
	Bitmapset *columns;			 /* that are read; NULL until needed */
	TviewLocalCondition *locals; /* likewise (alone.c) */
	bool query_checked;			 /* likewise */
	MemoryContext scan_context;	 /* until the next rescan; see scan.c */
	MemoryContext batch_context; /* until the next batch; NULL until needed */
	TviewScanFigures figures;	 /* over all loops */
	uint64 bypassed[TVIEW_BYPASS_COUNT];
	/* a key that no root row has was computed: only settling ends that */
	bool computed_in_vain;
	bool locked;		/* the views and the bases are */
	bool must_lock;		/* they are to be before the scan starts (again) */
	bool must_renew;	/* likewise: with another snapshot, see lock.c */
	bool owns_snapshot; /* nothing but this scan reads with it */

	/* this (re)scan */
	TviewScanPhase phase;
	TviewScanValue *values; /* behind the state */
	TviewReader reader;
	int64 lower; /* inclusive bounds on the key */
	int64 upper;
	/* conditions remain that the phase does not apply by itself */
	bool recheck;

	/* STORE */
	bool has_last; /* last is the key up to which rows were returned */
	int64 last;
	int64 *candidates; /* keys named by marks, ascending and distinct */
	int ncandidates;
	int candidates_allocated;
	uint64 candidates_seen; /* marks below this position are among them */
	int batch_size;

	/* KEYS */
	int64 *keys;   /* ascending, distinct */
	int64 one_key; /* room for one */
	int nkeys;
	int next_key;
	bool
		/* look-up in an incomplete TVIEW: no row means "ask the view" */
		view_if_none;
	bool returned; /* some row was */

	/* VIEW, BUILD and ALONE */
	TviewStream *stream;
	TviewBuild *build;
	TviewFillBatch fill; /* rows of a build that wait to be stored */
	MemoryContext fill_context;
	bool fill_all; /* so far every row of the build was stored */
	bool filling;
	int64 swept; /* entries below were compared with the keys of the build */

	bool keys_only;	   /* of keys that were asked for, the remaining ones */
	bool viewing;	   /* the store has no part in what remains */
	TviewKeyRun *runs; /* returned by a view in no order (alone.c) */
	int nruns;
	int runs_allocated;
	bool key_by_key; /* ALONE: a batch of keys would raise an error */

	TviewCheck *check;	 /* of what is served, or NULL: see check.h */
	bool has_difference; /* a check has found one */
	int64 difference_key;
	const char *difference; /* static text */

	uint32 needed_size; /* bytes of a stored tuple to copy; 0: all of them */
	char *buffer;		/* room for the tuples of one batch after the other */
	Size buffer_used;

	/* rows ready to be returned */
	MinimalTuple *rows; /* NULL: a gap, see alone.c */
	int64 *row_keys;	/* set where some row is NULL */
	bool *served;		/* from the store */
	bool
		/* MINIMAL_TUPLE_OFFSET bytes stand before each of rows */
		rows_have_room;
	int nrows;
	int next_row;
	MinimalTuple one_row; /* room for one of them */
	bool one_served;
	HeapTupleData tuple;
} TviewScanState;

/* scan.c: the context of a batch that begins now, empty. */
extern MemoryContext tview_scan_batch_context(TviewScanState *state);

/* True before the first rescan. */
static inline bool
tview_scan_is_first(const TviewScanState *state)
{
	return state->scan_context == state->context;
}

/*
 * lock.c: begins a scan that may do without locks; fills state->desc.
 */
extern void tview_lock_begin(TviewScanState *state);
/*
 * Locks the views and the bases, and fills state->desc; a snapshot that nobody
 * else reads with is taken anew if it must be.
 */
extern void tview_lock_take(TviewScanState *state);
/*
 * For whoever is about to run the view, or to store: true when the scan is not
 * locked; it starts again then, with locks, and the caller does nothing but
 * return.  No row has been returned, and the reader has ended.  must_renew: the
 * store cannot tell that the snapshot is as good as one taken under locks.
 */
extern bool tview_lock_is_missing(TviewScanState *state, bool must_renew);

/* values.c: makes the conditions' values ready to be evaluated. */
extern void tview_values_init(TviewScanState *state);
/* Evaluates them; false when no row can match. */
extern bool tview_values_evaluate(TviewScanState *state);
/* The non-null elements of an array value, palloc'd; returns how many. */
extern int tview_values_elements(Datum value, Datum **elements);
/*
 * The distinct tags of the driving condition's values, palloc'd; returns how
 * many, or -1 where they cannot be told.  *column is the look-up's position
 * from 1 on, where different values are sure to have different tags, or 0.
 */
extern int tview_values_lookup_tags(TviewScanState *state, uint64 **tags,
									uint16 *column);

/* match.c: true when the row meets all conditions. */
extern bool tview_match_row(TviewScanState *state, MinimalTuple row);

/* serve.c: the next batch of rows through the store; may change the phase. */
extern void tview_serve_batch(TviewScanState *state);
/* begun: the reader is; it is not afterwards. */
extern void tview_serve_keys(TviewScanState *state, bool begun);
/* The rows of n keys, none of which the store is asked for. */
extern void tview_serve_computed(TviewScanState *state, const int64 *keys,
								 int n);

/*
 * Begins reading, making the store's record of this TVIEW where there is none
 * or an older one.
 */
extern TviewReason tview_serve_begin(TviewScanState *state);

/*
 * copy.c: copies of rows that live until the next batch, with room for a heap
 * tuple's header before them.
 */
/*
 * Where the columns up to natts end in a stored tuple that has no nulls; 0
 * when they are not all of fixed width, or natts is 0 (the whole row).
 */
extern uint32 tview_copy_size(const TviewDesc *desc, int natts);
/*
 * A copy of a stored tuple, or of the columns up to the last one that is
 * needed: the document, which comes last as a rule, is most of a row.
 */
extern MinimalTuple tview_copy_stored(TviewScanState *state,
									  const TviewRow *row);
extern MinimalTuple tview_copy_minimal(TviewScanState *state,
									   MinimalTuple tuple);

/*
 * lookup.c: finds the keys of a LOOKUP scan and serves the first of them; the
 * phase becomes KEYS or VIEW.
 */
extern void tview_lookup_start(TviewScanState *state);

extern const TviewReason tview_reason_changed;
extern const TviewReason tview_reason_incomplete;

/* runview.c: the view itself. */
extern void tview_runview_start(TviewScanState *state, TviewReason reason);
/* Is a setting another one now than that of the stored rows? */
extern TviewReason tview_runview_setting(TviewScanState *state);
/* What a scan asks of the view. */
typedef struct TviewViewPart
{
	const Bitmapset *columns; /* attribute numbers; NULL: all of them */
	const int64 *key;		  /* of the rows; NULL: all that are left */
	bool keys_only;			  /* of those left in state->keys */
	int direction;
	int flags; /* TVIEW_STREAM_... */
} TviewViewPart;

/*
 * Opens the view with every pushed condition, past the rows that were returned
 * already unless it is for one key.
 */
extern TviewStream *tview_runview_open(TviewScanState *state,
									   const TviewViewPart *part);
/* Runs it for columns of one key; returns how many rows that has. */
extern int tview_runview_fetch(TviewScanState *state, int64 key,
							   const Bitmapset *columns, MinimalTuple **rows);
extern MinimalTuple tview_runview_next(TviewScanState *state);
extern void tview_runview_close(TviewScanState *state);

/* alone.c: the columns that the scan reads, by number, with the key. */
extern const Bitmapset *tview_alone_columns(TviewScanState *state);
/* Puts the rows of the gap that is next in its place, or steps over it. */
extern void tview_alone_fill_gap(TviewScanState *state);
/* Notes that a row of the view, the only one of its key, is returned. */
extern void tview_alone_note(TviewScanState *state, MinimalTuple tuple);
/* Goes on where the view has failed as a whole; in key order from there. */
extern void tview_alone_start(TviewScanState *state);
extern void tview_alone_batch(TviewScanState *state);

#endif /* TVIEW_FDW_STATE_H */
