/*
 * markset.c
 *		See markset.h.  One array of entries and two hash tables that name the
 *		latest entry of a tag and of a key column.
 *
 * A set of a few marks - what most transactions have changed - does without
 * the tables: making them would cost more than all else that a write adds.
 *
 * Lack of memory leaves a set as it was, without the mark: the transaction may
 * go on at a savepoint, and the copy of the log is read further later on.
 */
#include "postgres.h"

#include "access/attnum.h"
#include "cache/markset.h"
#include "cache/stop.h"
#include "meta/tag.h"
#include "utils/memutils.h"

typedef struct TagSlot
{
	uint64 tag;
	uint64 last; /* position + 1 */
	char status;
} TagSlot;

#define SH_PREFIX tagslot
#define SH_ELEMENT_TYPE TagSlot
#define SH_KEY_TYPE uint64
#define SH_KEY tag
#define SH_HASH_KEY(tb, key) ((uint32) tview_tag_mix(key))
#define SH_EQUAL(tb, a, b) ((a) == (b))
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

/* So many entries are searched one by one. */
#define FEW 16

struct TviewMarkSet
{
	MemoryContext context;
	uint64 begin; /* lowest position still held */
	uint64 base;  /* position of entries[0] */
	uint64 end;
	TviewMarkEntry *entries;
	Size allocated;
	tagslot_hash *tags; /* NULL: there were never more than a few entries */
	tagslot_hash *keys;
};

/* A key column as a hash key that cannot meet a tag's table. */
static uint64
key_column(Oid rel, AttrNumber keyatt)
{
	return ((uint64) rel << 16) | (uint16) keyatt;
}

TviewMarkSet *
tview_markset_create(MemoryContext context, uint64 position)
{
	MemoryContext own = AllocSetContextCreate(context, "tview mark set",
											  ALLOCSET_DEFAULT_SIZES);
	TviewMarkSet *set = MemoryContextAllocZero(own, sizeof(TviewMarkSet));

	set->context = own;
	set->begin = set->base = set->end = position;
	return set;
}

void
tview_markset_reset(TviewMarkSet *set, uint64 position)
{
	if (set->end > set->base && set->tags)
	{
		tagslot_reset(set->tags);
		tagslot_reset(set->keys);
	}
	set->begin = set->base = set->end = position;
}

uint64
tview_markset_end(const TviewMarkSet *set)
{
	return set->end;
}

/* A key's place in the table, made where there is none. */
static TagSlot *
get_slot(tagslot_hash *table, uint64 key)
{
	bool found;
	TagSlot *slot = tagslot_insert(table, key, &found);

	if (!found)
		slot->last = 0;
	return slot;
}

/*
 * Makes the slot name the position as its key's latest; returns the one
 * before.
 */
static uint64
push_chain(TagSlot *slot, uint64 position)
{
	uint64 previous = slot->last;

	slot->last = position + 1;
	return previous;
}

/* Without memory for both slots, neither chain is changed. */
static void
link_entry(tagslot_hash *tags, tagslot_hash *keys, TviewMarkEntry *entry,
		   uint64 position)
{
	TagSlot *tag = get_slot(tags, entry->mark.tag);
	TagSlot *key = NULL;

	TVIEW_STOP("mark.link");
	if (entry->mark.flags & TVIEW_MARK_IS_KEY)
		key = get_slot(keys, key_column(entry->mark.rel, entry->mark.keyatt));
	entry->previous_tag = push_chain(tag, position);
	entry->previous_key = key ? push_chain(key, position) : 0;
}

/* Makes the tables for the first n entries: both and whole, or none. */
static void
create_tables(TviewMarkSet *set, Size n)
{
	tagslot_hash *keys =
		tagslot_create(set->context, Max((uint32) Min(n, 1024), 16), NULL);
	tagslot_hash *tags =
		tagslot_create(set->context, Max((uint32) n, 256), NULL);

	for (Size i = 0; i < n; i++)
		link_entry(tags, keys, &set->entries[i], set->base + i);
	set->tags = tags;
	set->keys = keys;
}

void
tview_markset_add(TviewMarkSet *set, const TviewMark *mark)
{
	Size used = set->end - set->base;

	TVIEW_STOP("mark.add");
	if (used == set->allocated)
	{
		Size wanted = Max(set->allocated * 2, 64);

		if (set->entries == NULL)
			set->entries = MemoryContextAllocHuge(
				set->context, wanted * sizeof(TviewMarkEntry));
		else
			set->entries =
				repalloc_huge(set->entries, wanted * sizeof(TviewMarkEntry));
		set->allocated = wanted;
	}
	set->entries[used].mark = *mark;
	if (set->tags)
		link_entry(set->tags, set->keys, &set->entries[used], set->end);
	else if (used >= FEW)
		create_tables(set, used + 1);
	set->end++;
}

