/*
 * mark.c
 *		See mark.h.
 *
 * The row trigger adds the tags of the old and the new image to the
 * transaction's set; nothing is shared before PRE_COMMIT.  A column that only
 * serves look-ups is marked when its value appears, disappears or changes, or
 * when the row's key does: an unchanged value has its index entry, or the mark
 * of the change that brought
 * it.  An update that changes no column that any view reads adds nothing.
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "access/xact.h"
#include "cache/pending.h"
#include "cache/statement.h"
#include "commands/trigger.h"
#include "executor/tuptable.h"
#include "fmgr.h"
#include "maintain/mark.h"
#include "maintain/xact.h"
#include "meta/tag.h"
#include "utils/datum.h"
#include "utils/rel.h"

PG_FUNCTION_INFO_V1(tview_mark_row);
PG_FUNCTION_INFO_V1(tview_mark_truncate);

/* One image of the changed row. */
typedef struct Image
{
	TupleTableSlot *tuple; /* NULL: there is none */
	TupleDesc tupdesc;
	bool is_marked; /* what was added for it is what the other one needs */
} Image;

/* Takes the row apart, up to the last column that matters to the base. */
static void
open_image(const Image *image, const TviewBase *base)
{
	if (image->tuple != NULL)
		slot_getsomeattrs(image->tuple,
						  base->all_used ? image->tupdesc->natts
										 : base->last_used);
}

/* Raises when a trigger function is called as anything else. */
static TriggerData *
get_trigger(FunctionCallInfo fcinfo, const char *name)
{
	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function %s can only be called as a trigger", name)));
	return (TriggerData *) fcinfo->context;
}

/* The value of a column; missing images and NULLs have none. */
static inline bool
get_value(const Image *image, AttrNumber attno, Datum *value)
{
	if (image->tuple == NULL || image->tuple->tts_isnull[attno - 1])
		return false;
	*value = image->tuple->tts_values[attno - 1];
	return true;
}

/*
 * True when both values have the same bytes, whatever their headers look like:
 * a new value is not in its stored form yet.  A TOAST pointer equals itself
 * only.
 */
static bool
same_varlena(Datum a, Datum b)
{
	const struct varlena *x = (struct varlena *) DatumGetPointer(a);
	const struct varlena *y = (struct varlena *) DatumGetPointer(b);

	if (VARATT_IS_EXTERNAL(x) || VARATT_IS_EXTERNAL(y))
		return datumIsEqual(a, b, false, -1);
	if (VARATT_IS_COMPRESSED(x) || VARATT_IS_COMPRESSED(y))
		return datum_image_eq(a, b, false, -1);
	return VARSIZE_ANY_EXHDR(x) == VARSIZE_ANY_EXHDR(y) &&
		memcmp(VARDATA_ANY(x), VARDATA_ANY(y), VARSIZE_ANY_EXHDR(x)) == 0;
}

/* True when both images have the same value, byte by byte. */
static inline bool
same_value(const Image *a, const Image *b, AttrNumber attno)
{
	Form_pg_attribute att = TupleDescAttr(a->tupdesc, attno - 1);
	bool null_a = a->tuple->tts_isnull[attno - 1];
	bool null_b = b->tuple->tts_isnull[attno - 1];
	Datum value_a = a->tuple->tts_values[attno - 1];
	Datum value_b = b->tuple->tts_values[attno - 1];

	if (null_a || null_b)
		return null_a && null_b;
	if (att->attbyval)
		return value_a == value_b;
	if (att->attlen == -1)
		return same_varlena(value_a, value_b);
	return datumIsEqual(value_a, value_b, false, att->attlen);
}

/* True when the update changed a column that some view reads. */
static bool
is_relevant(const TviewBase *base, const Image *old, const Image *new)
{
	int natts = base->all_used ? old->tupdesc->natts : base->last_used;

	for (int i = 0; i < natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(old->tupdesc, i);

		if (att->attisdropped)
			continue;
		if (!base->all_used &&
			!bms_is_member(att->attnum - FirstLowInvalidHeapAttributeNumber,
						   base->used))
			continue;
		if (!same_value(old, new, att->attnum))
			return true;
	}
	return false;
}

