/*
 * rows.c
 *		Rows and cursors.
 *
 * A read transaction looks into its commit's trees over verified pages (see
 * pages.h); LMDB is not asked.  A write transaction must ask LMDB, for it sees
 * its own changes; but the pages that LMDB comes by are first verified in the
 * commit that the transaction changes, by walking the same way there.
 *
 * A database without a handle does not exist in the transaction's view, see
 * handle.c; the first put makes it.  A put that fails aborts its transaction:
 * the caller has nothing left to do but to end it.
 */
#include <errno.h>
#include <stdlib.h>

#include "store/store_private.h"

/* ---- rows ---- */

/* True when the transaction is open and the key has its kind's size. */
static inline bool
is_usable(const TviewTxn *txn, TviewDbKind kind, size_t keysize)
{
	return txn->active &&
		keysize == (kind == TVIEW_DB_INDEX ? 16 : sizeof(uint64_t));
}

/* What to say of a transaction or key that is not usable. */
static TviewStoreStatus
refuse(TviewTxn *txn)
{
	if (!txn->active && txn->failed != TVIEW_STORE_OK)
		return txn->failed;
	return tview_control_status(txn->store, EINVAL);
}

/*
 * Turns a failed change into a status; all but the harmless ones abort the
 * transaction.
 */
static TviewStoreStatus
fail_write(TviewTxn *txn, int rc)
{
	TviewStoreStatus status = tview_env_status(txn->store, rc);

	if (status == TVIEW_STORE_NOTFOUND || status == TVIEW_STORE_EXISTS)
		return status;
	tview_txn_abort_write(txn);
	txn->failed = status;
	return status;
}

/* An LMDB value of bytes that LMDB does not change. */
static inline MDB_val
value_of(const void *data, size_t size)
{
	union
	{
		const void *constant;
		void *data;
	} pointer = {.constant = data};

	return (MDB_val){.mv_size = size, .mv_data = pointer.data};
}

/* Are the keys of that kind integers? */
static inline bool
is_integer(TviewDbKind kind)
{
	return kind != TVIEW_DB_INDEX;
}

/*
 * Prepares a walk through a database as the transaction's commit has it; an
 * LMDB code.
 */
static inline int
open_tree(TviewTxn *txn, TviewDbKind kind, uint32_t rel, TviewTree *tree)
{
	const TviewTreeDb *db;
	int rc = tview_tree_find(txn->store, &txn->roots,
							 tview_handle_name(kind, rel), &db);

	if (rc == 0 && db == NULL)
		rc = MDB_NOTFOUND;
	if (rc == 0)
		tview_tree_init(tree, txn->store, &txn->roots, db, is_integer(kind));
	return rc;
}

/* Looks a key up in the transaction's commit. */
static int
get_verified(TviewTxn *txn, TviewDbKind kind, uint32_t rel, const void *key,
			 size_t keysize, TviewValue *value)
{
	TviewTree tree;
	TviewValue found;
	bool equal;
	int rc = open_tree(txn, kind, rel, &tree);

	if (rc == 0)
		rc = tview_tree_seek(&tree, key, keysize, &equal);
	if (rc == 0)
		rc = equal ? tview_tree_entry(&tree, &found, value) : MDB_NOTFOUND;
	return rc;
}

/* What LMDB is about to do at a key. */
typedef enum Purpose
{
	TO_LOOK,
	TO_APPEND, /* it looks at the last page only */
	TO_DELETE  /* it may fill the page up from its neighbours */
} Purpose;

/*
 * Walks to a key, and notes the way where its end says all about the keys
 * there: a commit's pages do not change.
 */
static int
walk(TviewTree *tree, TviewWay *way, const void *key, size_t keysize,
	 bool beside)
{
	TviewValue found;
	TviewValue value;
	bool equal;
	int rc = tview_tree_seek(tree, key, keysize, &equal);

	if (rc == 0 && equal)
		rc = tview_tree_entry(tree, &found, &value);
	if (rc == 0 && beside)
		rc = tview_tree_verify_beside(tree);
	if (rc == 0 && !tree->has_values)
	{
		way->leaf = tree->level[tree->depth - 1].page;
		way->is_beside = beside;
	}
	return rc;
}

