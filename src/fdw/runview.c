/*
 * runview.c
 *		Runs the view for a scan: with the pushed conditions, or as a whole
 *		while storing its rows on the way.
 */
#include "postgres.h"

#include "cache/stop.h"
#include "catalog/pg_type_d.h"
#include "compat.h"
#include "compute/guard.h"
#include "executor/executor.h"
#include "fdw/check.h"
#include "fdw/state.h"
#include "lib/stringinfo.h"
#include "nodes/plannodes.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"
#include "catalog/pg_operator.h"

#define FILL_ROWS 500 /* stored in one transaction */
#define FILL_BYTES (1024 * 1024)
#define FILL_GONE 500 /* entries without a root row, removed with them */

/* The operator as OPERATOR(schema.name). */
static void
append_operator(StringInfo sql, Oid opno)
{
	HeapTuple tuple = SearchSysCache1(OPEROID, ObjectIdGetDatum(opno));
	Form_pg_operator form;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for operator %u", opno);
	form = (Form_pg_operator) GETSTRUCT(tuple);
	appendStringInfo(sql, "OPERATOR(%s.%s)",
					 quote_identifier(get_namespace_name(form->oprnamespace)),
					 NameStr(form->oprname));
	ReleaseSysCache(tuple);
}

/* Name of a column of the view, quoted. */
static const char *
column_name(const TviewDesc *desc, AttrNumber attno)
{
	return quote_identifier(
		NameStr(TupleDescAttr(desc->tupdesc, attno - 1)->attname));
}

