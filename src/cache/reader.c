/*
 * reader.c
 *		See reader.h.
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "cache/reader.h"
#include "cache/statement.h"
#include "cache/stop.h"
#include "meta/tag.h"
#include "utils/inval.h"
#include "utils/snapmgr.h"

/* The one open read transaction of this backend. */
static TviewTxn *open_txn = NULL;

const char *
tview_reader_bypass_name(TviewBypass code)
{
	static const char *const names[TVIEW_BYPASS_COUNT] = {
		[TVIEW_BYPASS_NONE] = "none",
		[TVIEW_BYPASS_RECOVERY] = "recovery",
		[TVIEW_BYPASS_SERIALIZABLE] = "serializable",
		[TVIEW_BYPASS_SNAPSHOT_KIND] = "snapshot_kind",
		[TVIEW_BYPASS_FLOOR] = "old_snapshot",
		[TVIEW_BYPASS_SETTING] = "setting",
		[TVIEW_BYPASS_RLS] = "row_level_security",
		[TVIEW_BYPASS_INCOMPLETE] = "incomplete",
		[TVIEW_BYPASS_OWN_DDL] = "own_ddl",
		[TVIEW_BYPASS_GONE] = "not_mvcc_safe",
		[TVIEW_BYPASS_STATEMENT] = "statement",
		[TVIEW_BYPASS_DEFINITION] = "definition",
		[TVIEW_BYPASS_GENERATION] = "generation",
		[TVIEW_BYPASS_STORE] = "store",
		[TVIEW_BYPASS_ALL_CHANGED] = "all_changed",
		[TVIEW_BYPASS_CHEAPER] = "mostly_stale",
		[TVIEW_BYPASS_MISMATCH] = "mismatch",
	};

	return names[code];
}

static TviewReason
reason(TviewBypass code, const char *text)
{
	TviewReason result = {code, text};

	return result;
}

static const TviewReason fine = {TVIEW_BYPASS_NONE, NULL};

TviewReason
tview_reader_check(TviewDesc *desc, Snapshot snapshot)
{
	if (RecoveryInProgress())
		return reason(TVIEW_BYPASS_RECOVERY, "the server is in recovery");
	if (IsolationIsSerializable())
		return reason(TVIEW_BYPASS_SERIALIZABLE,
					  "the transaction is serializable");
	if (!IsMVCCSnapshot(snapshot) || snapshot->takenDuringRecovery)
		return reason(TVIEW_BYPASS_SNAPSHOT_KIND,
					  "the snapshot is not an MVCC snapshot");
	if (desc->bypass)
		return reason(TVIEW_BYPASS_DEFINITION, desc->bypass);
	if (desc->own_ddl)
		return reason(TVIEW_BYPASS_OWN_DDL,
					  "this transaction has changed the definition");
	if (desc->rls)
		return reason(TVIEW_BYPASS_RLS, "a base table has row-level security");
	return fine;
}

void
tview_reader_init(TviewReader *reader, TviewDesc *desc, Snapshot snapshot)
{
	memset(reader, 0, sizeof(TviewReader));
	reader->desc = desc;
	tview_visibility_init(&reader->snapshot, snapshot);
	reader->context = CurrentMemoryContext;
}

void
tview_reader_abort(void)
{
	if (open_txn)
		tview_read_end(open_txn);
	open_txn = NULL;
}

void
tview_reader_end(TviewReader *reader)
{
	if (reader->txn)
		tview_reader_abort();
	reader->txn = NULL;
}

/* Does the reader's snapshot see xid?  Remembers the last answer. */
static inline bool
sees(TviewReader *reader, uint64 xid)
{
	if (xid != reader->last_xid)
	{
		reader->last_sees = tview_visibility_sees(&reader->snapshot, xid);
		reader->last_xid = xid;
	}
	return reader->last_sees;
}

static void
add_wild(TviewReader *reader, uint64 xid)
{
	for (int i = 0; i < reader->nwild; i++)
		if (reader->wild[i].xid == xid)
			return;
	if (reader->nwild == reader->wild_allocated)
	{
		int wanted = Max(reader->wild_allocated * 2, 8);

		reader->wild = reader->wild
			? repalloc(reader->wild, wanted * sizeof(TviewWild))
			: MemoryContextAlloc(reader->context, wanted * sizeof(TviewWild));
		reader->wild_allocated = wanted;
	}
	reader->wild[reader->nwild].xid = xid;
	reader->wild[reader->nwild].sees = sees(reader, xid);
	reader->nwild++;
}

