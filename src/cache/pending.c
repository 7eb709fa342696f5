/*
 * pending.c
 *		See pending.h.  Everything lives in one memory context.  It is deleted
 *		when the transaction ends, unless there was one server and a handful of
 *		marks: making it anew would cost each small transaction more than the
 *		marks do.
 */
#include "postgres.h"

#include "cache/pending.h"
#include "meta/tag.h"
#include "common/hashfn.h"
#include "utils/guc.h"
#include "utils/memutils.h"

/* So many marks are compared one by one. */
#define KNOWN_FEW 8

int tview_pending_max_marks = 10000;

typedef struct KnownKey
{
	uint64 tag;
	int64 pk;
	uint32 rel;
	uint16 keyatt;
	uint16 flags;
} KnownKey;

typedef struct KnownSlot
{
	KnownKey key;
	bool is_added; /* false: there was no memory for the mark itself */
	char status;
} KnownSlot;

#define SH_PREFIX known
#define SH_ELEMENT_TYPE KnownSlot
#define SH_KEY_TYPE KnownKey
#define SH_KEY key
#define SH_HASH_KEY(tb, k) \
	((uint32) tview_tag_mix((k).tag ^ tview_tag_mix((uint64) (k).pk)))
#define SH_EQUAL(tb, a, b) (memcmp(&(a), &(b), sizeof(KnownKey)) == 0)
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

typedef struct RelationSlot
{
	uint32 rel;
	bool all; /* collapsed, or marked as a whole */
	bool gone;
	bool touched;
	int count;
	char status;
} RelationSlot;

#define SH_PREFIX relation
#define SH_ELEMENT_TYPE RelationSlot
#define SH_KEY_TYPE uint32
#define SH_KEY rel
#define SH_HASH_KEY(tb, k) murmurhash32(k)
#define SH_EQUAL(tb, a, b) ((a) == (b))
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

static MemoryContext pending_context = NULL;
static TviewPending *first_pending = NULL;
static TviewPending *spare = NULL; /* an empty set, of no server */

void
tview_pending_init(void)
{
	DefineCustomIntVariable(
		"tview.max_marks_per_transaction",
		"Marks that one transaction may publish for one table before they collapse into one for the whole table.",
		"A collapsed set makes every row that reads the table be computed again.",
		&tview_pending_max_marks, 10000, 1, 10000000, PGC_USERSET, 0, NULL,
		NULL, NULL);
}

static MemoryContext
get_context(void)
{
	if (pending_context == NULL)
		pending_context = AllocSetContextCreate(
			TopMemoryContext, "tview pending marks", ALLOCSET_DEFAULT_SIZES);
	return pending_context;
}

TviewPending *
tview_pending_find(Oid serverid)
{
	TviewPending *pending = first_pending;

	while (pending != NULL && pending->serverid != serverid)
		pending = pending->next;
	return pending;
}

static TviewPending *
create_pending(Oid serverid)
{
	TviewPending *pending = spare;

	if (pending == NULL)
	{
		pending = MemoryContextAllocZero(get_context(), sizeof(TviewPending));
		pending->marks = tview_markset_create(pending_context, 0);
		pending->relations = relation_create(pending_context, 4, NULL);
	}
	spare = NULL;
	pending->serverid = serverid;
	pending->next = first_pending;
	first_pending = pending;
	return pending;
}

static RelationSlot *
get_relation(TviewPending *pending, Oid relid)
{
	bool found;
	RelationSlot *slot = relation_insert(pending->relations, relid, &found);

	if (!found)
	{
		slot->all = slot->gone = slot->touched = false;
		slot->count = 0;
	}
	return slot;
}

static void
add_all(TviewPending *pending, RelationSlot *relation, uint16 flags)
{
	TviewMark mark = {.tag = tview_tag_relation(relation->rel),
					  .rel = relation->rel,
					  .flags = flags | TVIEW_MARK_ALL};

	/* first, for it may fail for lack of memory */
	tview_markset_add(pending->marks, &mark);
	relation->all = pending->has_all = true;
	if (flags & TVIEW_MARK_GONE)
		relation->gone = true;
}

/* The key of a mark in the table of those that are known. */
static KnownKey
known_key(const TviewMark *mark)
{
	KnownKey key;

	memset(&key, 0, sizeof(key));
	key.tag = mark->tag;
	key.pk = mark->pk;
	key.rel = mark->rel;
	key.keyatt = mark->keyatt;
	key.flags = mark->flags;
	return key;
}

/* Makes the table of the marks in the set. */
static void
create_known(TviewPending *pending)
{
	known_hash *table = known_create(pending_context, 64, NULL);
	uint64 end = tview_markset_end(pending->marks);
	bool found;

	for (uint64 i = 0; i < end; i++)
	{
		const TviewMark *mark = &tview_markset_at(pending->marks, i)->mark;

		known_insert(table, known_key(mark), &found)->is_added = true;
	}
	pending->known = table;
}