static Datum
key_array(const int64 *keys, int n)
{
	Datum *elements = palloc(Max(n, 1) * sizeof(Datum));

	for (int i = 0; i < n; i++)
		elements[i] = Int64GetDatum(keys[i]);
	return PointerGetDatum(construct_array(elements, n, INT8OID, sizeof(int64),
										   FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}

/* Adds "key operator parameter" to the query's conditions. */
static void
append_key(StringInfo sql, const TviewDesc *desc, const char *operator, int n)
{
	appendStringInfo(sql, "%sv.%s OPERATOR(pg_catalog.%s) ",
					 sql->len > 0 ? " AND " : "", desc->key_name, operator);
	appendStringInfo(sql, *operator== '=' ? "ANY ($%d)" : "$%d", n);
}

/* Adds a pushed condition, its value being a parameter. */
static void
append_condition(StringInfo sql, const TviewDesc *desc,
				 const TviewCondition *condition, int n)
{
	appendStringInfo(sql, "%sv.%s ", sql->len > 0 ? " AND " : "",
					 column_name(desc, condition->attno));
	append_operator(sql, condition->opno);
	appendStringInfo(sql, condition->is_array ? " ANY ($%d)" : " $%d", n);
}

TviewStream *
tview_runview_open(TviewScanState *state, const TviewViewPart *part)
{
	TviewDesc *desc = state->desc;
	int n = state->plan->nconditions;
	Oid *types = palloc((n + 2) * sizeof(Oid));
	Datum *values = palloc((n + 2) * sizeof(Datum));
	StringInfoData sql;
	TviewStreamQuery query = {.columns = part->columns,
							  .types = types,
							  .values = values,
							  .direction = part->direction,
							  .flags = part->flags};

	initStringInfo(&sql);
	for (int i = 0; i < n; i++)
	{
		append_condition(&sql, desc, &state->plan->conditions[i], i + 1);
		types[i] = state->values[i].type;
		values[i] = state->values[i].value;
	}
	if (part->key || part->keys_only)
	{
		types[n] = INT8ARRAYOID;
		values[n++] = part->key ? key_array(part->key, 1)
								: key_array(state->keys + state->next_key,
											state->nkeys - state->next_key);
		append_key(&sql, desc, "=", n);
	}
	if (state->has_last && part->key == NULL)
	{
		types[n] = INT8OID;
		values[n++] = Int64GetDatum(state->last);
		append_key(&sql, desc, state->plan->direction < 0 ? "<" : ">", n);
	}
	query.nparams = n;
	query.where = sql.len > 0 ? sql.data : NULL;
	return tview_stream_open(desc, state->snapshot, &query);
}

/* ---- the rows of one key ---- */

/* Runs the view for a key in a stream, whatever the conditions are. */
static int
fetch_slowly(TviewScanState *state, int64 key, const Bitmapset *columns,
			 MinimalTuple **rows)
{
	TviewViewPart part = {
		.columns = columns, .key = &key, .flags = TVIEW_STREAM_SINGLE};
	TviewStream *stream = tview_runview_open(state, &part);
	MinimalTuple tuple;
	int n = 0;

	*rows = palloc(sizeof(MinimalTuple));
	while ((tuple = tview_stream_next(stream)) != NULL)
	{
		if (n > 0)
			*rows = repalloc(*rows, (n + 1) * sizeof(MinimalTuple));
		(*rows)[n++] = tview_compat_copy_tuple(tuple);
	}
	tview_stream_close(stream);
	return n;
}

/* True when every key that the scan comes to meets the condition. */
static bool
is_met_by_keys(const TviewScanState *state, const TviewCondition *condition)
{
	return condition->attno == state->desc->key &&
		(!condition->is_array || state->plan->kind == TVIEW_SCAN_KEYS);
}

/* The text of a key's query: its key, and the conditions that it may miss. */
static const char *
compose_fetch(const void *arg)
{
	const TviewScanState *state = arg;
	StringInfoData sql;
	int n = 1;

	initStringInfo(&sql);
	appendStringInfo(&sql, "v.%s OPERATOR(pg_catalog.=) $1",
					 state->desc->key_name);
	for (int i = 0; i < state->plan->nconditions; i++)
		if (!is_met_by_keys(state, &state->plan->conditions[i]))
			append_condition(&sql, state->desc, &state->plan->conditions[i],
							 ++n);
	return sql.data;
}

/*
 * What makes one key's query another one than the next: the columns and the
 * conditions.  NULL where the text must be composed each time: an operator
 * that is not PostgreSQL's own may get another name.
 */
static uint32 *
shape_of(const TviewScanState *state, const Bitmapset *columns, Size *size)
{
	uint32 *shape =
		palloc((state->plan->nconditions * 4 + bms_num_members(columns)) *
			   sizeof(uint32));
	int n = 0;
	int attno = -1;

	for (int i = 0; i < state->plan->nconditions; i++)
	{
		const TviewCondition *condition = &state->plan->conditions[i];

		if (is_met_by_keys(state, condition))
			continue;
		if (condition->opno >= FirstNormalObjectId)
			return NULL;
		shape[n++] = condition->opno;
		shape[n++] = condition->is_array;
		shape[n++] = state->values[i].type;
		/* no number of a column is as large */
		shape[n++] = PG_UINT16_MAX + 1 + condition->attno;
	}
	while ((attno = bms_next_member(columns, attno)) >= 0)
		shape[n++] = attno;
	*size = n * sizeof(uint32);
	return shape;
}

int
tview_runview_fetch(TviewScanState *state, int64 key, const Bitmapset *columns,
					MinimalTuple **rows)
{
	const TviewPlan *plan = state->plan;
	Oid *types = palloc((plan->nconditions + 1) * sizeof(Oid));
	Datum *values = palloc((plan->nconditions + 1) * sizeof(Datum));
	TviewPart part = {.columns = columns,
					  .types = types,
					  .values = values,
					  .compose = compose_fetch,
					  .arg = state};
	int n = 1;

	part.shape = shape_of(state, columns, &part.size);
	if (part.shape == NULL)
		return fetch_slowly(state, key, columns, rows);
	types[0] = state->desc->keytype;
	values[0] = tview_compute_key_datum(state->desc, key);
	for (int i = 0; i < plan->nconditions; i++)
	{
		if (is_met_by_keys(state, &plan->conditions[i]))
			continue;
		types[n] = state->values[i].type;
		values[n++] = state->values[i].value;
	}
	part.nparams = n;
	return tview_compute_part(state->desc, state->snapshot, &part, rows);
}

/* ---- the view ---- */

/*
 * Is the plan one that may stop early?  Then the view is not worth being run
 * as a whole.
 */
static bool
may_stop_early(const TviewScanState *state)
{
	const PlannedStmt *stmt = state->node->ss.ps.state->es_plannedstmt;

	return stmt == NULL || IsA(stmt->planTree, Limit);
}

/*
 * True when running the whole view in key order, storing on the way, is
 * possible and useful.  Rows that were returned before are built once more
 * where nothing else would ever bring the stale ones behind them up to date.
 */
static bool
can_build(TviewScanState *state, TviewReason reason)
{
	if (state->plan->kind != TVIEW_SCAN_FULL || state->plan->direction < 0 ||
		(state->has_last && reason.code != TVIEW_BYPASS_CHEAPER))
		return false;
	if (reason.code != TVIEW_BYPASS_INCOMPLETE &&
		reason.code != TVIEW_BYPASS_ALL_CHANGED &&
		reason.code != TVIEW_BYPASS_CHEAPER)
		return false;
	return !may_stop_early(state) && tview_guard_is_possible() &&
		tview_writer_is_allowed(state->desc, state->snapshot);
}

/* True when the view's rows can be computed one by one if that is needed. */
static bool
can_be_alone(const TviewScanState *state)
{
	return state->desc->restrictable && state->desc->single_row &&
		tview_guard_is_possible();
}

/*
 * True when they have to be from the start: of several rows with a key some
 * may have been returned when one of them fails that the plan leaves out.
 */
static bool
must_be_alone(const TviewScanState *state)
{
	return state->desc->restrictable && !state->desc->single_row &&
		state->node->ss.ps.plan->qual != NIL;
}

/*
 * Runs the view for the columns that the scan reads, and nothing else.  Where
 * an error in a row could not be put off, no row is computed too early.
 */
static void
start_view(TviewScanState *state, int direction)
{
	TviewViewPart part = {.columns = tview_alone_columns(state),
						  .keys_only = state->keys_only,
						  .direction = direction,
						  .flags = can_be_alone(state) ? TVIEW_STREAM_GUARDED
													   : TVIEW_STREAM_SINGLE};

	state->viewing = true;
	if (must_be_alone(state))
	{
		tview_alone_start(state);
		return;
	}
	state->phase = TVIEW_PHASE_VIEW;
	state->nrows = state->next_row = 0;
	state->stream = tview_runview_open(state, &part);
}

TviewReason
tview_runview_setting(TviewScanState *state)
{
	TviewReason reason = {TVIEW_BYPASS_NONE, NULL};
	const char *setting = tview_compute_foreign_setting(state->desc);

	if (setting != NULL)
	{
		reason.code = TVIEW_BYPASS_SETTING;
		reason.text = psprintf(
			"the setting %s differs from that of the stored rows", setting);
	}
	return reason;
}

void
tview_runview_start(TviewScanState *state, TviewReason reason)
{
	MemoryContext old;

	if (tview_lock_is_missing(state, true))
		return;
	old = MemoryContextSwitchTo(state->scan_context);
	state->keys_only = state->phase == TVIEW_PHASE_KEYS &&
		(state->next_key > 0 || state->plan->kind == TVIEW_SCAN_LOOKUP);

	tview_check_close(state);
	state->steady = false;
	state->figures.bypass = reason.text;
	state->bypassed[reason.code]++;
	if (can_build(state, reason) &&
		tview_contents_prepare(state->desc, false, &state->fill.clears))
	{
		state->phase = TVIEW_PHASE_BUILD;
		state->build = tview_build_open(state->desc, state->snapshot,
										TVIEW_STREAM_GUARDED);
		state->fill_context = AllocSetContextCreate(
			state->scan_context, "tview fill", ALLOCSET_DEFAULT_SIZES);
		state->fill.items =
			palloc((FILL_ROWS + FILL_GONE) * sizeof(TviewFillItem));
		state->fill.n = 0;
		state->swept = PG_INT64_MIN;
		state->fill.flags = 0;
		state->filling = state->fill_all = true;
		state->nrows = state->next_row = 0;
	}
	else
		start_view(state, state->plan->direction);
	MemoryContextSwitchTo(old);
}

/*
 * Adds the stored keys that the build has passed by: no root row has them any
 * more.  Left in the store they would be stale for ever, where rows cannot be
 * computed one by one, and every scan would run the view.
 */
static void
gather_gone(TviewScanState *state, bool last)
{
	TviewFillBatch *fill = &state->fill;
	int built = fill->n;
	int64 end = PG_INT64_MAX;
	uint64 start = TVIEW_KEY_OF(state->swept);
	TviewValue key = {.data = &start, .size = sizeof(start)};
	TviewValue value;
	TviewCursor *cursor;
	TviewStoreStatus status;
	int i = 0;

	if (!last)
	{
		if (built == 0)
			return;
		end = fill->items[built - 1].key;
	}
	if (tview_reader_begin(&state->reader).code != TVIEW_BYPASS_NONE)
	{
		tview_reader_end(&state->reader);
		return;
	}
	status = tview_cursor_open(state->reader.txn, TVIEW_DB_ROWS,
							   state->desc->relid, &cursor);
	if (status == TVIEW_STORE_OK)
	{
		status = tview_cursor_move(cursor, TVIEW_SEEK_GE, &key, &value);
		while (status == TVIEW_STORE_OK && fill->n < built + FILL_GONE)
		{
			uint64 k;

			memcpy(&k, key.data, sizeof(k));
			if (TVIEW_PK_OF(k) > end)
				break;
			while (i < built && fill->items[i].key < TVIEW_PK_OF(k))
				i++;
			if (i == built || fill->items[i].key != TVIEW_PK_OF(k))
				fill->items[fill->n++] = (TviewFillItem){.key = TVIEW_PK_OF(k)};
			status = tview_cursor_move(cursor, TVIEW_SEEK_NEXT, &key, &value);
		}
		tview_cursor_close(cursor);
	}
	tview_reader_end(&state->reader);
	if (!last)
		state->swept = end == PG_INT64_MAX ? end : end + 1;
}

/* Stores what has gathered; the last batch says that the TVIEW is complete. */
static void
store_batch(TviewScanState *state, bool last)
{
	MemoryContext old = MemoryContextSwitchTo(state->fill_context);

	gather_gone(state, last);
	state->fill.flags = last && state->fill_all ? TVIEW_WRITER_COMPLETE : 0;
	if (tview_writer_store(state->desc, state->snapshot, &state->fill) !=
		TVIEW_WRITTEN)
		state->fill_all = state->filling = false;
	else if (state->fill.skipped > 0)
		state->fill_all = false;
	MemoryContextSwitchTo(old);
	MemoryContextReset(state->fill_context);
	state->fill.n = 0;
	TVIEW_STOP("build.batch");
}

/* Copies what a key came to into the batch that waits to be stored. */
static void
gather(TviewScanState *state, const TviewComputed *computed)
{
	MemoryContext old;

	/* another setting since the build began: the rows are not to be stored */
	if (tview_compute_foreign_setting(state->desc) != NULL)
	{
		state->fill_all = state->filling = false;
		return;
	}
	old = MemoryContextSwitchTo(state->fill_context);
	tview_compute_item(computed, &state->fill.items[state->fill.n++]);
	MemoryContextSwitchTo(old);
	if (state->fill.n == FILL_ROWS ||
		MemoryContextMemAllocated(state->fill_context, true) > FILL_BYTES)
		store_batch(state, false);
}

/*
 * Goes on after an error of the view: what was built is stored, the rest is
 * computed key by key, or where this cannot be done by the view.
 */
static void
leave_build(TviewScanState *state)
{
	MemoryContext old = MemoryContextSwitchTo(state->scan_context);

	if (state->filling && state->fill.n > 0)
	{
		state->fill_all = false;
		store_batch(state, false);
	}
	tview_build_close(state->build);
	state->build = NULL;
	if (state->desc->restrictable)
		tview_alone_start(state);
	else
		start_view(state, 1);
	MemoryContextSwitchTo(old);
}

/* The next row of a build; its other rows of the same key wait in rows[]. */
static MinimalTuple
next_built(TviewScanState *state)
{
	for (;;)
	{
		TviewComputed *computed = tview_build_next(state->build);

		if (computed == NULL && tview_build_failed(state->build))
		{
			leave_build(state);
			return NULL;
		}
		if (computed == NULL)
		{
			if (state->filling)
				store_batch(state, true);
			state->phase = TVIEW_PHASE_DONE;
			return NULL;
		}
		if (state->filling)
			gather(state, computed);
		if (computed->nrows == 0 ||
			(state->has_last && computed->key <= state->last))
			continue;
		state->has_last = true;
		state->last = computed->key;
		if (computed->nrows > 1)
		{
			MemoryContext old = MemoryContextSwitchTo(state->scan_context);

			state->nrows = computed->nrows;
			state->rows = palloc(computed->nrows * sizeof(MinimalTuple));
			state->served = palloc0(computed->nrows * sizeof(bool));
			memcpy(state->rows, computed->rows,
				   computed->nrows * sizeof(MinimalTuple));
			state->next_row = 1;
			state->rows_have_room = false;
			MemoryContextSwitchTo(old);
		}
		return computed->rows[0];
	}
}

MinimalTuple
tview_runview_next(TviewScanState *state)
{
	MinimalTuple tuple;

	if (state->build)
		return next_built(state);
	tuple = tview_stream_next(state->stream);
	if (tuple && can_be_alone(state))
		tview_alone_note(state, tuple);
	else if (tuple == NULL && tview_stream_failed(state->stream))
	{
		tview_stream_close(state->stream);
		tview_alone_start(state);
	}
	else if (tuple == NULL)
		state->phase = TVIEW_PHASE_DONE;
	return tuple;
}

void
tview_runview_close(TviewScanState *state)
{
	if (state->stream)
		tview_stream_close(state->stream);
	if (state->build)
		tview_build_close(state->build);
	tview_check_close(state);
	state->stream = NULL;
	state->build = NULL;
}
