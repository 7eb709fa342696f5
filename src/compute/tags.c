/*
 * tags.c
 *		See tags.h.
 */
#include "postgres.h"

#include "cache/row.h"
#include "catalog/pg_type_d.h"
#include "compute/tags.h"
#include "lib/stringinfo.h"
#include "meta/order.h"
#include "meta/tag.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

char *
tview_tags_query(TviewDesc *desc)
{
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfoString(&sql, "SELECT q.*");
	for (int i = 0; i < desc->nlookups; i++)
		appendStringInfo(
			&sql, ", r.%s",
			quote_identifier(get_attname(
				desc->rootid, desc->lookups[i].tagger.attno, false)));
	appendStringInfo(&sql, " FROM (%s) q", desc->tag_query);
	if (desc->nlookups > 0)
		appendStringInfo(
			&sql, " JOIN %s r ON r.%s OPERATOR(pg_catalog.=) q.key",
			quote_qualified_identifier(
				get_namespace_name(get_rel_namespace(desc->rootid)),
				get_rel_name(desc->rootid)),
			quote_identifier(get_attname(desc->rootid, desc->key_root, false)));
	return sql.data;
}

/* Makes room for n more words. */
static uint64 *
grow(uint64 *words, int used, int n)
{
	Size size = Max((used + n) * sizeof(uint64), 8);

	return words ? repalloc(words, size) : palloc(size);
}

/* Adds the tags of an array's elements. */
static void
add_array(TviewTagger *tagger, TviewComputed *computed, Datum value)
{
	ArrayType *array = DatumGetArrayTypeP(value);
	Datum *elements;
	bool *nulls;
	int n;

	deconstruct_array(array, ARR_ELEMTYPE(array), tagger->typlen,
					  tagger->typbyval, tagger->typalign, &elements, &nulls,
					  &n);
	computed->tags = grow(computed->tags, computed->ntags, n);
	for (int i = 0; i < n; i++)
		if (!nulls[i])
			computed->tags[computed->ntags++] =
				tview_meta_tag(tagger, elements[i]);
	pfree(elements);
	pfree(nulls);
}

/*
 * Adds look-ups by position.  A root that has several rows of a key may have
 * several values in a column: they follow, and the column has none.
 */
static void
add_lookups(TviewDesc *desc, TviewComputed *computed, const Datum *values,
			const bool *nulls)
{
	bool first = computed->lookups == NULL;

	computed->lookups = grow(computed->lookups, computed->nlookups,
							 first ? desc->nlookups : desc->nlookups * 2);
	if (first)
		computed->nlookups = desc->nlookups;
	for (int i = 0; i < desc->nlookups; i++)
	{
		uint64 *column = &computed->lookups[i];
		uint64 lookup = nulls[i]
			? TVIEW_ROW_NO_LOOKUP
			: tview_tag_lookup(
				  tview_meta_tag(&desc->lookups[i].tagger, values[i]));

		if (first)
			*column = lookup;
		if (*column == lookup)
			continue;
		computed->lookups[computed->nlookups++] = lookup;
		computed->lookups[computed->nlookups++] = *column;
		*column = TVIEW_ROW_NO_LOOKUP;
	}
}

void
tview_tags_add(TviewDesc *desc, TviewComputed *computed, const Datum *values,
			   const bool *nulls)
{
	computed->tags = grow(computed->tags, computed->ntags, desc->ntagspecs);
	for (int i = 0; i < desc->ntagspecs; i++)
	{
		TviewTagSpec *spec = &desc->tagspecs[i];

		if (nulls[i + 1])
			continue;
		if (spec->multiple)
		{
			add_array(&spec->tagger, computed, values[i + 1]);
			computed->tags =
				grow(computed->tags, computed->ntags, desc->ntagspecs);
		}
		else
			computed->tags[computed->ntags++] =
				tview_meta_tag(&spec->tagger, values[i + 1]);
	}
	computed->ntags = tview_order_tags(computed->tags, computed->ntags);
	add_lookups(desc, computed, &values[1 + desc->ntagspecs],
				&nulls[1 + desc->ntagspecs]);
}