/*
 * Collects the marks on the whole of one base table.  False when one of them
 * is a command that changed the table for every snapshot.
 */
static bool
collect_wild(TviewReader *reader, Oid relid)
{
	const TviewMarkSet *marks = reader->handle->marks;
	bool touched = tview_meta_has_relation_tag(reader->desc, relid);
	const TviewMarkEntry *entry;

	for (entry = tview_markset_first(marks, tview_tag_relation(relid),
									 reader->head);
		 entry; entry = tview_markset_next(marks, entry, reader->head))
	{
		const TviewMark *mark = &entry->mark;

		if (mark->rel != relid)
			continue;
		if (mark->flags & TVIEW_MARK_ALL)
		{
			bool aborted = tview_visibility_aborted(mark->xid);

			if ((mark->flags & TVIEW_MARK_GONE) && !aborted)
				return false;
			if (relid == reader->desc->rootid && !aborted)
				reader->root_changed = true;
			add_wild(reader, mark->xid);
		}
		else if (touched && (mark->flags & TVIEW_MARK_TOUCH))
			add_wild(reader, mark->xid);
	}
	return true;
}

/* The same for the own transaction's set. */
static bool
collect_own(TviewReader *reader, Oid relid)
{
	const TviewPending *pending = reader->pending;

	if (tview_pending_is_gone(pending, relid))
		return false;
	if (tview_pending_is_all(pending, relid))
	{
		reader->all_invalid = true;
		if (relid == reader->desc->rootid)
			reader->root_changed = true;
	}
	else if (tview_meta_has_relation_tag(reader->desc, relid) &&
			 tview_markset_first(pending->marks, tview_tag_relation(relid), 0))
		reader->all_invalid = true;
	return true;
}

/* Collects what concerns every row; false when the view must be run. */
static bool
collect_relations(TviewReader *reader)
{
	const TviewDesc *desc = reader->desc;

	reader->nwild = 0;
	reader->root_changed = false;
	reader->all_invalid = false;
	reader->pending = tview_pending_find(desc->serverid);
	for (int i = 0; i < desc->nsources; i++)
	{
		if (reader->marked && !collect_wild(reader, desc->sources[i]))
			return false;
		if (reader->pending && !collect_own(reader, desc->sources[i]))
			return false;
	}
	return true;
}

/* A record as it stood at a commit of an epoch that was entered. */
typedef struct KnownState
{
	Oid relid;
	uint64 entry;
	uint64 commit;
	int64 rows; /* that are there when no mark is; -1: not counted */
	TviewState state;
} KnownState;

#define KNOWN_STATES 64

static KnownState known_states[KNOWN_STATES];

/* What is known of the TVIEW at the reader's commit, or NULL. */
static KnownState *
find_known(const TviewReader *reader)
{
	Oid relid = reader->desc->relid;
	KnownState *known = &known_states[relid % KNOWN_STATES];

	return known->relid == relid && known->entry == reader->entry &&
			known->commit == reader->commit
		? known
		: NULL;
}

/*
 * Reads the TVIEW's record, or remembers it where nothing was committed to the
 * store since it was read last.
 */
static TviewStoreStatus
get_state(TviewReader *reader)
{
	Oid relid = reader->desc->relid;
	KnownState *known;
	TviewStoreStatus status;

	reader->entry = reader->handle->entry;
	reader->commit = tview_read_commit(reader->txn);
	known = find_known(reader);
	if (known)
	{
		reader->state = known->state;
		return TVIEW_STORE_OK;
	}
	status = tview_state_get(reader->txn, relid, &reader->state);
	if (status != TVIEW_STORE_OK)
		return status;
	known = &known_states[relid % KNOWN_STATES];
	known->relid = relid;
	known->entry = reader->entry;
	known->commit = reader->commit;
	known->rows = -1;
	known->state = reader->state;
	return TVIEW_STORE_OK;
}

bool
tview_reader_known_rows(const TviewReader *reader, int64 *rows)
{
	const KnownState *known = find_known(reader);

	if (known == NULL || known->rows < 0 || reader->marked ||
		reader->pending || !reader->complete)
		return false;
	*rows = known->rows;
	return true;
}

void
tview_reader_note_rows(const TviewReader *reader, int64 rows)
{
	KnownState *known = find_known(reader);

	if (known)
		known->rows = rows;
}

