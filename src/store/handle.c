/*
 * handle.c
 *		LMDB's handles of named databases, one per process and database.
 *
 * LMDB numbers a new handle after those that the opening transaction knows,
 * so two transactions of one process must never open handles at a time, and a
 * handle that was opened in a transaction is lost when that one is aborted or
 * reset.  Therefore:
 *
 * - Databases are never dropped, only emptied: the main database's number of
 *   entries only grows, and equals the number of handles exactly when all of
 *   them are open.
 * - Every transaction begins by comparing the two.  Where they differ, all
 *   handles are opened in a read transaction of their own that is *committed*
 *   (published), and the transaction begins anew.
 * - So a database without a handle does not exist in the transaction's
 *   snapshot, and nothing is ever opened in the middle of a transaction, other
 *   than new databases by the (only) write transaction.  Their handles become
 *   published when it commits and are forgotten when it aborts.
 *
 * Handles are kept in the order of opening, so "known to that transaction" is
 * a comparison with the count at its beginning.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/store_private.h"

#define KIND_BITS 2

static const char kind_letters[] = {'m', 'r', 'i'};

/* The number that stands for a database in the hash. */
static inline uint64_t
name_of(TviewDbKind kind, uint32_t rel)
{
	return ((uint64_t) rel << KIND_BITS) | (uint64_t) kind;
}

/* The same for others. */
uint64_t
tview_handle_name(TviewDbKind kind, uint32_t rel)
{
	return name_of(kind, rel);
}

/* LMDB's name of that database, into text[16]; its length. */
size_t
tview_handle_text(uint64_t name, char *text)
{
	uint32_t rel = (uint32_t) (name >> KIND_BITS);
	char digits[16];
	size_t at = sizeof(digits);
	size_t length;

	/* it is asked for in every commit: snprintf takes far longer */
	digits[--at] = '\0';
	do
		digits[--at] = (char) ('0' + rel % 10);
	while ((rel /= 10) != 0);
	digits[--at] = kind_letters[name & ((1 << KIND_BITS) - 1)];
	length = sizeof(digits) - at;
	memcpy(text, digits + at, length);
	return length - 1;
}

/* First slot to look at. */
static uint32_t
hash_of(uint64_t name)
{
	return (uint32_t) ((name * UINT64_C(0x9e3779b97f4a7c15)) >> 51) %
		(2 * TVIEW_MAX_DATABASES);
}

/* Puts handle number index into the hash; there is always a free slot. */
static void
hash_add(TviewHandles *handles, uint32_t index)
{
	uint32_t at = hash_of(handles->handle[index].name);

	while (handles->slot[at] != 0)
		at = (at + 1) % (2 * TVIEW_MAX_DATABASES);
	handles->slot[at] = (uint16_t) (index + 1);
}

/* Finds a handle's number, or returns false. */
static bool
hash_find(const TviewHandles *handles, uint64_t name, uint32_t *index)
{
	uint32_t at = hash_of(name);

	while (handles->slot[at] != 0)
	{
		*index = handles->slot[at] - 1U;
		if (handles->handle[*index].name == name)
			return true;
		at = (at + 1) % (2 * TVIEW_MAX_DATABASES);
	}
	return false;
}

/* Finds the handle of a database that exists in the transaction's view. */
bool
tview_handle_find(TviewStore *store, const TviewTxn *txn, TviewDbKind kind,
				  uint32_t rel, MDB_dbi *dbi)
{
	TviewHandles *handles = store->handles;
	uint64_t name = name_of(kind, rel);
	uint32_t index = handles->last;

	/*
	 * an unused entry's name is 0, which is the meta database: visible sorts
	 * it out
	 */
	if (handles->handle[index].name != name &&
		!hash_find(handles, name, &index))
		return false;
	if (index >= txn->visible)
		return false;
	handles->last = index;
	*dbi = handles->handle[index].dbi;
	return true;
}

/*
 * Appends a handle; the caller has made sure that there is none of that name.
 */
static int
add_handle(TviewHandles *handles, uint64_t name, MDB_dbi dbi)
{
	if (handles->count == TVIEW_MAX_DATABASES)
		return MDB_DBS_FULL;
	handles->handle[handles->count].name = name;
	handles->handle[handles->count].dbi = dbi;
	hash_add(handles, handles->count);
	handles->count++;
	return 0;
}

/* Flags that a kind's databases are created with. */
static unsigned
flags_of(TviewDbKind kind)
{
	return kind == TVIEW_DB_INDEX ? 0 : MDB_INTEGERKEY;
}

