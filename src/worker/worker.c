/*
 * worker.c
 *		The background worker of one server's store.
 *
 * It follows the mark log: settles marks, computes the rows that settling has
 * emptied, and fills TVIEWs that are not complete.  It works in short
 * transactions, so that its snapshots hold nothing up, and never waits for a
 * lock: where a base table is locked, the TVIEW has to wait for its next
 * round.  When there is nothing to do it sleeps, and soon it ends, for a
 * worker that is connected stands in the way of DROP DATABASE.
 */
#include "postgres.h"

#include "cache/handle.h"
#include "cache/settle.h"
#include "cache/wake.h"
#include "catalog/pg_foreign_server.h"
#include "miscadmin.h"
#include "postmaster/bgworker.h"
#include "storage/ipc.h"
#include "utils/syscache.h"
#include "worker/ahead.h"
#include "worker/refresh.h"
#include "worker/round.h"

#define LINGER_MS 2000 /* without work, then the worker ends */
#define RETRY_MS 100   /* while marks wait for an old snapshot */
#define MANY_ROWS 2048 /* emptied in one round */

PGDLLEXPORT void tview_worker_main(Datum arg);

static Oid my_server;

/* What a round came to. */
typedef enum Round
{
	ROUND_WORKED, /* there may be more */
	ROUND_IDLE,
	ROUND_WAITING, /* something is there that has to wait */
	ROUND_FAILED,  /* likewise, and something was done before an error came */
	ROUND_END	   /* there is no such server, or another worker */
} Round;

static void
release_at_exit(int code, Datum arg)
{
	TviewHandle *handle = tview_handle_attached(my_server);

	if (handle)
		tview_wake_release(handle);
}

/*
 * Settles, and remembers what it empties; *many tells that this was a lot, and
 * there may be more.
 */
static bool
settle(TviewHandle *handle, bool *many)
{
	TviewSettleBudget budget = {
		.marks = 8192, .rows = 10000, .flush_from = TVIEW_FLUSH_FROM};
	TviewHollowed *hollowed = tview_refresh_hollowed();
	bool moved;

	budget.hollowed = hollowed;
	moved = tview_settle_run(handle, &budget);
	tview_refresh_take_hollowed();
	*many = moved && hollowed->n >= MANY_ROWS;
	return moved;
}

/* True when the log should not wait for rows to be computed. */
static bool
log_is_filling(TviewHandle *handle)
{
	return tview_log_used(handle->store) >
		tview_log_capacity(handle->store) / 4;
}

/*
 * One transaction's worth of work.  Rows are computed first, and then the
 * marks settle that they cover.
 */
static Round
work(void)
{
	static bool ahead = false; /* marks wait for rows that are computed */
	static bool many = false;  /* rows were emptied in the last round */
	const char *failure;
	TviewHandle *handle;
	bool moved;
	bool refreshed;

	if (!SearchSysCacheExists1(FOREIGNSERVEROID, ObjectIdGetDatum(my_server)))
		return ROUND_END;
	handle = tview_handle_open(my_server, &failure);
	if (handle == NULL)
		return ROUND_IDLE;
	if (!tview_wake_claim(handle) || !tview_wake_is_wanted(handle))
		return ROUND_END;
	tview_wake_set_asleep(handle, false);
	ahead = ahead || tview_ahead_look(handle);
	refreshed = tview_refresh_some(handle, many);
	if (tview_handle_opened(my_server) == NULL ||
		(ahead && refreshed && !log_is_filling(handle)))
		return ROUND_WORKED;
	ahead = false;
	moved = settle(handle, &many);
	if (moved || refreshed)
		return ROUND_WORKED;
	return tview_log_head(handle->store) == tview_log_tail(handle->store) &&
			!tview_refresh_is_postponed()
		? ROUND_IDLE
		: ROUND_WAITING;
}

static void
do_work(void *round)
{
	*(Round *) round = work();
}

/* A round in a transaction of its own; an error ends that, not the worker. */
static Round
run_round(void)
{
	Round round = ROUND_IDLE;

	if (tview_round_run(do_work, &round))
		return round;
	tview_refresh_note_error();
	return ROUND_FAILED;
}

/*
 * How often we have been called so far.  The count is in the control file, and
 * goes on over resets of the store.
 */
static uint64
count_wishes(void)
{
	TviewHandle *handle = tview_handle_attached(my_server);

	return handle ? tview_wake_wishes(handle) : 0;
}

/* Sleeps until somebody wakes us or the time is over. */
static bool
sleep_until_woken(long ms, uint64 wishes)
{
	TviewHandle *handle = tview_handle_attached(my_server);
	bool woken;

	if (handle == NULL)
		return tview_round_sleep(ms);
	tview_wake_set_asleep(handle, true);
	woken = tview_wake_wishes(handle) != wishes || tview_round_sleep(ms);
	if (tview_handle_attached(my_server))
		tview_wake_set_asleep(handle, false);
	return woken;
}

/* Gives our place up; false when we have been called meanwhile. */
static bool
step_down(uint64 wishes)
{
	TviewHandle *handle = tview_handle_attached(my_server);

	if (handle == NULL)
		return true;
	tview_wake_release(handle);
	return tview_wake_wishes(handle) == wishes;
}

/* The function that the postmaster calls; arg is the database. */
void
tview_worker_main(Datum arg)
{
	long idle_ms = 0;

	memcpy(&my_server, MyBgworkerEntry->bgw_extra, sizeof(my_server));
	tview_round_connect(DatumGetObjectId(arg));
	before_shmem_exit(release_at_exit, (Datum) 0);
	for (;;)
	{
		uint64 wishes = count_wishes();
		Round round = run_round();
		long pause = round == ROUND_IDLE ? LINGER_MS : RETRY_MS;

		if (round == ROUND_END)
			break;
		if (round == ROUND_WORKED)
		{
			idle_ms = 0;
			(void) tview_round_sleep(tview_wake_delay);
			continue;
		}
		/* the rest comes after a pause, if it is no longer than we linger */
		if (round == ROUND_FAILED)
			idle_ms = 0;
		if (sleep_until_woken(pause, wishes))
			idle_ms = 0;
		else
			idle_ms += pause;
		if (idle_ms >= LINGER_MS)
		{
			if (step_down(wishes))
				break;
			idle_ms = 0;
		}
	}
	proc_exit(0);
}
