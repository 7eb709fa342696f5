/*
 * ahead.c
 *		See ahead.h.
 */
#include "postgres.h"

#include "cache/index.h"
#include "cache/visibility.h"
#include "meta/meta.h"
#include "meta/option.h"
#include "utils/snapmgr.h"
#include "worker/ahead.h"
#include "worker/refresh.h"

#define MARKS_MAX 65536 /* at a time */
#define KEYS_MAX 1000000

/* How far the log of which epoch has been looked through. */
static uint64 seen_entry = 0;
static uint64 seen_end = 0;

/* Marks to be looked at. */
typedef struct Range
{
	const TviewMarkSet *marks;
	uint64 from;
	uint64 end;
} Range;

/*
 * The marks from the position on that can be taken now.  Asking the commit log
 * may throw.
 */
static Range
take_range(TviewHandle *handle, uint64 from, uint64 tail)
{
	Range range = {handle->marks, from, from};
	bool flush = tail - from >= TVIEW_FLUSH_FROM;
	TviewSnapshot snapshot;

	tview_visibility_init(&snapshot, GetActiveSnapshot());
	for (; range.end < tail && range.end - from < MARKS_MAX; range.end++)
	{
		uint64 xid = tview_markset_at(range.marks, range.end)->mark.xid;

		if (!tview_visibility_sees(&snapshot, xid))
		{
			if (!tview_visibility_aborted(xid))
				break;
		}
		else if (!(flush ? tview_visibility_make_flushed(xid)
						 : tview_visibility_flushed(xid)))
			break;
	}
	return range;
}

/* Keys that were found for one TVIEW and not handed over yet. */
typedef struct Found
{
	TviewHandle *handle;
	const TviewDesc *desc;
	TviewTxn *txn; /* NULL while not begun */
	int64 keys[4096];
	int n;
	int total;
} Found;

/* Ends reading, after which memory may be asked for. */
static void
hand_over(Found *found)
{
	if (found->txn)
		tview_read_end(found->txn);
	found->txn = NULL;
	tview_refresh_add(found->handle, found->desc->relid, found->keys,
					  found->n);
	found->total += found->n;
	found->n = 0;
}

/* Finds the rows that have read what the mark says; false on an error. */
static bool
find_readers(Found *found, uint64 tag)
{
	TviewIndexWalk walk =
		tview_index_walk(found->desc->relid, tag, PG_INT64_MIN);

	while (!walk.ended)
	{
		int n;

		if (found->n == lengthof(found->keys))
			hand_over(found);
		if (found->txn == NULL &&
			tview_read_begin(found->handle->store, &found->txn) !=
				TVIEW_STORE_OK)
		{
			found->txn = NULL;
			return false;
		}
		if (tview_index_next(found->txn, &walk, &found->keys[found->n], NULL,
							 lengthof(found->keys) - found->n,
							 &n) != TVIEW_STORE_OK)
			return false;
		found->n += n;
	}
	return true;
}

static bool
is_source(const TviewDesc *desc, Oid relid)
{
	for (int i = 0; i < desc->nsources; i++)
		if (desc->sources[i] == relid)
			return true;
	return false;
}

/*
 * Finds the keys of one TVIEW's rows that the marks concern; those of a tag
 * with its first mark.
 */
static int
find_keys(TviewHandle *handle, const TviewDesc *desc, const Range *range)
{
	Found *found = palloc(sizeof(Found));
	bool own_key = tview_meta_reads_own_key_only(desc);
	bool fine = true;
	int total;

	found->handle = handle;
	found->desc = desc;
	found->txn = NULL;
	found->n = found->total = 0;
	for (uint64 i = range->from;
		 i < range->end && fine && found->total < KEYS_MAX; i++)
	{
		const TviewMarkEntry *entry = tview_markset_at(range->marks, i);
		const TviewMark *mark = &entry->mark;

		if ((mark->flags & (TVIEW_MARK_ALL | TVIEW_MARK_TOUCH)) ||
			!is_source(desc, mark->rel))
			continue;
		if (tview_mark_has_key_of(mark, desc->rootid, desc->key_root))
		{
			if (found->n == lengthof(found->keys))
				hand_over(found);
			found->keys[found->n++] = mark->pk;
			if (own_key && (mark->flags & TVIEW_MARK_IS_KEY))
				continue;
		}
		if (entry->previous_tag <= range->from)
			fine = find_readers(found, mark->tag);
	}
	hand_over(found);
	total = found->total;
	pfree(found);
	return total;
}

bool
tview_ahead_look(TviewHandle *handle)
{
	uint64 head = tview_log_head(handle->store);
	uint64 tail = tview_log_tail(handle->store);
	Range range;
	int found = 0;
	ListCell *lc;

	if (seen_entry != handle->entry)
	{
		seen_entry = handle->entry;
		seen_end = head;
	}
	if (Max(seen_end, head) >= tail ||
		!tview_handle_read_log(handle, head, tail))
		return false;
	range = take_range(handle, Max(seen_end, head), tail);
	if (range.end == range.from)
		return false;
	foreach(lc, tview_meta_list(handle->serverid))
	{
		Oid relid = lfirst_oid(lc);
		const TviewDesc *desc = tview_option_is_background(relid)
			? tview_meta_get(relid, true)
			: NULL;

		if (desc && !desc->bypass && desc->restrictable)
			found += find_keys(handle, desc, &range);
	}
	seen_end = range.end;
	return found > 0;
}
