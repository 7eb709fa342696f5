/*
 * lock.c
 *		What a scan locks; see state.h.
 *
 * A scan locks the views and the base tables as the view would, so that
 * commands that change them for every snapshot wait for it or have ended
 * before: rows of one scan are of one definition.  As a rule its plan does
 * (plan.c), before there is a snapshot: who waits for a transaction that has
 * emptied a table and filled it again sees the new rows.
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
 *
 * It has a snapshot that is taken under them, then, if a command may have come
 * that changed a table for every snapshot: the locks would have made it wait.
 * Where it is just the row that is stale, the snapshot stays: a client may do
 * other things between Bind, when it is taken, and Execute.
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "fdw/check.h"
#include "fdw/lock.h"
#include "fdw/state.h"
#include "meta/strong.h"
#include "storage/lmgr.h"
#include "tcop/pquery.h"
#include "utils/inval.h"
#include "utils/snapmgr.h"

/* A definition that changes again and again meanwhile is taken as it is. */
#define ATTEMPTS 10

TviewDesc *
tview_lock_relations(Oid relid)
{
	TviewDesc *desc = tview_meta_get(relid, false);

	for (int attempt = 0; attempt < ATTEMPTS; attempt++)
	{
		TviewDesc *locked = desc;

		for (int i = 0; i < desc->nviews; i++)
			LockRelationOid(desc->views[i], AccessShareLock);
		for (int i = 0; i < desc->nbases; i++)
			LockRelationOid(desc->bases[i], AccessShareLock);
		desc = tview_meta_get(relid, false);
		if (desc == locked)
			break;
	}
	return desc;
}

/* Gives the scan a snapshot that was taken under its locks. */
static void
renew_snapshot(TviewScanState *state)
{
	EState *estate = state->node->ss.ps.state;
	Snapshot snapshot = RegisterSnapshot(GetTransactionSnapshot());

	UnregisterSnapshot(estate->es_snapshot);
	estate->es_snapshot = state->snapshot = snapshot;
}

/* True when the transaction has done nothing since the snapshot was taken. */
static bool
is_last_command(const TviewScanState *state)
{
	return state->snapshot->curcid == GetCurrentCommandId(false);
}

void
tview_lock_take(TviewScanState *state)
{
	const TviewDesc *before = state->desc;

	state->desc = tview_lock_relations(state->relid);
	state->locked = true;
	state->must_lock = false;
	if (state->owns_snapshot && is_last_command(state) &&
		(state->must_renew || state->desc != before))
		renew_snapshot(state);
}

/*
 * True when the statement has just been given a snapshot of its own: a portal
 * starts it, and besides it only its query and the executor's state hold it.
 * Functions read with a snapshot that somebody else holds, or start no portal.
 */
static bool
has_own_snapshot(const TviewScanState *state)
{
	return state->plan->is_alone && !IsolationUsesXactSnapshot() &&
		ActivePortal != NULL && ActivePortal->status == PORTAL_DEFINED &&
		state->snapshot->active_count == 1 && state->snapshot->regd_count == 2;
}

/* Relations that are looked for one by one. */
#define SEARCHED_MAX 16

bool
tview_lock_is_listed(List *range_table, Oid relid)
{
	ListCell *lc;

	foreach(lc, range_table)
	{
		const RangeTblEntry *entry = lfirst(lc);

		if (entry->rtekind == RTE_RELATION && entry->relid == relid)
			return true;
	}
	return false;
}

/* True when all was locked with the plan (plan.c), as far as it is few. */
static bool
is_locked_by_plan(const TviewScanState *state)
{
	List *range_table = state->node->ss.ps.state->es_range_table;
	const TviewDesc *desc = state->desc;

	if (list_length(range_table) <= desc->nviews + desc->nbases ||
		list_length(range_table) > SEARCHED_MAX)
		return false;
	for (int i = 0; i < desc->nviews; i++)
		if (!tview_lock_is_listed(range_table, desc->views[i]))
			return false;
	for (int i = 0; i < desc->nbases; i++)
		if (!tview_lock_is_listed(range_table, desc->bases[i]))
			return false;
	return true;
}

/*
 * True when nobody would hold locks longer than the statement takes.  A portal
 * that has a name is there for other statements to come in between.
 */
static bool
is_own_transaction(void)
{
	return !IsTransactionBlock() && !IsSubTransaction() &&
		ActivePortal->name[0] == '\0';
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
	state->owns_snapshot = has_own_snapshot(state);
	state->must_renew = true;
	if (!state->owns_snapshot)
	{
		/* of commands that take no lock which a reader waits for */
		AcceptInvalidationMessages();
		state->desc = tview_meta_get(state->relid, false);
		state->locked = is_locked_by_plan(state);
		if (state->locked)
			return;
	}
	if (!state->owns_snapshot || !is_own_transaction() ||
		RecoveryInProgress() || tview_check_is_on() || !begin_without(state))
		tview_lock_take(state);
}

bool
tview_lock_is_missing(TviewScanState *state, bool must_renew)
{
	if (state->locked)
		return false;
	state->must_lock = true;
	state->must_renew = must_renew;
	state->phase = TVIEW_PHASE_START;
	return true;
}
