/*
 * xact.c
 *		See xact.h.
 *
 *	PRE_COMMIT, PRE_PREPARE		publish the marks, with the top-level xid
 *	COMMIT						remove dropped stores and rows
 *	ABORT						remove rows that the transaction had built
 *	always						forget everything
 *
 * Publishing comes before the transaction becomes visible; a mark whose
 * transaction aborts afterwards is inert.  What another extension writes after
 * our callback is published at once.  A store that cannot take the marks is
 * reset: a user's transaction never fails because of us.
 *
 * Rows of dropped TVIEWs are removed after the commit, when nothing may fail:
 * the store's functions return codes, and what is left behind is only space.
 */
#include "postgres.h"

#include "access/transam.h"
#include "access/xact.h"
#include "cache/contents.h"
#include "cache/handle.h"
#include "cache/pending.h"
#include "cache/reader.h"
#include "cache/settle.h"
#include "cache/statement.h"
#include "cache/stop.h"
#include "cache/wake.h"
#include "cache/writer.h"
#include "maintain/mark.h"
#include "maintain/xact.h"
#include "miscadmin.h"
#include "utils/memutils.h"

typedef enum EndActionKind
{
	END_REMOVE_STORE,
	END_MOVE_STORE,
	END_DROP_ROWS,
	END_DROP_ROWS_ON_ABORT
} EndActionKind;

/* Something to do when the transaction has ended. */
typedef struct EndAction
{
	EndActionKind kind;
	Oid serverid;
	Oid relid;
	char *directory;
	char *new_directory; /* of a store that moves */
	SubTransactionId
		subid; /* an aborted subtransaction's actions are forgotten */
} EndAction;

static List *end_actions = NIL;
static bool armed = false;
static bool publishing_is_over = false; /* PRE_COMMIT or PRE_PREPARE has been */

/* ---- publishing ---- */

/* Makes room in a log that is filling up. */
static void
relieve(TviewHandle *handle)
{
	static const TviewSettleBudget half = {.marks = 2048, .rows = 2000};
	static const TviewSettleBudget full = {
		.marks = 65536, .rows = 20000, .pressure = true};
	uint64 used = tview_log_used(handle->store);
	uint64 capacity = tview_log_capacity(handle->store);
	const char *failure;

	if (used < capacity / 2)
		return;
	if (tview_handle_open(handle->serverid, &failure) == NULL)
		return;
	tview_settle_run(handle, used < capacity / 4 * 3 ? &half : &full);
}

/*
 * Appends marks in portions; resets the store when they do not fit.  Whoever
 * opens another one by then gives it a floor above our xid.
 */
static void
append_marks(TviewHandle *handle, const TviewMark *marks, Size n)
{
	uint64 portion = Max(tview_log_capacity(handle->store) / 8, 1);
	Size done = 0;
	int attempts = 0;

	/* making room may find that the store is not to be had any more */
	while (done < n && handle->store)
	{
		Size some = Min(n - done, portion);
		TviewStoreStatus status =
			tview_log_append(handle->store, &marks[done], some);

		if (status == TVIEW_STORE_OK)
		{
			done += some;
			TVIEW_STOP("publish.part");
			attempts = 0;
			relieve(handle);
		}
		else if (status == TVIEW_STORE_RESET)
			return;
		else if (status != TVIEW_STORE_LOG_FULL || attempts++ > 0)
		{
			tview_store_reset(handle->store,
							  status == TVIEW_STORE_LOG_FULL
								  ? "the mark log is full"
								  : tview_store_message(status));
			return;
		}
		else
			relieve(handle);
	}
}

