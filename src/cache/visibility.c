/*
 * visibility.c
 *		See visibility.h.
 *
 * The outcome of a transaction never changes once it has ended, so it is
 * remembered per backend; a crash that loses commits also ends the backends.
 */
#include "postgres.h"

#include "access/transam.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "access/xloginsert.h"
#include "compat.h"
#include "meta/tag.h"
#include "cache/visibility.h"
#include "catalog/pg_control.h"
#include "storage/lwlock.h"
#include "storage/procarray.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

typedef enum Outcome
{
	OUTCOME_ABORTED,
	OUTCOME_COMMITTED, /* its record may not be flushed yet */
	OUTCOME_FLUSHED
} Outcome;

typedef struct OutcomeSlot
{
	uint64 xid;
	Outcome outcome;
	char status;
} OutcomeSlot;

#define SH_PREFIX outcome
#define SH_ELEMENT_TYPE OutcomeSlot
#define SH_KEY_TYPE uint64
#define SH_KEY xid
#define SH_HASH_KEY(tb, key) ((uint32) tview_tag_mix(key))
#define SH_EQUAL(tb, a, b) ((a) == (b))
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

#define OUTCOMES_MAX 65536 /* remembered outcomes; then all are forgotten */

static outcome_hash *outcomes = NULL;

uint64
tview_visibility_next_xid(void)
{
	return U64FromFullTransactionId(ReadNextFullTransactionId());
}

/* Widens an xid that lies at or before next. */
static uint64
widen(TransactionId xid, uint64 next)
{
	uint64 full = (next & ~UINT64CONST(0xffffffff)) | xid;

	return full > next ? full - (UINT64CONST(1) << 32) : full;
}

void
tview_visibility_init(TviewSnapshot *result, Snapshot snapshot)
{
	uint64 next = tview_compat_recent_next_xid();

	result->snapshot = snapshot;
	result->xmin = widen(snapshot->xmin, next);
	result->xmax = widen(snapshot->xmax, next);
	result->own = U64FromFullTransactionId(GetTopFullTransactionIdIfAny());
}

/*
 * Asks the commit log; xids that it no longer knows ended long ago and were
 * kept by freezing.
 */
static Outcome
look_up_outcome(uint64 xid)
{
	TransactionId xid32 = (TransactionId) xid;
	uint64 next = tview_visibility_next_xid();
	Outcome outcome;

	if (xid >= next)
		return OUTCOME_ABORTED;
	LWLockAcquire(XactTruncationLock, LW_SHARED);
	if (next - xid > UINT64CONST(0x7fffffff) ||
		TransactionIdPrecedes(xid32, tview_compat_oldest_clog_xid()))
		outcome = OUTCOME_FLUSHED;
	else if (!TransactionIdDidCommit(xid32))
		outcome = OUTCOME_ABORTED;
	else if (TransactionIdGetCommitLSN(xid32) <= GetFlushRecPtr(NULL))
		outcome = OUTCOME_FLUSHED;
	else
		outcome = OUTCOME_COMMITTED;
	LWLockRelease(XactTruncationLock);
	return outcome;
}

/* The outcome of an xid that has ended. */
static OutcomeSlot *
ended_outcome(uint64 xid)
{
	bool found;
	OutcomeSlot *slot;

	if (outcomes == NULL)
		outcomes = outcome_create(TopMemoryContext, 256, NULL);
	slot = outcome_lookup(outcomes, xid);
	if (slot == NULL)
	{
		Outcome outcome = look_up_outcome(xid);

		if (outcomes->members >= OUTCOMES_MAX)
			outcome_reset(outcomes);
		slot = outcome_insert(outcomes, xid, &found);
		slot->outcome = outcome;
	}
	return slot;
}

bool
tview_visibility_committed(uint64 xid)
{
	return ended_outcome(xid)->outcome != OUTCOME_ABORTED;
}

bool
tview_visibility_flushed(uint64 xid)
{
	OutcomeSlot *slot = ended_outcome(xid);

	if (slot->outcome == OUTCOME_COMMITTED)
		slot->outcome = look_up_outcome(xid);
	return slot->outcome == OUTCOME_FLUSHED;
}

bool
tview_visibility_make_flushed(uint64 xid)
{
	XLogRecPtr commit;

	if (tview_visibility_flushed(xid))
		return true;
	LWLockAcquire(XactTruncationLock, LW_SHARED);
	commit = TransactionIdGetCommitLSN((TransactionId) xid);
	LWLockRelease(XactTruncationLock);
	XLogFlush(commit);
	return tview_visibility_flushed(xid);
}

bool
tview_visibility_sees(const TviewSnapshot *snapshot, uint64 xid)
{
	if (xid >= snapshot->xmax || xid == snapshot->own)
		return false;
	if (xid >= snapshot->xmin &&
		XidInMVCCSnapshot((TransactionId) xid, snapshot->snapshot))
		return false;
	return tview_visibility_committed(xid);
}

bool
tview_visibility_aborted(uint64 xid)
{
	OutcomeSlot *slot = outcomes ? outcome_lookup(outcomes, xid) : NULL;

	if (slot)
		return slot->outcome == OUTCOME_ABORTED;
	if (xid >= tview_visibility_next_xid())
		return true;
	if (xid >= tview_visibility_horizon() &&
		TransactionIdIsInProgress((TransactionId) xid))
		return false;
	return !tview_visibility_committed(xid);
}

uint64
tview_visibility_horizon(void)
{
	TransactionId oldest = GetOldestNonRemovableTransactionId(NULL);

	return widen(oldest, tview_visibility_next_xid());
}

void
tview_visibility_flush(void)
{
	char nothing = 0;
	XLogRecPtr end;

	XLogBeginInsert();
	XLogSetRecordFlags(XLOG_MARK_UNIMPORTANT);
	XLogRegisterData(&nothing, 1);
	end = XLogInsert(RM_XLOG_ID, XLOG_NOOP);
	XLogFlush(end);
}