/* Opens the read transaction and reads the TVIEW's record. */
static TviewReason
begin_txn(TviewReader *reader)
{
	TviewStore *store = reader->handle->store;
	TviewStoreStatus status;

	tview_reader_abort();
	status = tview_read_begin(store, &open_txn);
	if (status != TVIEW_STORE_OK)
	{
		open_txn = NULL;
		tview_handle_note(reader->handle, status, "reading");
		return reason(TVIEW_BYPASS_STORE, tview_store_message(status));
	}
	reader->txn = open_txn;
	status = get_state(reader);
	if (status == TVIEW_STORE_NOTFOUND)
		return reason(TVIEW_BYPASS_INCOMPLETE, "nothing is stored yet");
	if (status != TVIEW_STORE_OK)
	{
		tview_handle_note(reader->handle, status, "reading");
		return reason(TVIEW_BYPASS_STORE, tview_store_message(status));
	}
	if (!tview_state_generation_equals(reader->state.generation,
									   reader->desc->generation))
		return reason(TVIEW_BYPASS_GENERATION,
					  "the stored rows are of another definition");
	if (reader->snapshot.xmin < reader->state.floor)
		return reason(TVIEW_BYPASS_FLOOR,
					  "the snapshot is older than the stored rows may be");
	return fine;
}

/* One attempt; *again when the log moved on meanwhile. */
static TviewReason
try_begin(TviewReader *reader, bool *again)
{
	TviewStore *store = reader->handle->store;
	TviewReason result;

	*again = false;
	reader->damaged = false;
	reader->head = tview_log_head(store);
	TVIEW_STOP("read.head");
	result = begin_txn(reader);
	if (result.code != TVIEW_BYPASS_NONE)
		return result;
	TVIEW_STOP("read.begin");
	if (reader->snapshot.xmin < tview_store_floor(store))
		return reason(TVIEW_BYPASS_FLOOR,
					  "the snapshot is older than the stored rows may be");
	TVIEW_STOP("read.floor");
	reader->tail = tview_log_tail(store);
	TVIEW_STOP("read.tail");
	reader->marked = reader->head != reader->tail;
	if (tview_store_epoch(store) != reader->handle->epoch)
		return reason(TVIEW_BYPASS_STORE, "the store has just been reset");
	if (reader->marked ||
		tview_markset_end(reader->handle->marks) != reader->tail)
	{
		if (!tview_handle_read_log(reader->handle, reader->head, reader->tail))
		{
			*again = true;
			return reason(TVIEW_BYPASS_STORE, "the mark log moves too fast");
		}
	}
	reader->complete = (reader->state.flags & TVIEW_STATE_COMPLETE) != 0;
	if (!collect_relations(reader))
		return reason(TVIEW_BYPASS_GONE,
					  "a base table was truncated, rewritten or attached");
	return fine;
}

TviewReason
tview_reader_begin(TviewReader *reader)
{
	const char *failure = NULL;
	TviewReason result;
	bool again = true;

	if (tview_statement_changes_any(reader->desc->bases,
									reader->desc->nbases))
		return reason(TVIEW_BYPASS_STATEMENT,
					  "a statement of this session is changing a base table");
	TVIEW_STOP("read.snapshot");
	/* what writers have announced whom the snapshot sees: see handle.c */
	AcceptInvalidationMessages();
	reader->handle = tview_handle_open(reader->desc->serverid, &failure);
	if (reader->handle == NULL)
		return reason(TVIEW_BYPASS_STORE, failure);
	TVIEW_STOP("read.epoch");
	for (int attempt = 0; again && attempt < 10; attempt++)
	{
		result = try_begin(reader, &again);
		if (result.code != TVIEW_BYPASS_NONE)
			tview_reader_end(reader);
	}
	return result;
}

/*
 * The rule of DESIGN: the xids that the snapshot sees are exactly those that
 * the row covers.
 */
static bool
row_is_valid(TviewReader *reader, const TviewRow *row)
{
	for (int i = 0; i < reader->nwild; i++)
		if (tview_row_covers(row, reader->wild[i].xid) != reader->wild[i].sees)
			return false;
	if (reader->marked)
	{
		const TviewMarkSet *marks = reader->handle->marks;

		for (uint32 i = 0; i < row->ntags; i++)
		{
			const TviewMarkEntry *entry =
				tview_markset_first(marks, row->tags[i], reader->head);

			for (; entry;
				 entry = tview_markset_next(marks, entry, reader->head))
				if (tview_row_covers(row, entry->mark.xid) !=
					sees(reader, entry->mark.xid))
					return false;
		}
	}
	if (reader->pending)
	{
		for (uint32 i = 0; i < row->ntags; i++)
			if (tview_markset_first(reader->pending->marks, row->tags[i], 0))
				return false;
	}
	return true;
}