/* Publishes one server's set. */
static void
publish(TviewPending *pending)
{
	uint64 xid = U64FromFullTransactionId(GetTopFullTransactionIdIfAny());
	TviewHandle *handle;
	TviewMark *marks;
	Size n;

	if (xid == 0)
		return;
	TVIEW_STOP("publish.begin");
	handle = tview_handle_open_log(pending->serverid);
	if (handle == NULL)
		return;
	TVIEW_STOP("publish.open");
	n = tview_pending_collect(pending, xid, &marks);
	if (n > tview_log_capacity(handle->store) / 4)
	{
		pfree(marks);
		tview_pending_collapse(pending);
		n = tview_pending_collect(pending, xid, &marks);
	}
	append_marks(handle, marks, n);
	TVIEW_STOP("publish.end");
	pfree(marks);
	pending->wake = tview_wake_is_wanted(handle);
}

/* After the commit: the marks can be settled. */
static void
wake(TviewPending *pending)
{
	if (pending->wake)
		tview_wake(pending->serverid);
}

void
tview_xact_note_mark(Oid serverid)
{
	if (publishing_is_over)
		publish(tview_pending_find(serverid));
}

void
tview_xact_mark_gone(Oid relid)
{
	tview_xact_arm();
	tview_mark_relation(relid, TVIEW_MARK_GONE);
}

/* ---- what happens at the end ---- */

static EndAction *
add_end_action(EndActionKind kind, Oid serverid, Oid relid,
			   const char *directory)
{
	MemoryContext old = MemoryContextSwitchTo(TopTransactionContext);
	EndAction *action = palloc0(sizeof(EndAction));

	action->kind = kind;
	action->serverid = serverid;
	action->relid = relid;
	action->directory = directory ? pstrdup(directory) : NULL;
	action->subid = GetCurrentSubTransactionId();
	end_actions = lappend(end_actions, action);
	MemoryContextSwitchTo(old);
	tview_xact_arm();
	return action;
}

void
tview_xact_remove_store(Oid serverid, const char *store_path)
{
	char *directory = tview_handle_directory(serverid, store_path);

	add_end_action(END_REMOVE_STORE, serverid, InvalidOid, directory);
}

void
tview_xact_move_store(Oid serverid, const char *old_path, const char *new_path)
{
	char *old_directory = tview_handle_directory(serverid, old_path);
	char *new_directory = tview_handle_directory(serverid, new_path);
	EndAction *action = add_end_action(END_MOVE_STORE, serverid, InvalidOid,
									   old_directory);

	action->new_directory =
		MemoryContextStrdup(TopTransactionContext, new_directory);
	tview_handle_bar(serverid);
}

/*
 * Before the commit can be seen: removes moved stores at both places.  At the
 * old one, what others make anew gets a floor above our xid, and so needs none
 * of our marks; at the new one, what was left from earlier times has missed
 * marks.
 */
static void
remove_moved_stores(void)
{
	ListCell *lc;

	foreach(lc, end_actions)
	{
		EndAction *action = lfirst(lc);

		if (action->kind != END_MOVE_STORE)
			continue;
		(void) tview_store_remove(action->directory);
		(void) tview_store_remove(action->new_directory);
	}
}

/* Gives the use of stores back that were about to move. */
static void
unbar_stores(List *actions)
{
	ListCell *lc;

	foreach(lc, actions)
	{
		EndAction *action = lfirst(lc);

		if (action->kind == END_MOVE_STORE)
			tview_handle_unbar(action->serverid);
	}
}

void
tview_xact_drop_rows(Oid serverid, Oid relid)
{
	add_end_action(END_DROP_ROWS, serverid, relid, NULL);
}

void
tview_xact_drop_rows_on_abort(Oid serverid, Oid relid)
{
	add_end_action(END_DROP_ROWS_ON_ABORT, serverid, relid, NULL);
}

/* True when the transaction also removes the server's whole store. */
static bool
store_is_removed(Oid serverid)
{
	ListCell *lc;

	foreach(lc, end_actions)
	{
		EndAction *action = lfirst(lc);

		if (action->kind == END_REMOVE_STORE && action->serverid == serverid)
			return true;
	}
	return false;
}