/* Creates a database in the write transaction; returns an LMDB code. */
int
tview_handle_create(TviewStore *store, TviewTxn *txn, TviewDbKind kind,
					uint32_t rel, MDB_dbi *dbi)
{
	char name[16];
	int rc;

	if (store->handles->count == TVIEW_MAX_DATABASES)
		return MDB_DBS_FULL;
	(void) tview_handle_text(name_of(kind, rel), name);
	rc = mdb_dbi_open(txn->mdb, name, flags_of(kind) | MDB_CREATE, dbi);
	if (rc == 0)
		rc = add_handle(store->handles, name_of(kind, rel), *dbi);
	if (rc == 0)
		txn->visible = store->handles->count;
	return rc;
}

/* True when every database that the transaction sees has a published handle. */
bool
tview_handle_is_complete(const TviewStore *store, MDB_txn *mdb)
{
	MDB_stat stat;

	return mdb_stat(mdb, store->main_dbi, &stat) == 0 &&
		stat.ms_entries == store->handles->published;
}

/* Reads a database's name; false when it is none of ours. */
static bool
parse_name(const MDB_val *key, TviewDbKind *kind, uint32_t *rel)
{
	char text[16];
	const char *letter;
	char *end;
	unsigned long number;

	if (key->mv_size < 2 || key->mv_size >= sizeof(text))
		return false;
	memcpy(text, key->mv_data, key->mv_size);
	text[key->mv_size] = '\0';
	letter = memchr(kind_letters, text[0], sizeof(kind_letters));
	number = strtoul(text + 1, &end, 10);
	if (letter == NULL || *end != '\0' || number > UINT32_MAX)
		return false;
	*kind = (TviewDbKind) (letter - kind_letters);
	*rel = (uint32_t) number;
	return true;
}

/* Opens the database that a record of the main database describes. */
static int
open_one(TviewStore *store, MDB_txn *mdb, const MDB_val *key)
{
	char text[16];
	TviewDbKind kind;
	uint32_t rel;
	uint32_t index;
	MDB_dbi dbi;
	int rc;

	if (!parse_name(key, &kind, &rel))
		return MDB_CORRUPTED;
	if (hash_find(store->handles, name_of(kind, rel), &index))
		return 0;
	(void) tview_handle_text(name_of(kind, rel), text);
	rc = mdb_dbi_open(mdb, text, flags_of(kind), &dbi);
	if (rc == 0)
		rc = add_handle(store->handles, name_of(kind, rel), dbi);
	return rc;
}

/*
 * Verifies the pages of the main database, which LMDB is about to read.
 * Returns an LMDB code; EAGAIN when there is a later commit by now.
 */
static int
verify_main(TviewStore *store, MDB_txn *mdb)
{
	TviewRoots roots = {.valid = false};
	TviewTree tree;
	int rc = tview_pages_roots(store, mdb_txn_id(mdb), &roots);

	if (rc != 0)
		return rc;
	tview_tree_init(&tree, store, &roots, &roots.main, false);
	rc = tview_tree_end(&tree, false);
	while (rc == 0)
		rc = tview_tree_step(&tree, false);
	return rc == MDB_NOTFOUND ? 0 : rc;
}

/*
 * Opens the handles of all databases, in a read transaction of its own.  No
 * write transaction may be open in this process.  Returns an LMDB code.
 */
int
tview_handle_open_all(TviewStore *store)
{
	MDB_txn *mdb;
	MDB_cursor *cursor;
	MDB_val key;
	int rc = mdb_txn_begin(store->env, NULL, MDB_RDONLY, &mdb);

	if (rc != 0)
		return rc;
	rc = verify_main(store, mdb);
	if (rc == 0)
		rc = mdb_cursor_open(mdb, store->main_dbi, &cursor);
	if (rc == 0)
	{
		while ((rc = mdb_cursor_get(cursor, &key, NULL, MDB_NEXT)) == 0)
		{
			rc = open_one(store, mdb, &key);
			if (rc != 0)
				break;
		}
		mdb_cursor_close(cursor);
	}
	if (rc == MDB_NOTFOUND)
		rc = 0;
	if (rc == 0)
		rc = mdb_txn_commit(mdb); /* frees it in any case */
	else
		mdb_txn_abort(mdb);
	if (rc == 0)
		tview_handle_publish(store);
	else
		tview_handle_forget(store);
	return rc;
}

/* Keeps the new handles: their transaction has committed. */
void
tview_handle_publish(TviewStore *store)
{
	store->handles->published = store->handles->count;
}

/*
 * Forgets the new handles: their transaction was aborted, and LMDB closed
 * them.
 */
void
tview_handle_forget(TviewStore *store)
{
	TviewHandles *handles = store->handles;

	if (handles->count == handles->published)
		return;
	memset(handles->slot, 0, sizeof(handles->slot));
	memset(handles->handle + handles->published, 0,
		   (handles->count - handles->published) * sizeof(TviewHandle));
	handles->count = handles->published;
	handles->last = 0;
	for (uint32_t i = 0; i < handles->count; i++)
		hash_add(handles, i);
}