/* Puts the root row's key into a mark; false when the image has none. */
static bool
set_pk(TviewMark *mark, const TviewBase *base, const Image *image)
{
	Datum value;

	if (base->key == InvalidAttrNumber || !get_value(image, base->key, &value))
		return false;
	switch (TupleDescAttr(image->tupdesc, base->key - 1)->attlen)
	{
		case sizeof(int16):
			mark->pk = DatumGetInt16(value);
			break;
		case sizeof(int32):
			mark->pk = DatumGetInt32(value);
			break;
		default:
			mark->pk = DatumGetInt64(value);
			break;
	}
	mark->keyatt = (uint16) base->key_source;
	mark->flags |= TVIEW_MARK_HAS_PK;
	return true;
}

static void
add_mark(Oid serverid, const TviewMark *mark)
{
	if (tview_pending_add(serverid, mark))
		tview_xact_note_mark(serverid);
}

/* Adds the marks of one image. */
static void
mark_image(const TviewBase *base, Image *image, const Image *other)
{
	/* a row that takes another key is another row, as far as look-ups go */
	bool same_key = other->tuple && base->key != InvalidAttrNumber &&
		same_value(image, other, base->key);
	bool same_row =
		other->tuple && (same_key || base->key == InvalidAttrNumber);
	bool all_same = same_row;

	if (other->is_marked)
		return;
	for (int i = 0; i < base->ntracked; i++)
	{
		TviewTrackedColumn *column = &base->tracked[i];
		TviewMark mark = {.rel = base->sourceid};
		bool same = same_row && same_value(image, other, column->attno);
		Datum value;

		all_same &= same;
		if (!get_value(image, column->attno, &value))
			continue;
		if (!column->reaches && same_key && same)
			continue;
		mark.tag = tview_meta_tag(&column->tagger, value);
		if (set_pk(&mark, base, image) && column->is_key)
			mark.flags |= TVIEW_MARK_IS_KEY;
		add_mark(base->serverid, &mark);
	}
	image->is_marked = all_same;
}

/* touch(rel): once per transaction and relation. */
static void
mark_touch(const TviewBase *base)
{
	TviewMark mark = {
		.tag = tview_tag_relation(base->sourceid),
		.rel = base->sourceid,
		.flags = TVIEW_MARK_TOUCH,
	};

	add_mark(base->serverid, &mark);
}

void
tview_mark_change(Relation rel, TupleTableSlot *before, TupleTableSlot *after)
{
	TviewBase *base = tview_meta_base(RelationGetRelid(rel));
	Image old = {.tuple = before, .tupdesc = RelationGetDescr(rel)};
	Image new = {.tuple = after, .tupdesc = RelationGetDescr(rel)};

	for (; base; base = base->next)
	{
		/* most rows of a large statement come to this */
		if (tview_pending_is_saturated(base->serverid, base->sourceid,
									   base->touch))
			continue;
		open_image(&old, base);
		open_image(&new, base);
		old.is_marked = new.is_marked = false;
		if (old.tuple && new.tuple && !is_relevant(base, &old, &new))
			continue;
		if (base->touch)
			mark_touch(base);
		if (old.tuple)
			mark_image(base, &old, &new);
		if (new.tuple)
			mark_image(base, &new, &old);
	}
}

Datum
tview_mark_row(PG_FUNCTION_ARGS)
{
	TriggerData *data = get_trigger(fcinfo, "tview.mark_row");
	TupleTableSlot *before = data->tg_trigslot;
	TupleTableSlot *after = NULL;

	if (TRIGGER_FIRED_BY_INSERT(data->tg_event))
	{
		before = NULL;
		after = data->tg_trigslot;
	}
	else if (TRIGGER_FIRED_BY_UPDATE(data->tg_event))
		after = data->tg_newslot;
	tview_statement_note_row();
	tview_mark_change(data->tg_relation, before, after);
	return PointerGetDatum(NULL);
}

void
tview_mark_relation(Oid relid, uint16 flags)
{
	for (TviewBase *base = tview_meta_base(relid); base; base = base->next)
	{
		TviewMark mark = {
			.tag = tview_tag_relation(base->sourceid),
			.rel = base->sourceid,
			.flags = TVIEW_MARK_ALL | flags,
		};

		add_mark(base->serverid, &mark);
	}
}

/*
 * Before TRUNCATE: all BEFORE triggers of all tables fire before the first
 * table is emptied, so that no trigger function can read in between.
 */
Datum
tview_mark_truncate(PG_FUNCTION_ARGS)
{
	TriggerData *data = get_trigger(fcinfo, "tview.mark_truncate");

	/*
	 * marks are published with the transaction's xid: TRUNCATE assigns one in
	 * any case
	 */
	(void) GetTopTransactionId();
	tview_mark_relation(RelationGetRelid(data->tg_relation), TVIEW_MARK_GONE);
	return PointerGetDatum(NULL);
}
