/*
 * statement.c
 *		See statement.h.
 *
 * Statements nest: those above the one that ends have ended before it, or fire
 * their triggers with it.  An error leaves its statements behind; they go with
 * the subtransaction or transaction that it ends.
 *
 * In doubt the locks decide:
 *
 *	- while the command runs in which the library was loaded: statements may
 *	  have begun before.  The next command of the client has another time.
 *	- in background workers: subscriptions write without the executor's hooks,
 *	  and workers of other extensions may as well.
 *	- for the rest of a session in which a row was changed by a statement that
 *	  nobody had announced.
 *	- for a table that the transaction has locked for writing without any
 *	  statement that was announced for it.
 *
 * A parallel worker does not know its leader's statements, nor its marks: when
 * the transaction has written at all, the view is run.
 */
#include "postgres.h"

#include "access/parallel.h"
#include "access/xact.h"
#include "cache/statement.h"
#include "compat.h"
#include "miscadmin.h"
#include "postmaster/bgworker.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

typedef struct Statement
{
	const void *query; /* NULL: ends with the one below */
	Oid relid;		   /* InvalidOid: all that are locked for writing */
	int level;
} Statement;

static Statement *statements = NULL;
static int nstatements = 0;
static int allocated = 0;

/* Tables that were announced in this transaction. */
#define ANNOUNCED_MAX 32

static Oid announced[ANNOUNCED_MAX];
static int nannounced = 0;
static bool all_announced = false; /* some statement stood for any table */

/* When the command began that loaded the library; DT_NOBEGIN: it is over. */
static TimestampTz loaded_at = DT_NOBEGIN;
static bool missed_one = false; /* a statement was not announced */

void
tview_statement_init(void)
{
	loaded_at = GetCurrentStatementStartTimestamp();
	/* in this transaction there may have been some before */
	all_announced = true;
}

/* True when the relation is on the list, and stays for as long. */
static bool
is_listed(Oid relid, int level)
{
	for (int i = nstatements - 1; i >= 0; i--)
		if (statements[i].relid == relid && statements[i].level <= level)
			return true;
	return false;
}

static void
make_room(void)
{
	int wanted = Max(allocated * 2, 16);

	if (statements == NULL)
		statements =
			MemoryContextAlloc(TopMemoryContext, wanted * sizeof(Statement));
	else
		statements = repalloc(statements, wanted * sizeof(Statement));
	allocated = wanted;
}

static bool
is_announced(Oid relid)
{
	for (int i = 0; i < nannounced; i++)
		if (announced[i] == relid)
			return true;
	return all_announced;
}

/* Notes it for the rest of the transaction. */
static void
note_announced(Oid relid)
{
	if (!OidIsValid(relid) || nannounced == ANNOUNCED_MAX)
		all_announced = true;
	else if (!is_announced(relid))
		announced[nannounced++] = relid;
}

void
tview_statement_begin(const void *query, Oid relid)
{
	int level = GetCurrentTransactionNestLevel();

	note_announced(relid);
	/* cascades come by the thousand */
	if (query == NULL && is_listed(relid, level))
		return;
	if (nstatements == allocated)
		make_room();
	statements[nstatements].query = query;
	statements[nstatements].relid = relid;
	statements[nstatements].level = level;
	nstatements++;
}

void
tview_statement_end(const void *query)
{
	for (int i = nstatements - 1; i >= 0; i--)
	{
		if (statements[i].query == query)
		{
			nstatements = i;
			return;
		}
	}
}

void
tview_statement_end_level(int level, bool commit)
{
	int kept = 0;

	for (int i = 0; i < nstatements; i++)
	{
		Statement statement = statements[i];

		if (statement.level >= level)
		{
			if (!commit)
				continue;
			statement.level = level - 1;
		}
		statements[kept++] = statement;
	}
	nstatements = kept;
}

void
tview_statement_clear(void)
{
	nstatements = nannounced = 0;
	all_announced = false;
}

void
tview_statement_note_command(void)
{
	loaded_at = DT_NOBEGIN;
}

/* True when statements may be under way that were not announced. */
static bool
is_in_doubt(void)
{
	if (missed_one || MyBgworkerEntry != NULL)
		return true;
	if (loaded_at == DT_NOBEGIN)
		return false;
	if (loaded_at == GetCurrentStatementStartTimestamp())
		return true;
	loaded_at = DT_NOBEGIN;
	return false;
}

void
tview_statement_note_row(void)
{
	if (nstatements == 0 && !is_in_doubt())
		missed_one = true;
}

/* True when this transaction has locked the table as writers do. */
static bool
is_locked(Oid relid)
{
	LOCKTAG tag;

	SET_LOCKTAG_RELATION(tag, MyDatabaseId, relid);
	return tview_compat_holds_lock(&tag, RowExclusiveLock);
}

bool
tview_statement_changes_any(const Oid *relids, int n)
{
	bool doubt = is_in_doubt();
	bool writes = TransactionIdIsValid(GetTopTransactionIdIfAny());

	if (nstatements == 0 && !doubt && !writes)
		return false;
	if (IsParallelWorker())
		return writes;
	for (int i = 0; i < nstatements; i++)
	{
		if (!OidIsValid(statements[i].relid))
			doubt = true;
		for (int j = 0; j < n; j++)
			if (statements[i].relid == relids[j])
				return true;
	}
	for (int j = 0; j < n; j++)
		if ((doubt || !is_announced(relids[j])) && is_locked(relids[j]))
			return true;
	return false;
}