/*
 * True when the set holds the mark.  A few are compared one by one; beyond
 * that a table knows them.  Otherwise *slot is where it is to be noted that
 * the mark was added, NULL where it is not.
 */
static bool
is_known(TviewPending *pending, const TviewMark *mark, KnownSlot **slot)
{
	KnownKey key = known_key(mark);
	uint64 end = tview_markset_end(pending->marks);
	bool found;

	*slot = NULL;
	if (pending->known == NULL)
	{
		for (uint64 i = 0; i < end; i++)
		{
			KnownKey other =
				known_key(&tview_markset_at(pending->marks, i)->mark);

			if (memcmp(&key, &other, sizeof(KnownKey)) == 0)
				return true;
		}
		if (end < KNOWN_FEW)
			return false;
		create_known(pending);
	}
	*slot = known_insert(pending->known, key, &found);
	if (!found)
		(*slot)->is_added = false;
	return (*slot)->is_added;
}

bool
tview_pending_add(Oid serverid, const TviewMark *mark)
{
	TviewPending *pending = tview_pending_find(serverid);
	RelationSlot *relation;
	KnownSlot *slot;

	if (pending == NULL)
		pending = create_pending(serverid);
	relation = get_relation(pending, mark->rel);
	if (mark->flags & TVIEW_MARK_ALL)
	{
		if (relation->all &&
			(relation->gone || !(mark->flags & TVIEW_MARK_GONE)))
			return false;
		add_all(pending, relation, mark->flags);
		return true;
	}
	if (relation->all && !(mark->flags & TVIEW_MARK_TOUCH))
		return false;
	if (is_known(pending, mark, &slot))
		return false;
	if (relation->count >= tview_pending_max_marks &&
		!(mark->flags & TVIEW_MARK_TOUCH))
	{
		add_all(pending, relation, 0);
		return true;
	}
	tview_markset_add(pending->marks, mark);
	if (slot)
		slot->is_added = true;
	relation->count++;
	if (mark->flags & TVIEW_MARK_TOUCH)
		relation->touched = true;
	return true;
}

bool
tview_pending_is_saturated(Oid serverid, Oid relid, bool touch)
{
	TviewPending *pending = tview_pending_find(serverid);
	RelationSlot *slot;

	if (pending == NULL || !pending->has_all)
		return false;
	slot = relation_lookup(pending->relations, relid);
	return slot && slot->all && (slot->touched || !touch);
}

bool
tview_pending_is_all(const TviewPending *pending, Oid relid)
{
	RelationSlot *slot;

	if (!pending->has_all)
		return false;
	slot = relation_lookup(pending->relations, relid);
	return slot && slot->all;
}

bool
tview_pending_is_gone(const TviewPending *pending, Oid relid)
{
	RelationSlot *slot = relation_lookup(pending->relations, relid);

	return slot && slot->gone;
}

Size
tview_pending_collect(TviewPending *pending, uint64 xid, TviewMark **marks)
{
	Size n = 0;
	uint64 end = tview_markset_end(pending->marks);

	*marks = palloc_extended(Max(end, 1) * sizeof(TviewMark), MCXT_ALLOC_HUGE);
	for (uint64 i = 0; i < end; i++)
	{
		const TviewMark *mark = &tview_markset_at(pending->marks, i)->mark;

		if (!(mark->flags & (TVIEW_MARK_ALL | TVIEW_MARK_TOUCH)) &&
			tview_pending_is_all(pending, mark->rel))
			continue;
		(*marks)[n] = *mark;
		(*marks)[n].xid = xid;
		n++;
	}
	return n;
}

void
tview_pending_collapse(TviewPending *pending)
{
	relation_iterator iterator;
	RelationSlot *relation;

	relation_start_iterate(pending->relations, &iterator);
	while ((relation = relation_iterate(pending->relations, &iterator)))
		if (relation->count > 0 && !relation->all)
			add_all(pending, relation, 0);
}

void
tview_pending_each(void (*visitor)(TviewPending *pending))
{
	for (TviewPending *pending = first_pending; pending != NULL;
		 pending = pending->next)
		visitor(pending);
}

bool
tview_pending_is_empty(void)
{
	return first_pending == NULL;
}

void
tview_pending_clear(void)
{
	TviewPending *pending = first_pending;

	if (pending == NULL)
		return;
	first_pending = NULL;
	if (pending->next == NULL && pending->known == NULL &&
		tview_markset_end(pending->marks) <= KNOWN_FEW)
	{
		tview_markset_reset(pending->marks, 0);
		relation_reset(pending->relations);
		pending->has_all = pending->wake = false;
		spare = pending;
		return;
	}
	MemoryContextDelete(pending_context);
	pending_context = NULL;
	spare = NULL;
}
