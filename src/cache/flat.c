/*
 * flat.c
 *		See flat.h.
 */
#include "postgres.h"

#include "access/detoast.h"
#include "access/heaptoast.h"
#include "access/toast_internals.h"
#include "cache/flat.h"
#include "cache/row.h"
#include "compat.h"

/* Values of so many bytes are compressed; what TOAST takes for long, too. */
#define COMPRESS_FROM 2000

/* True when a column may hold a value that is stored in another form. */
static bool
is_long(const TviewDesc *desc, const Form_pg_attribute att, Datum value)
{
	if (att->attlen != -1)
		return false;
	return VARATT_IS_EXTERNAL(DatumGetPointer(value)) ||
		(desc->compression != InvalidCompressionMethod &&
		 !VARATT_IS_COMPRESSED(DatumGetPointer(value)) &&
		 VARSIZE_ANY_EXHDR(DatumGetPointer(value)) >= COMPRESS_FROM);
}

/*
 * A value as it is stored: not a TOAST pointer, compressed where it is long
 * and a quarter or more is saved.  pglz asks for as much; lz4 would store a
 * text of digits that is one part in forty shorter, and every read would pay.
 */
static Datum
stored_form(const TviewDesc *desc, Datum value)
{
	Datum compressed;

	if (VARATT_IS_EXTERNAL(DatumGetPointer(value)))
		value = PointerGetDatum(detoast_external_attr(
			(struct varlena *) DatumGetPointer(value)));
	if (desc->compression == InvalidCompressionMethod ||
		VARATT_IS_COMPRESSED(DatumGetPointer(value)) ||
		VARSIZE_ANY_EXHDR(DatumGetPointer(value)) < COMPRESS_FROM)
		return value;
	compressed = toast_compress_datum(value, desc->compression);
	if (DatumGetPointer(compressed) == NULL ||
		VARSIZE_ANY(DatumGetPointer(compressed)) >
			VARSIZE_ANY(DatumGetPointer(value)) / 4 * 3)
		return value;
	return compressed;
}

MinimalTuple
tview_flat_tuple(const TviewDesc *desc, MinimalTuple tuple)
{
	TupleDesc tupdesc = desc->tupdesc;
	HeapTupleData heap = tview_row_heap_tuple(tuple);
	Datum *values;
	bool *nulls;
	bool changed = false;

	if (!HeapTupleHasExternal(&heap) &&
		(desc->compression == InvalidCompressionMethod ||
		 tuple->t_len < COMPRESS_FROM))
		return tuple;
	values = palloc(tupdesc->natts * sizeof(Datum));
	nulls = palloc(tupdesc->natts * sizeof(bool));
	heap_deform_tuple(&heap, tupdesc, values, nulls);
	for (int i = 0; i < tupdesc->natts; i++)
	{
		if (nulls[i] || !is_long(desc, TupleDescAttr(tupdesc, i), values[i]))
			continue;
		values[i] = stored_form(desc, values[i]);
		changed = true;
	}
	return changed ? tview_compat_form_tuple(tupdesc, values, nulls) : tuple;
}