static TviewFound
judge(TviewReader *reader, const TviewRow *row)
{
	if ((row->flags & TVIEW_ROW_HOLLOW) || reader->all_invalid ||
		!row_is_valid(reader, row))
		return TVIEW_FOUND_INVALID;
	return (row->flags & TVIEW_ROW_ABSENT) ? TVIEW_FOUND_ABSENT
										   : TVIEW_FOUND_VALID;
}

void
tview_reader_note(TviewReader *reader, TviewStoreStatus status)
{
	if (status == TVIEW_STORE_OK || status == TVIEW_STORE_NOTFOUND)
		return;
	reader->damaged = true;
	tview_handle_note(reader->handle, status, "reading rows");
}

TviewFound
tview_reader_validate(TviewReader *reader, int64 key, TviewValue value,
					  TviewRow *row)
{
	if (!tview_row_decode(value, reader->desc->relid, key, row))
	{
		tview_reader_note(reader, TVIEW_STORE_CORRUPT);
		return TVIEW_FOUND_INVALID;
	}
	return judge(reader, row);
}

/*
 * With every key known and no mark on this one, a missing entry means that
 * there is no row.
 */
static bool
key_is_unknown(TviewReader *reader, int64 key)
{
	uint64 tag;

	if (!reader->complete || reader->root_changed)
		return false;
	tag = tview_reader_key_tag(reader->desc, key);
	if (reader->marked &&
		tview_markset_first(reader->handle->marks, tag, reader->head))
		return false;
	if (reader->pending && tview_markset_first(reader->pending->marks, tag, 0))
		return false;
	return true;
}

TviewFound
tview_reader_get(TviewReader *reader, int64 key, TviewRow *row)
{
	TviewStoreStatus status =
		tview_row_get(reader->txn, reader->desc->relid, key, row);

	if (status == TVIEW_STORE_OK)
		return judge(reader, row);
	if (status == TVIEW_STORE_NOTFOUND)
		return key_is_unknown(reader, key) ? TVIEW_FOUND_ABSENT
										   : TVIEW_FOUND_INVALID;
	tview_reader_note(reader, status);
	return TVIEW_FOUND_INVALID;
}

uint64
tview_reader_key_tag(TviewDesc *desc, int64 key)
{
	for (int i = 0; i < desc->ntagspecs; i++)
	{
		TviewTagger *tagger = &desc->tagspecs[i].tagger;

		if (tagger->relid == desc->rootid && tagger->attno == desc->key_root &&
			!desc->tagspecs[i].multiple && tagger->is_integer)
			return tview_meta_tag_integer(tagger, key);
	}
	elog(ERROR, "tview %u has no tag on its key", desc->relid);
}

void
tview_reader_visit_keys(TviewReader *reader, uint64 from, bool own,
						TviewKeyVisitor visit, void *arg)
{
	const TviewDesc *desc = reader->desc;
	const TviewMarkEntry *entry;
	uint64 lower = Max(from, reader->head);

	if (reader->marked)
	{
		const TviewMarkSet *marks = reader->handle->marks;

		for (entry = tview_markset_first_key(marks, desc->rootid,
											 desc->key_root, lower);
			 entry; entry = tview_markset_next_key(marks, entry, lower))
			visit(entry->mark.pk, arg);
	}
	if (own && reader->pending)
	{
		const TviewMarkSet *marks = reader->pending->marks;

		for (entry = tview_markset_first_key(marks, desc->rootid,
											 desc->key_root, 0);
			 entry; entry = tview_markset_next_key(marks, entry, 0))
			visit(entry->mark.pk, arg);
	}
}

/* Visits the pks of one tag's marks in one set. */
static void
visit_carried(const TviewMarkSet *marks, uint64 lower, uint64 tag,
			  const TviewDesc *desc, TviewKeyVisitor visit, void *arg)
{
	const TviewMarkEntry *entry;

	for (entry = tview_markset_first(marks, tag, lower); entry;
		 entry = tview_markset_next(marks, entry, lower))
	{
		const TviewMark *mark = &entry->mark;

		if (tview_mark_has_key_of(mark, desc->rootid, desc->key_root))
			visit(mark->pk, arg);
	}
}

void
tview_reader_visit_tag(TviewReader *reader, uint64 tag, TviewKeyVisitor visit,
					   void *arg)
{
	if (reader->marked)
		visit_carried(reader->handle->marks, reader->head, tag, reader->desc,
					  visit, arg);
	if (reader->pending)
		visit_carried(reader->pending->marks, 0, tag, reader->desc, visit, arg);
}