/* Verifies the pages that LMDB will look at, unless it has just been done. */
static int
verify_way(TviewTxn *txn, TviewDbKind kind, uint32_t rel, const void *key,
		   size_t keysize, Purpose purpose)
{
	TviewWay *way = &txn->way[kind];
	bool beside = purpose == TO_DELETE;
	bool is_known;
	TviewTree tree;
	int rc;

	if (way->rel != rel)
		*way = (TviewWay){.rel = rel};
	if (purpose == TO_APPEND)
		is_known = way->is_last;
	else
		is_known = way->leaf != NULL && (way->is_beside || !beside) &&
			tview_page_covers(way->leaf, is_integer(kind), key, keysize);
	if (is_known)
		return 0;
	rc = open_tree(txn, kind, rel, &tree);
	if (rc == 0 && purpose == TO_APPEND)
	{
		rc = tview_tree_end(&tree, true);
		way->is_last = rc == 0 || rc == MDB_NOTFOUND;
	}
	else if (rc == 0)
		rc = walk(&tree, way, key, keysize, beside);
	return rc == MDB_NOTFOUND ? 0 : rc;
}

/* Looks a key up. */
TviewStoreStatus
tview_get(TviewTxn *txn, TviewDbKind kind, uint32_t rel, const void *key,
		  size_t keysize, TviewValue *value)
{
	MDB_val mkey = value_of(key, keysize);
	MDB_val mvalue;
	MDB_dbi dbi;
	int rc;

	if (!is_usable(txn, kind, keysize))
		return refuse(txn);
	if (!txn->is_write)
	{
		rc = get_verified(txn, kind, rel, key, keysize, value);
		return rc == 0 ? TVIEW_STORE_OK : tview_env_status(txn->store, rc);
	}
	if (!tview_handle_find(txn->store, txn, kind, rel, &dbi))
		return TVIEW_STORE_NOTFOUND;
	rc = verify_way(txn, kind, rel, key, keysize, TO_LOOK);
	if (rc == 0)
		rc = mdb_get(txn->mdb, dbi, &mkey, &mvalue);
	if (rc != 0)
		return tview_env_status(txn->store, rc);
	value->data = mvalue.mv_data;
	value->size = mvalue.mv_size;
	return TVIEW_STORE_OK;
}

/* Puts with LMDB's flags; *value is in/out. */
static TviewStoreStatus
put(TviewTxn *txn, TviewDbKind kind, uint32_t rel, MDB_val key, MDB_val *value,
	unsigned flags)
{
	TviewStore *store = txn->store;
	MDB_dbi dbi;
	int rc;

	if (!is_usable(txn, kind, key.mv_size) || !txn->is_write)
		return refuse(txn);
	rc = verify_way(txn, kind, rel, key.mv_data, key.mv_size,
					(flags & MDB_APPEND) != 0 ? TO_APPEND : TO_LOOK);
	if (rc == 0 && !tview_handle_find(store, txn, kind, rel, &dbi))
		rc = tview_handle_create(store, txn, kind, rel, &dbi);
	if (rc == 0)
		rc = mdb_put(txn->mdb, dbi, &key, value, flags);
	return rc == 0 ? TVIEW_STORE_OK : fail_write(txn, rc);
}

/* Stores a value, replacing any older one. */
TviewStoreStatus
tview_put(TviewTxn *txn, TviewDbKind kind, uint32_t rel, const void *key,
		  size_t keysize, const void *data, size_t size)
{
	MDB_val value = value_of(data, size);

	return put(txn, kind, rel, value_of(key, keysize), &value, 0);
}

/* Makes room for a value, which the caller fills before its next call. */
TviewStoreStatus
tview_put_reserve(TviewTxn *txn, TviewDbKind kind, uint32_t rel,
				  const void *key, size_t keysize, size_t size, void **room)
{
	MDB_val value = {.mv_size = size};
	TviewStoreStatus status =
		put(txn, kind, rel, value_of(key, keysize), &value, MDB_RESERVE);

	*room = status == TVIEW_STORE_OK ? value.mv_data : NULL;
	return status;
}

