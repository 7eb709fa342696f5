/*
 * watch.c
 *		See watch.h.
 *
 * Rows of tview.sources of one base table are merged: TVIEWs of one server
 * that name the same source share an entry.  Those for which the source is
 * the root need its key in the marks: one entry for each key column, and a
 * TVIEW that does not care joins any of them.
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "meta/describe.h"
#include "meta/record.h"
#include "meta/watch.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

/* Attribute of relid that has the name of the source's attribute. */
static AttrNumber
map_attribute(Oid sourceid, AttrNumber attno, Oid relid)
{
	char *name;
	AttrNumber mapped;

	if (sourceid == relid || attno <= 0)
		return attno;
	name = get_attname(sourceid, attno, true);
	if (name == NULL)
		return InvalidAttrNumber;
	mapped = get_attnum(relid, name);
	pfree(name);
	return mapped;
}

/* The entry that a row joins, or NULL. */
static TviewBase *
find_entry(TviewBase *first, const TviewSourceRecord *source)
{
	for (TviewBase *base = first; base != NULL; base = base->next)
		if (base->serverid == source->serverid &&
			base->sourceid == source->sourceid &&
			(base->key_source == source->key_att ||
			 source->key_att == InvalidAttrNumber))
			return base;
	return NULL;
}

/* Adds a tracked column, or merges it with the one that is there. */
static void
add_tracked(TviewBase *base, const TviewTracked *tracked)
{
	TviewTrackedColumn *column;
	AttrNumber attno =
		map_attribute(base->sourceid, tracked->attno, base->relid);

	if (attno == InvalidAttrNumber)
		return;
	for (int i = 0; i < base->ntracked; i++)
	{
		column = &base->tracked[i];
		if (column->tagger.attno == tracked->attno &&
			column->tagger.opfamily == tracked->opfamily)
		{
			column->reaches |= tracked->reaches;
			return;
		}
	}
	column = &base->tracked[base->ntracked];
	column->attno = attno;
	column->reaches = tracked->reaches;
	column->is_key = base->key_source != InvalidAttrNumber &&
		tracked->attno == base->key_source;
	if (tview_meta_fill_tagger(
			&column->tagger, base->sourceid, tracked->attno, tracked->opfamily,
			get_atttype(base->sourceid, tracked->attno),
			tview_describe_collation(base->sourceid, tracked->attno)))
		base->ntracked++;
}

/* Merges a row into its entry. */
static void
merge_source(TviewBase *base, const TviewSourceRecord *source)
{
	int member = -1;
	ListCell *lc;

	base->touch |= source->by_relation;
	base->all_used |= source->all_used;
	while ((member = bms_next_member(source->used, member)) >= 0)
	{
		AttrNumber attno = member + FirstLowInvalidHeapAttributeNumber;

		attno = map_attribute(base->sourceid, attno, base->relid);
		if (attno != InvalidAttrNumber)
			base->used = bms_add_member(
				base->used, attno - FirstLowInvalidHeapAttributeNumber);
		else
			base->all_used = true;
	}

	if (source->tracked == NIL)
		return;
	if (base->tracked == NULL)
		base->tracked =
			palloc0(sizeof(TviewTrackedColumn) * list_length(source->tracked));
	else
		base->tracked =
			repalloc(base->tracked,
					 sizeof(TviewTrackedColumn) *
						 (base->ntracked + list_length(source->tracked)));
	foreach(lc, source->tracked)
		add_tracked(base, lfirst(lc));
}

/* Merges a row into the list. */
static TviewBase *
add_source(TviewBase *first, Oid relid, const TviewSourceRecord *source)
{
	TviewBase *base = find_entry(first, source);

	if (base == NULL)
	{
		base = palloc0(sizeof(TviewBase));
		base->context = CurrentMemoryContext;
		base->relid = relid;
		base->serverid = source->serverid;
		base->sourceid = source->sourceid;
		base->key_source = source->key_att;
		base->key = map_attribute(source->sourceid, source->key_att, relid);
		base->next = first;
		first = base;
	}
	merge_source(base, source);
	return first;
}

/* The last column that a trigger looks at, unless it looks at all. */
static AttrNumber
last_used(const TviewBase *base)
{
	AttrNumber last = Max(base->key, 0);
	int member = -1;

	while ((member = bms_next_member(base->used, member)) >= 0)
		last = Max(last, member + FirstLowInvalidHeapAttributeNumber);
	for (int i = 0; i < base->ntracked; i++)
		last = Max(last, base->tracked[i].attno);
	return last;
}

TviewBase *
tview_watch_build(Oid relid, MemoryContext parent)
{
	List *sources = tview_record_sources(InvalidOid, relid);
	TviewBase *first = NULL;
	MemoryContext context;
	MemoryContext old;
	ListCell *lc;

	if (sources == NIL)
		return NULL;
	context = AllocSetContextCreate(CurrentMemoryContext, "TVIEW base table",
									ALLOCSET_SMALL_SIZES);
	old = MemoryContextSwitchTo(context);
	/* roots first, so that the others find them */
	foreach(lc, sources)
		if (((TviewSourceRecord *) lfirst(lc))->key_att != InvalidAttrNumber)
			first = add_source(first, relid, lfirst(lc));
	foreach(lc, sources)
		if (((TviewSourceRecord *) lfirst(lc))->key_att == InvalidAttrNumber)
			first = add_source(first, relid, lfirst(lc));
	for (TviewBase *base = first; base != NULL; base = base->next)
		base->last_used = last_used(base);
	MemoryContextSwitchTo(old);
	MemoryContextSetParent(context, parent);
	return first;
}
