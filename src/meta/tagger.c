/*
 * tagger.c
 *		Tags of column values; see meta.h.
 *
 * A tag is a hash of table, column, operator family and value.  Values that
 * the family's equality calls equal have equal tags, also across the family's
 * types: integers of any width are themselves, others go through the family's
 * extended hash function with seed 0.  Nothing here may change without a new
 * format version of the store.
 */
#include "postgres.h"

#include "access/hash.h"
#include "meta/tag.h"
#include "catalog/pg_opclass.h"
#include "catalog/pg_opfamily.h"
#include "catalog/pg_type_d.h"
#include "commands/defrem.h"
#include "meta/meta.h"
#include "parser/parse_coerce.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

/*
 * The family's extended hash function for values of a base type, or InvalidOid.
 */
static Oid
find_hash_function(Oid opfamily, Oid valtype)
{
	TypeCacheEntry *entry =
		lookup_type_cache(valtype, TYPECACHE_HASH_EXTENDED_PROC);
	Oid opclass;

	/* this knows whether arrays, records and ranges have hashable elements */
	if (entry->hash_opf == opfamily)
		return entry->hash_extended_proc;

	opclass = GetDefaultOpClass(valtype, HASH_AM_OID);
	if (OidIsValid(opclass) && get_opclass_family(opclass) == opfamily)
		return get_opfamily_proc(opfamily, get_opclass_input_type(opclass),
								 get_opclass_input_type(opclass),
								 HASHEXTENDED_PROC);
	if (OidIsValid(
			get_opfamily_proc(opfamily, valtype, valtype, HASHEXTENDED_PROC)))
		return get_opfamily_proc(opfamily, valtype, valtype, HASHEXTENDED_PROC);
	if (IsBinaryCoercible(valtype, TEXTOID))
		return get_opfamily_proc(opfamily, TEXTOID, TEXTOID, HASHEXTENDED_PROC);
	return InvalidOid;
}

bool
tview_meta_fill_tagger(TviewTagger *tagger, Oid relid, AttrNumber attno,
					   Oid opfamily, Oid valtype, Oid collation)
{
	Oid basetype = getBaseType(valtype);

	memset(tagger, 0, sizeof(TviewTagger));
	tagger->relid = relid;
	tagger->attno = attno;
	tagger->opfamily = opfamily;
	tagger->valtype = valtype;
	tagger->collation = collation;
	tagger->is_integer =
		basetype == INT2OID || basetype == INT4OID || basetype == INT8OID;
	get_typlenbyvalalign(valtype, &tagger->typlen, &tagger->typbyval,
						 &tagger->typalign);
	if (!tagger->is_integer)
	{
		Oid function = find_hash_function(opfamily, basetype);

		if (!OidIsValid(function))
			return false;
		fmgr_info(function, &tagger->hash);
	}
	return true;
}

/*
 * The tag of a value's hash in the tagger's column.  Integers of a column have
 * different tags, anywhere among all; those of other values begin with a byte
 * of their column, so that the index has the ids of rows side by side and not
 * among the many entries of foreign keys.
 */
static uint64
combine(const TviewTagger *tagger, uint64 hash)
{
	uint64 column = tview_tag_mix(((uint64) tagger->relid << 32) ^
								  ((uint64) (uint16) tagger->attno << 16) ^
								  tview_tag_mix(tagger->opfamily));
	uint64 tag = tview_tag_mix(
		column + tview_tag_mix(hash + UINT64CONST(0x9e3779b97f4a7c15)));

	if (!tagger->is_integer)
		tag = tag >> TVIEW_TAG_COLUMN_BITS |
			column << (64 - TVIEW_TAG_COLUMN_BITS);
	return tag;
}

uint64
tview_meta_tag_integer(const TviewTagger *tagger, int64 value)
{
	return combine(tagger, (uint64) value);
}

uint64
tview_meta_tag(TviewTagger *tagger, Datum value)
{
	if (!tagger->is_integer)
		return combine(
			tagger,
			DatumGetUInt64(FunctionCall2Coll(&tagger->hash, tagger->collation,
											 value, UInt64GetDatum(0))));
	if (tagger->typlen == sizeof(int64))
		return tview_meta_tag_integer(tagger, DatumGetInt64(value));
	if (tagger->typlen == sizeof(int32))
		return tview_meta_tag_integer(tagger, DatumGetInt32(value));
	return tview_meta_tag_integer(tagger, DatumGetInt16(value));
}

int64
tview_meta_integer(Oid type, Datum value)
{
	switch (type)
	{
		case INT2OID:
			return DatumGetInt16(value);
		case INT4OID:
			return DatumGetInt32(value);
		default:
			return DatumGetInt64(value);
	}
}
