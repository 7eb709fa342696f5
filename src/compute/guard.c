/*
 * guard.c
 *		See guard.h.
 *
 * The subtransaction writes nothing, so it gets no xid, and beginning and
 * ending it costs a few thousand instructions.
 */
#include "postgres.h"

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
	return !IsInParallelMode();
}

bool
tview_guard_run(void (*work)(void *), void *arg)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	volatile bool done = false;

	if (!tview_guard_is_possible())
		return false;
	BeginInternalSubTransaction(NULL);
	PG_TRY();
	{
		MemoryContextSwitchTo(context);
		work(arg);
		ReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(context);
		CurrentResourceOwner = owner;
		done = true;
	}
	PG_CATCH();
	{
		ErrorData *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(context);
		CurrentResourceOwner = owner;
		if (must_be_raised(error))
			ReThrowError(error);
		FreeErrorData(error);
	}
	PG_END_TRY();
	return done;
}