/*
 * Moves the live entries to the front and chains them anew, once the dead
 * ones are the majority: constant cost per mark over time.
 */
static void
compact(TviewMarkSet *set)
{
	Size dead = set->begin - set->base;
	Size live = set->end - set->begin;

	memmove(set->entries, set->entries + dead, live * sizeof(TviewMarkEntry));
	set->base = set->begin;
	tagslot_destroy(set->tags);
	tagslot_destroy(set->keys);
	set->tags = set->keys = NULL;
	if (set->allocated > 4096 && live < set->allocated / 8)
	{
		Size wanted = Max(live * 2, 64);

		set->entries =
			repalloc_huge(set->entries, wanted * sizeof(TviewMarkEntry));
		set->allocated = wanted;
	}
	create_tables(set, live);
}

void
tview_markset_drop(TviewMarkSet *set, uint64 position)
{
	if (position <= set->begin)
		return;
	if (position >= set->end)
	{
		tview_markset_reset(set, position);
		return;
	}
	set->begin = position;
	if (set->begin - set->base > 1024 &&
		set->begin - set->base > set->end - set->begin)
		compact(set);
}

const TviewMarkEntry *
tview_markset_at(const TviewMarkSet *set, uint64 position)
{
	Assert(position >= set->base && position < set->end);
	return &set->entries[position - set->base];
}

/* The entry at a chain's position + 1, NULL below the lower bound. */
static const TviewMarkEntry *
follow(const TviewMarkSet *set, uint64 link, uint64 lower)
{
	if (link == 0 || link - 1 < lower || link - 1 < set->base)
		return NULL;
	return &set->entries[link - 1 - set->base];
}

/* The latest of a few entries below end with the tag. */
static const TviewMarkEntry *
search_tag(const TviewMarkSet *set, uint64 tag, const TviewMarkEntry *end,
		   uint64 lower)
{
	const TviewMarkEntry *entry = end;
	const TviewMarkEntry *first =
		set->entries + (lower > set->base ? lower - set->base : 0);

	while (entry > first)
		if ((--entry)->mark.tag == tag)
			return entry;
	return NULL;
}

/* The same by key column. */
static const TviewMarkEntry *
search_key(const TviewMarkSet *set, uint64 column, const TviewMarkEntry *end,
		   uint64 lower)
{
	const TviewMarkEntry *entry = end;
	const TviewMarkEntry *first =
		set->entries + (lower > set->base ? lower - set->base : 0);

	while (entry > first)
	{
		const TviewMark *mark = &(--entry)->mark;

		if ((mark->flags & TVIEW_MARK_IS_KEY) &&
			key_column(mark->rel, mark->keyatt) == column)
			return entry;
	}
	return NULL;
}

const TviewMarkEntry *
tview_markset_first(const TviewMarkSet *set, uint64 tag, uint64 lower)
{
	TagSlot *slot;

	if (set->end == set->base)
		return NULL;
	if (set->tags == NULL)
		return search_tag(set, tag, set->entries + (set->end - set->base),
						  lower);
	slot = tagslot_lookup(set->tags, tag);
	return slot ? follow(set, slot->last, lower) : NULL;
}

const TviewMarkEntry *
tview_markset_next(const TviewMarkSet *set, const TviewMarkEntry *entry,
				   uint64 lower)
{
	if (set->tags == NULL)
		return search_tag(set, entry->mark.tag, entry, lower);
	return follow(set, entry->previous_tag, lower);
}

const TviewMarkEntry *
tview_markset_first_key(const TviewMarkSet *set, Oid rel, AttrNumber keyatt,
						uint64 lower)
{
	TagSlot *slot;

	if (set->end == set->base)
		return NULL;
	if (set->tags == NULL)
		return search_key(set, key_column(rel, keyatt),
						  set->entries + (set->end - set->base), lower);
	slot = tagslot_lookup(set->keys, key_column(rel, keyatt));
	return slot ? follow(set, slot->last, lower) : NULL;
}

const TviewMarkEntry *
tview_markset_next_key(const TviewMarkSet *set, const TviewMarkEntry *entry,
					   uint64 lower)
{
	if (set->tags == NULL)
		return search_key(set, key_column(entry->mark.rel, entry->mark.keyatt),
						  entry, lower);
	return follow(set, entry->previous_key, lower);
}