/* The same for a key that is probably the last one. */
TviewStoreStatus
tview_put_append(TviewTxn *txn, TviewDbKind kind, uint32_t rel, const void *key,
				 size_t keysize, size_t size, void **room)
{
	MDB_val value = {.mv_size = size};
	TviewStoreStatus status = put(txn, kind, rel, value_of(key, keysize),
								  &value, MDB_RESERVE | MDB_APPEND);

	if (status == TVIEW_STORE_EXISTS)
		return tview_put_reserve(txn, kind, rel, key, keysize, size, room);
	*room = status == TVIEW_STORE_OK ? value.mv_data : NULL;
	return status;
}

/* Deletes a key; NOTFOUND when it is not there. */
TviewStoreStatus
tview_del(TviewTxn *txn, TviewDbKind kind, uint32_t rel, const void *key,
		  size_t keysize)
{
	MDB_val mkey = value_of(key, keysize);
	MDB_dbi dbi;
	int rc;

	if (!is_usable(txn, kind, keysize) || !txn->is_write)
		return refuse(txn);
	if (!tview_handle_find(txn->store, txn, kind, rel, &dbi))
		return TVIEW_STORE_NOTFOUND;
	rc = verify_way(txn, kind, rel, key, keysize, TO_DELETE);
	if (rc == 0)
		rc = mdb_del(txn->mdb, dbi, &mkey, NULL);
	return rc == 0 ? TVIEW_STORE_OK : fail_write(txn, rc);
}

/*
 * Empties a database.  remove is not obeyed further: other processes have
 * handles of it, and LMDB lets a put through the handle of a dropped database
 * write into pages that are no longer its own.
 */
TviewStoreStatus
tview_clear(TviewTxn *txn, TviewDbKind kind, uint32_t rel, bool remove)
{
	MDB_dbi dbi;
	int rc;

	if (!txn->active || !txn->is_write)
		return refuse(txn);
	if (!tview_handle_find(txn->store, txn, kind, rel, &dbi))
		return TVIEW_STORE_OK;
	rc = mdb_drop(txn->mdb, dbi, 0);
	return rc == 0 ? TVIEW_STORE_OK : fail_write(txn, rc);
}

/* Size of a database, in entries and in bytes of its pages. */
TviewStoreStatus
tview_stat(TviewTxn *txn, TviewDbKind kind, uint32_t rel, uint64_t *entries,
		   uint64_t *bytes)
{
	const TviewTreeDb *db = NULL;
	MDB_stat stat;
	MDB_dbi dbi;
	int rc;

	*entries = 0;
	*bytes = 0;
	if (!txn->active)
		return refuse(txn);
	if (!txn->is_write)
	{
		rc = tview_tree_find(txn->store, &txn->roots,
							 tview_handle_name(kind, rel), &db);
		if (rc == 0 && db != NULL)
		{
			*entries = db->entries;
			*bytes =
				(db->branch_pages + db->leaf_pages + db->overflow_pages) *
				txn->store->pages->page_size;
		}
		return tview_env_status(txn->store, rc);
	}
	if (!tview_handle_find(txn->store, txn, kind, rel, &dbi))
		return TVIEW_STORE_OK;
	rc = mdb_stat(txn->mdb, dbi, &stat);
	if (rc != 0)
		return tview_env_status(txn->store, rc);
	*entries = stat.ms_entries;
	*bytes =
		(stat.ms_branch_pages + stat.ms_leaf_pages + stat.ms_overflow_pages) *
		(uint64_t) stat.ms_psize;
	return TVIEW_STORE_OK;
}

/* ---- cursors ---- */

#define CACHE_LINE 64
#define PAGE_BYTES 4096
#define PREFETCH_AHEAD 1024 /* a few small entries */
#define PREFETCH_MAX 2048	/* of an entry: LMDB puts longer ones elsewhere */

/*
 * Opens a cursor, which stands nowhere yet; one on a missing database finds
 * nothing.
 */
