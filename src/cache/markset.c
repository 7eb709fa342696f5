/*
 * markset.c
 *		See markset.h.  One array of entries and two hash tables that name the
 *		latest entry of a tag and of a key column.
 */
#include "postgres.h"

#include "access/attnum.h"
#include "cache/markset.h"
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

struct TviewMarkSet
{
	MemoryContext context;
	uint64 begin; /* lowest position still held */
	uint64 base;  /* position of entries[0] */
	uint64 end;
	TviewMarkEntry *entries;
	Size allocated;
	tagslot_hash *tags;
	tagslot_hash *keys;
};

/* A key column as a hash key that cannot meet a tag's table. */
static uint64
key_column(Oid rel, AttrNumber keyatt)
{
	return ((uint64) rel << 16) | (uint16) keyatt;
}

static void
create_tables(TviewMarkSet *set)
{
	set->tags = tagslot_create(set->context, 256, NULL);
	set->keys = tagslot_create(set->context, 16, NULL);
}

TviewMarkSet *
tview_markset_create(MemoryContext context, uint64 position)
{
	MemoryContext own = AllocSetContextCreate(context, "tview mark set",
											  ALLOCSET_DEFAULT_SIZES);
	TviewMarkSet *set = MemoryContextAllocZero(own, sizeof(TviewMarkSet));

	set->context = own;
	set->begin = set->base = set->end = position;
	create_tables(set);
	return set;
}

void
tview_markset_reset(TviewMarkSet *set, uint64 position)
{
	if (set->end > set->base)
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

/*
 * Makes the table name the position as its key's latest; returns the one
 * before.
 */
static uint64
push_chain(tagslot_hash *table, uint64 key, uint64 position)
{
	bool found;
	TagSlot *slot = tagslot_insert(table, key, &found);
	uint64 previous = found ? slot->last : 0;

	slot->last = position + 1;
	return previous;
}

static void
link_entry(TviewMarkSet *set, TviewMarkEntry *entry, uint64 position)
{
	entry->previous_tag = push_chain(set->tags, entry->mark.tag, position);
	entry->previous_key = 0;
	if (entry->mark.flags & TVIEW_MARK_IS_KEY)
		entry->previous_key = push_chain(
			set->keys, key_column(entry->mark.rel, entry->mark.keyatt),
			position);
}

void
tview_markset_add(TviewMarkSet *set, const TviewMark *mark)
{
	Size used = set->end - set->base;

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
	link_entry(set, &set->entries[used], set->end);
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
	create_tables(set);
	if (set->allocated > 4096 && live < set->allocated / 8)
	{
		set->allocated = Max(live * 2, 64);
		set->entries = repalloc_huge(set->entries,
									 set->allocated * sizeof(TviewMarkEntry));
	}
	for (Size i = 0; i < live; i++)
		link_entry(set, &set->entries[i], set->base + i);
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

const TviewMarkEntry *
tview_markset_first(const TviewMarkSet *set, uint64 tag, uint64 lower)
{
	TagSlot *slot = tagslot_lookup(set->tags, tag);

	return slot ? follow(set, slot->last, lower) : NULL;
}

const TviewMarkEntry *
tview_markset_next(const TviewMarkSet *set, const TviewMarkEntry *entry,
				   uint64 lower)
{
	return follow(set, entry->previous_tag, lower);
}

const TviewMarkEntry *
tview_markset_first_key(const TviewMarkSet *set, Oid rel, AttrNumber keyatt,
						uint64 lower)
{
	TagSlot *slot = tagslot_lookup(set->keys, key_column(rel, keyatt));

	return slot ? follow(set, slot->last, lower) : NULL;
}

const TviewMarkEntry *
tview_markset_next_key(const TviewMarkSet *set, const TviewMarkEntry *entry,
					   uint64 lower)
{
	return follow(set, entry->previous_key, lower);
}