static void
run_end_action(const EndAction *action, bool commit)
{
	if (action->kind == END_REMOVE_STORE && commit)
	{
		tview_handle_detach(action->serverid);
		(void) tview_store_remove(action->directory);
	}
	else if (action->kind == END_MOVE_STORE && commit)
		(void) tview_store_remove(action->directory);
	else if (action->kind ==
				 (commit ? END_DROP_ROWS : END_DROP_ROWS_ON_ABORT) &&
			 !(commit && store_is_removed(action->serverid)))
		tview_contents_drop_if_open(action->serverid, action->relid);
}

static void
end_transaction(bool commit)
{
	ListCell *lc;

	publishing_is_over = false;
	tview_reader_abort();
	foreach(lc, end_actions)
		run_end_action(lfirst(lc), commit);
	unbar_stores(end_actions);
	end_actions = NIL;
	tview_statement_clear();
	tview_pending_clear();
	tview_handle_leave_removed();
}

static void
at_transaction_event(XactEvent event, void *arg)
{
	switch (event)
	{
		case XACT_EVENT_PRE_COMMIT:
		case XACT_EVENT_PARALLEL_PRE_COMMIT:
		case XACT_EVENT_PRE_PREPARE:
			remove_moved_stores();
			tview_pending_each(publish);
			/* also where nothing was marked before */
			publishing_is_over = true;
			break;
		case XACT_EVENT_COMMIT:
		case XACT_EVENT_PARALLEL_COMMIT:
			TVIEW_STOP("commit.visible");
			if (!tview_pending_is_empty())
				TVIEW_STOP("commit.end");
			tview_pending_each(wake);
			end_transaction(true);
			break;
		case XACT_EVENT_PREPARE:
			/*
			 * the outcome is not known: what was built is kept apart by its
			 * definition
			 */
			unbar_stores(end_actions);
			end_actions = NIL;
			end_transaction(false);
			break;
		case XACT_EVENT_ABORT:
		case XACT_EVENT_PARALLEL_ABORT:
			if (!tview_pending_is_empty())
				TVIEW_STOP("abort.end");
			end_transaction(false);
			break;
	}
}

/*
 * The actions of an aborted subtransaction: what it built goes now, what it
 * dropped stays.
 */
static void
abort_actions(SubTransactionId subid)
{
	List *kept = NIL;
	ListCell *lc;
	MemoryContext old = MemoryContextSwitchTo(TopTransactionContext);

	unbar_stores(end_actions);

	foreach(lc, end_actions)
	{
		EndAction *action = lfirst(lc);

		if (action->subid != subid)
			kept = lappend(kept, action);
		else if (action->kind == END_DROP_ROWS_ON_ABORT)
			run_end_action(action, false);
		if (action->subid != subid && action->kind == END_MOVE_STORE)
			tview_handle_bar(action->serverid);
	}
	end_actions = kept;
	MemoryContextSwitchTo(old);
}

static void
at_subtransaction_event(SubXactEvent event, SubTransactionId subid,
						SubTransactionId parent, void *arg)
{
	ListCell *lc;

	if (event == SUBXACT_EVENT_ABORT_SUB)
	{
		tview_reader_abort();
		tview_statement_end_level(GetCurrentTransactionNestLevel(), false);
		abort_actions(subid);
	}
	else if (event == SUBXACT_EVENT_COMMIT_SUB)
	{
		tview_statement_end_level(GetCurrentTransactionNestLevel(), true);
		foreach(lc, end_actions)
		{
			EndAction *action = lfirst(lc);

			if (action->subid == subid)
				action->subid = parent;
		}
	}
}

void
tview_xact_arm(void)
{
	if (armed)
		return;
	RegisterXactCallback(at_transaction_event, NULL);
	RegisterSubXactCallback(at_subtransaction_event, NULL);
	armed = true;
}

void
tview_xact_init(void)
{
	tview_xact_arm();
}