TviewStoreStatus
tview_cursor_open(TviewTxn *txn, TviewDbKind kind, uint32_t rel,
				  TviewCursor **cursor)
{
	TviewCursor *result;
	MDB_dbi dbi;
	int rc;

	*cursor = NULL;
	if (!txn->active)
		return refuse(txn);
	result = malloc(sizeof(TviewCursor));
	if (result == NULL)
		return tview_control_status(txn->store, ENOMEM);
	result->mdb = NULL;
	result->is_back = false;
	rc = open_tree(txn, kind, rel, &result->tree);
	result->has_tree = rc == 0;
	if (rc == MDB_NOTFOUND)
		rc = 0;
	if (rc == 0 && txn->is_write &&
		tview_handle_find(txn->store, txn, kind, rel, &dbi))
		rc = mdb_cursor_open(txn->mdb, dbi, &result->mdb);
	if (rc != 0)
	{
		free(result);
		return tview_env_status(txn->store, rc);
	}
	result->txn = txn;
	result->previous = NULL;
	result->next = txn->cursors;
	if (result->next != NULL)
		result->next->previous = result;
	txn->cursors = result;
	*cursor = result;
	return TVIEW_STORE_OK;
}

/* Closes a cursor; the end of its transaction does so, too. */
void
tview_cursor_close(TviewCursor *cursor)
{
	if (cursor->mdb != NULL)
		mdb_cursor_close(cursor->mdb);
	if (cursor->next != NULL)
		cursor->next->previous = cursor->previous;
	if (cursor->previous != NULL)
		cursor->previous->next = cursor->next;
	else
		cursor->txn->cursors = cursor->next;
	free(cursor);
}

/* Moves a tree; key is that of GE and LE. */
static int
move_tree(TviewTree *tree, TviewSeek seek, const TviewValue *key)
{
	bool equal;
	int rc;

	switch (seek)
	{
		case TVIEW_SEEK_FIRST:
			return tview_tree_end(tree, false);
		case TVIEW_SEEK_LAST:
			return tview_tree_end(tree, true);
		case TVIEW_SEEK_NEXT:
			return tview_tree_step(tree, false);
		case TVIEW_SEEK_PREV:
			return tview_tree_step(tree, true);
		case TVIEW_SEEK_GE:
			return tview_tree_seek(tree, key->data, key->size, &equal);
		case TVIEW_SEEK_LE:
			rc = tview_tree_seek(tree, key->data, key->size, &equal);
			if (rc == MDB_NOTFOUND)
				return tview_tree_end(tree, true);
			return rc == 0 && !equal ? tview_tree_step(tree, true) : rc;
	}
	return MDB_NOTFOUND;
}

/* Finds the last key that is not above *key. */
static int
seek_le(MDB_cursor *mdb, MDB_val *key, MDB_val *value)
{
	MDB_val wanted = *key;
	MDB_dbi dbi = mdb_cursor_dbi(mdb);
	int rc = mdb_cursor_get(mdb, key, value, MDB_SET_RANGE);

	if (rc == MDB_NOTFOUND)
		return mdb_cursor_get(mdb, key, value, MDB_LAST);
	if (rc == 0 && mdb_cmp(mdb_cursor_txn(mdb), dbi, key, &wanted) != 0)
		return mdb_cursor_get(mdb, key, value, MDB_PREV);
	return rc;
}

/*
 * Asks for the memory that the next moves will read.  LMDB fills a page from
 * its end, so that the entries of ascending keys descend in memory; it is a
 * hint, and any address will do.
 */
static inline void
prefetch_next(const TviewValue *value)
{
	uintptr_t address = (uintptr_t) value->data;
	uintptr_t page = address & ~(uintptr_t) (PAGE_BYTES - 1);
	size_t size = value->size < PREFETCH_MAX ? value->size : PREFETCH_MAX;
	uintptr_t end = address - PREFETCH_AHEAD;
	uintptr_t wanted = end - size;

	/* past the page's beginning: the end of the next page */
	if (wanted < page)
	{
		__builtin_prefetch((const void *) (page + PAGE_BYTES));
		for (; wanted < page && wanted <= end; wanted += CACHE_LINE)
			__builtin_prefetch((const void *) (wanted + 2 * PAGE_BYTES));
	}
	for (; wanted <= end; wanted += CACHE_LINE)
		__builtin_prefetch((const void *) wanted);
}

/*
 * Before LMDB's cursor moves: the tree goes where it will.  From then on the
 * tree is always ahead, at the first old entry beyond the cursor's.
 */
