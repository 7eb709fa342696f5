/*
 * guard.c
 *		See guard.h.
 *
 * The subtransaction writes nothing, so it gets no xid, and beginning and
 * ending it costs a few thousand instructions.
 *
 * PostgreSQL 15 refuses to begin one while a parallel plan runs, because the
 * workers would not know of it.  One that gets no xid and ends before the plan
 * goes on is nothing that they would have to know of; PostgreSQL 17 allows it.
 * So the leader leaves parallel mode for as long as it lasts.
 */
#include "postgres.h"

#include "access/parallel.h"
#include "access/xact.h"
#include "compute/guard.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

/*
 * Errors that do not say "this cannot be computed", but "end this statement":
 * an operator's intervention (57: a cancellation, a time-out, a shutdown),
 * which is not asked for twice, and what the transaction must be repeated for
 * (40: a deadlock, a serialization failure).  Lack of memory or of space is
 * not among them: the row as a whole may need what the columns that are read
 * do not.
 */
static bool
must_be_raised(const ErrorData *error)
{
	int class = ERRCODE_TO_CATEGORY(error->sqlerrcode);

	return class == ERRCODE_TO_CATEGORY(ERRCODE_OPERATOR_INTERVENTION) ||
		class == ERRCODE_TO_CATEGORY(ERRCODE_TRANSACTION_ROLLBACK);
}

bool
tview_guard_is_possible(void)
{
#ifdef USE_ASSERT_CHECKING
	/* leaving parallel mode while there are workers fails an assertion */
	return !IsInParallelMode();
#else
	return !IsParallelWorker();
#endif
}

/* Does the work; false, with everything set back, when it raised an error. */
static bool
run(void (*work)(void *), void *arg, bool parallel)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	ErrorData *volatile error = NULL;

	BeginInternalSubTransaction(NULL);
	PG_TRY();
	{
		MemoryContextSwitchTo(context);
		work(arg);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
	if (parallel)
		EnterParallelMode();
	if (error == NULL)
		return true;
	if (must_be_raised(error))
		ReThrowError(error);
	FreeErrorData(error);
	return false;
}

bool
tview_guard_run(void (*work)(void *), void *arg)
{
	bool parallel = IsInParallelMode();
	bool done = false;

	if (!tview_guard_is_possible())
		return false;
	if (parallel)
		ExitParallelMode();
	if (IsInParallelMode())
		EnterParallelMode();
	else
		done = run(work, arg, parallel);
	return done;
}
