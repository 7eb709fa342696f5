/*
 * lock.c
 *		What a scan locks; see state.h.
 *
 * A scan locks the views and the base tables as the view would, so that
 * commands that change them for every snapshot wait for it or have ended
 * before: rows of one scan are of one definition.
 *
 * Most look-ups of one row do without.  If nobody holds a strong lock on one of
 * the relations after the snapshot was taken, then every command that it sees
 * has given its locks back, and before that has sent its messages: the
 * descriptor that is taken next is of the definition that the snapshot sees,
 * or of a later one.  A command that comes after that is as one that comes
 * after the look-up: it is not seen, the row was stored before it, and nothing
 * else is read with this snapshot that could tell.  So this is for look-ups of
 * which the plan says that they read nothing else (is_alone), whose snapshot
 * nobody else has, and which find their row in the store.  As soon as the view
 * is to be run, or anything is to be stored, the scan starts again with locks.
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "fdw/check.h"
#include "fdw/state.h"
#include "meta/strong.h"
#include "storage/lmgr.h"
#include "tcop/pquery.h"
#include "utils/inval.h"
#include "utils/snapshot.h"

/* A definition that changes again and again meanwhile is taken as it is. */
#define ATTEMPTS 10

void
tview_lock_take(TviewScanState *state)
{
	for (int attempt = 0; attempt < ATTEMPTS; attempt++)
	{
		TviewDesc *desc = tview_meta_get(state->relid, false);

		for (int i = 0; i < desc->nviews; i++)
			LockRelationOid(desc->views[i], AccessShareLock);
		for (int i = 0; i < desc->nbases; i++)
			LockRelationOid(desc->bases[i], AccessShareLock);
		state->desc = tview_meta_get(state->relid, false);
		if (state->desc == desc)
			break;
	}
	state->locked = true;
	state->must_lock = false;
}

/*
 * True when the statement is a transaction of its own, in which nobody would
 * hold the locks any longer, and has just been given a snapshot of its own: a
 * portal starts it, and besides it only its query and the executor's state
 * hold it.  Functions read with a snapshot that somebody else holds, or start
 * no portal.
 */
static bool
has_own_snapshot(const TviewScanState *state)
{
	return !IsTransactionBlock() && !IsSubTransaction() &&
		!IsolationUsesXactSnapshot() && ActivePortal != NULL &&
		ActivePortal->status == PORTAL_DEFINED &&
		state->snapshot->active_count == 1 && state->snapshot->regd_count == 2;
}

/* Takes a descriptor that is as good as one under locks, if there is one. */
static bool
begin_without(TviewScanState *state)
{
	for (int attempt = 0; attempt < ATTEMPTS; attempt++)
	{
		TviewDesc *desc = tview_meta_get(state->relid, false);

		if (!tview_strong_is_absent(desc))
			return false;
		AcceptInvalidationMessages();
		state->desc = tview_meta_get(state->relid, false);
		if (state->desc == desc)
			return true;
	}
	return false;
}

void
tview_lock_begin(TviewScanState *state)
{
	if (!state->plan->is_alone || !has_own_snapshot(state) ||
		RecoveryInProgress() || tview_check_is_on() || !begin_without(state))
		tview_lock_take(state);
}

bool
tview_lock_is_missing(TviewScanState *state)
{
	if (state->locked)
		return false;
	state->must_lock = true;
	state->phase = TVIEW_PHASE_START;
	return true;
}