static int
lead(TviewCursor *cursor, TviewSeek seek, const TviewValue *key)
{
	bool back = seek == TVIEW_SEEK_PREV || seek == TVIEW_SEEK_LAST ||
		seek == TVIEW_SEEK_LE;
	bool turned = back != cursor->is_back;
	MDB_val current;
	TviewValue here;
	int rc;

	cursor->is_back = back;
	if (seek != TVIEW_SEEK_NEXT && seek != TVIEW_SEEK_PREV)
		return move_tree(&cursor->tree, seek, key);
	if (!cursor->tree.is_placed)
		return tview_tree_end(&cursor->tree, back);
	if (!turned)
		return 0;
	rc = mdb_cursor_get(cursor->mdb, &current, NULL, MDB_GET_CURRENT);
	if (rc != 0)
		return tview_tree_end(&cursor->tree, back);
	here = (TviewValue){current.mv_data, current.mv_size};
	return move_tree(&cursor->tree, back ? TVIEW_SEEK_LE : TVIEW_SEEK_GE,
					 &here);
}

/* After LMDB's cursor has moved to a key, or beyond the end (NULL). */
static int
catch_up(TviewCursor *cursor, const MDB_val *key)
{
	TviewTree *tree = &cursor->tree;
	int rc = 0;

	while (rc == 0 && tree->depth > 0)
	{
		if (key != NULL)
		{
			int order = tview_tree_compare(tree, key->mv_data, key->mv_size);

			if (cursor->is_back ? order < 0 : order > 0)
				break;
		}
		rc = tview_tree_step(tree, cursor->is_back);
	}
	return rc == MDB_NOTFOUND ? 0 : rc;
}

/* Moves LMDB's cursor, the tree leading the way. */
static int
move_mdb(TviewCursor *cursor, TviewSeek seek, TviewValue *key,
		 TviewValue *value)
{
	static const MDB_cursor_op ops[] = {
		[TVIEW_SEEK_FIRST] = MDB_FIRST,
		[TVIEW_SEEK_LAST] = MDB_LAST,
		[TVIEW_SEEK_NEXT] = MDB_NEXT,
		[TVIEW_SEEK_PREV] = MDB_PREV,
		[TVIEW_SEEK_GE] = MDB_SET_RANGE,
	};
	MDB_val mkey = {0};
	MDB_val mvalue = {0};
	int verified = 0;
	int rc;

	if (cursor->has_tree)
		verified = lead(cursor, seek, key);
	if (verified != 0 && verified != MDB_NOTFOUND)
		return verified;
	if (seek == TVIEW_SEEK_GE || seek == TVIEW_SEEK_LE)
		mkey = value_of(key->data, key->size);
	if (seek == TVIEW_SEEK_LE)
		rc = seek_le(cursor->mdb, &mkey, &mvalue);
	else
		rc = mdb_cursor_get(cursor->mdb, &mkey, &mvalue, ops[seek]);
	if (cursor->has_tree && (rc == 0 || rc == MDB_NOTFOUND))
	{
		verified = catch_up(cursor, rc == 0 ? &mkey : NULL);
		if (verified != 0)
			return verified;
	}
	if (rc == 0)
	{
		*key = (TviewValue){mkey.mv_data, mkey.mv_size};
		*value = (TviewValue){mvalue.mv_data, mvalue.mv_size};
	}
	return rc;
}

/* Moves a cursor; see store.h. */
TviewStoreStatus
tview_cursor_move(TviewCursor *cursor, TviewSeek seek, TviewValue *key,
				  TviewValue *value)
{
	int rc = MDB_NOTFOUND;

	if (cursor->mdb != NULL)
		rc = move_mdb(cursor, seek, key, value);
	else if (cursor->has_tree && !cursor->txn->is_write)
	{
		rc = seek == TVIEW_SEEK_NEXT ? tview_tree_next(&cursor->tree)
									 : move_tree(&cursor->tree, seek, key);
		if (rc == 0)
			rc = tview_tree_entry(&cursor->tree, key, value);
		if (rc == 0 && seek == TVIEW_SEEK_NEXT)
			prefetch_next(value);
	}
	return rc == 0 ? TVIEW_STORE_OK
				   : tview_env_status(cursor->txn->store, rc);
}
