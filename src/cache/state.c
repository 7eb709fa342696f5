/*
 * state.c
 *		See state.h.
 */
#include "postgres.h"

#include "cache/state.h"
#include "store/checksum.h"

static uint64
record_key(Oid relid)
{
	return relid;
}

static uint32
sum_of(const void *record, Size size)
{
	return tview_checksum(0, (const char *) record + sizeof(uint32),
						  size - sizeof(uint32));
}

/* True when the value is the record of that TVIEW. */
static bool
is_record(TviewValue value, Oid relid)
{
	const TviewState *state = value.data;

	return value.size >= offsetof(TviewState, sources) &&
		state->sum == sum_of(value.data, value.size) &&
		state->relid == relid &&
		value.size ==
		offsetof(TviewState, sources) +
			state->nsources * sizeof(TviewStateSource);
}

TviewStoreStatus
tview_state_get(TviewTxn *txn, Oid relid, TviewState *state)
{
	uint64 key = record_key(relid);
	TviewValue value;
	TviewStoreStatus status =
		tview_get(txn, TVIEW_DB_META, 0, &key, sizeof(key), &value);

	if (status != TVIEW_STORE_OK)
		return status;
	if (!is_record(value, relid))
		return TVIEW_STORE_CORRUPT;
	memcpy(state, value.data, offsetof(TviewState, sources));
	return TVIEW_STORE_OK;
}

TviewStoreStatus
tview_state_create(TviewTxn *txn, const TviewDesc *desc, uint64 floor,
				   uint32 flags)
{
	uint64 key = record_key(desc->relid);
	Size size = offsetof(TviewState, sources) +
		desc->nsources * sizeof(TviewStateSource);
	void *room;
	TviewState *state;
	TviewStoreStatus status;

	status = tview_put_reserve(txn, TVIEW_DB_META, 0, &key, sizeof(key), size,
							   &room);
	if (status != TVIEW_STORE_OK)
		return status;
	state = room;
	memset(state, 0, size);
	state->generation = desc->generation;
	state->floor = floor;
	state->relid = desc->relid;
	state->flags = flags;
	if (tview_meta_reads_own_key_only(desc))
		state->flags |= TVIEW_STATE_OWN_KEY;
	state->rootid = desc->rootid;
	state->key_root = desc->key_root;
	state->nsources = desc->nsources;
	for (int i = 0; i < desc->nsources; i++)
	{
		state->sources[i].relid = desc->sources[i];
		state->sources[i].by_relation =
			tview_meta_has_relation_tag(desc, desc->sources[i]);
	}
	state->sum = sum_of(state, size);
	return TVIEW_STORE_OK;
}

/* Changes the record's flags and counts an emptying. */
static TviewStoreStatus
change_record(TviewTxn *txn, Oid relid, uint32 set, uint32 clear, bool cleared)
{
	uint64 key = record_key(relid);
	TviewValue value;
	const TviewState *old;
	TviewState *state;
	uint32 flags;
	TviewStoreStatus status =
		tview_get(txn, TVIEW_DB_META, 0, &key, sizeof(key), &value);

	if (status != TVIEW_STORE_OK)
		return status;
	if (!is_record(value, relid))
		return TVIEW_STORE_CORRUPT;
	old = value.data;
	flags = (old->flags & ~clear) | set;
	if (flags == old->flags && !cleared)
		return TVIEW_STORE_OK;
	state = malloc(value.size);
	if (state == NULL)
		return TVIEW_STORE_NO_MEMORY;
	memcpy(state, old, value.size);
	state->flags = flags;
	state->clears += cleared;
	state->sum = sum_of(state, value.size);
	status = tview_put(txn, TVIEW_DB_META, 0, &key, sizeof(key), state,
					   value.size);
	free(state);
	return status;
}

TviewStoreStatus
tview_state_set_flags(TviewTxn *txn, Oid relid, uint32 set, uint32 clear)
{
	return change_record(txn, relid, set, clear, false);
}

TviewStoreStatus
tview_state_drop(TviewTxn *txn, Oid relid)
{
	uint64 key = record_key(relid);
	TviewStoreStatus status =
		tview_del(txn, TVIEW_DB_META, 0, &key, sizeof(key));

	if (status == TVIEW_STORE_OK || status == TVIEW_STORE_NOTFOUND)
		status = tview_clear(txn, TVIEW_DB_ROWS, relid, true);
	if (status == TVIEW_STORE_OK || status == TVIEW_STORE_NOTFOUND)
		status = tview_clear(txn, TVIEW_DB_INDEX, relid, true);
	return status == TVIEW_STORE_NOTFOUND ? TVIEW_STORE_OK : status;
}

TviewStoreStatus
tview_state_clear(TviewTxn *txn, Oid relid)
{
	TviewStoreStatus status =
		change_record(txn, relid, 0, TVIEW_STATE_COMPLETE, true);

	if (status == TVIEW_STORE_OK || status == TVIEW_STORE_NOTFOUND)
		status = tview_clear(txn, TVIEW_DB_ROWS, relid, false);
	if (status == TVIEW_STORE_OK || status == TVIEW_STORE_NOTFOUND)
		status = tview_clear(txn, TVIEW_DB_INDEX, relid, false);
	return status == TVIEW_STORE_NOTFOUND ? TVIEW_STORE_OK : status;
}

bool
tview_state_generation_equals(TviewGeneration a, TviewGeneration b)
{
	return a.xid == b.xid && a.nonce == b.nonce;
}

bool
tview_state_generation_is_later(TviewGeneration a, TviewGeneration b)
{
	return a.xid > b.xid;
}

TviewStoreStatus
tview_state_visit(TviewTxn *txn, TviewStateVisitor visitor, void *arg)
{
	TviewCursor *cursor;
	TviewValue key;
	TviewValue value;
	TviewStoreStatus status = tview_cursor_open(txn, TVIEW_DB_META, 0, &cursor);

	if (status != TVIEW_STORE_OK)
		return status == TVIEW_STORE_NOTFOUND ? TVIEW_STORE_OK : status;
	status = tview_cursor_move(cursor, TVIEW_SEEK_FIRST, &key, &value);
	while (status == TVIEW_STORE_OK)
	{
		uint64 k;

		memcpy(&k, key.data, sizeof(k));
		status = is_record(value, (Oid) k) ? visitor(value.data, arg)
										   : TVIEW_STORE_CORRUPT;
		if (status == TVIEW_STORE_OK)
			status = tview_cursor_move(cursor, TVIEW_SEEK_NEXT, &key, &value);
	}
	tview_cursor_close(cursor);
	return status == TVIEW_STORE_NOTFOUND ? TVIEW_STORE_OK : status;
}
