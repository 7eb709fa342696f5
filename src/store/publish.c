/*
 * publish.c
 *		The sums of the pages that a commit has written.
 *
 * LMDB does not say which pages these are, but never changes one that the
 * commit before has: so they are the pages that the new trees have and the old
 * ones have not, and whatever lies below a page that both have is the same.
 * The trees are compared from their roots on, height by height, and only where
 * they differ.
 *
 * The pages that only the old trees have are verified first: what is in the
 * new ones was copied out of them, and damage must not get a sum of its own.
 * All this happens under the write lock, after the commit; readers of the new
 * commit wait for it (tview_pages_roots).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "store/store_private.h"

/* Numbers of pages. */
typedef struct Numbers
{
	uint64_t *number;
	size_t n;
	size_t allocated;
} Numbers;

/* The record of a database in the main one. */
typedef struct Record
{
	char name[16];
	TviewTreeDb db;
} Record;

typedef struct Records
{
	Record *record;
	size_t n;
	size_t allocated;
} Records;

/* One of the two commits. */
typedef struct Side
{
	const TviewRoots *roots;
	bool is_new;
	Numbers level;	  /* pages at this height, then those below */
	Numbers overflow; /* first pages of values below */
	Records records;  /* when it is the main database's tree */
} Side;

/* What a tree's leaves lead to. */
typedef enum TreeParts
{
	PARTS_PAGES,  /* nothing */
	PARTS_VALUES, /* long values */
	PARTS_MAIN	  /* databases */
} TreeParts;

/* Values of "marked" while both sides' numbers are compared. */
#define MARK_OLD 1
#define MARK_BOTH 2

typedef struct Publisher
{
	TviewStore *store;
	TviewPages *pages;
} Publisher;

/* Makes room for one more element; false without memory. */
static bool
grow(void **array, size_t n, size_t *allocated, size_t size)
{
	size_t wanted = *allocated * 2 > 64 ? *allocated * 2 : 64;
	void *bigger;

	if (n < *allocated)
		return true;
	bigger = realloc(*array, wanted * size);
	if (bigger == NULL)
		return false;
	*array = bigger;
	*allocated = wanted;
	return true;
}

static int
add_number(Numbers *numbers, uint64_t number)
{
	void *array = numbers->number;

	if (!grow(&array, numbers->n, &numbers->allocated, sizeof(uint64_t)))
		return ENOMEM;
	numbers->number = array;
	numbers->number[numbers->n++] = number;
	return 0;
}

/* Keeps the record of a database. */
static int
add_record(Records *records, const TviewNode *node)
{
	void *array = records->record;
	Record *record;

	if (node->keysize >= sizeof(record->name) ||
		tview_node_size(node) != sizeof(TviewTreeDb))
		return MDB_CORRUPTED;
	if (!grow(&array, records->n, &records->allocated, sizeof(Record)))
		return ENOMEM;
	records->record = array;
	record = &records->record[records->n++];
	memset(record, 0, sizeof(*record));
	memcpy(record->name, node->key, node->keysize);
	memcpy(&record->db, node->key + node->keysize, sizeof(record->db));
	return 0;
}

/* True when the commit has pages of these numbers. */
static bool
are_within(const Side *side, const Numbers *numbers)
{
	for (size_t i = 0; i < numbers->n; i++)
		if (numbers->number[i] > side->roots->last_page)
			return false;
	return true;
}

/*
 * Takes out of both sides' numbers what both have.  "marked" is zero before
 * and after; the order is kept, and a number that is there twice, as only
 * damage can have it, is kept once.
 */
static int
drop_common(const Publisher *publisher, const Side *old, Numbers *a,
			const Side *new, Numbers *b)
{
	unsigned char *marked = publisher->pages->marked;
	size_t na = 0;
	size_t nb = 0;

	if (!are_within(old, a) || !are_within(new, b))
		return MDB_CORRUPTED;
	for (size_t i = 0; i < a->n; i++)
		marked[a->number[i]] = MARK_OLD;
	for (size_t i = 0; i < b->n; i++)
	{
		if (marked[b->number[i]] == 0)
			b->number[nb++] = b->number[i];
		else
			marked[b->number[i]] = MARK_BOTH;
	}
	for (size_t i = 0; i < a->n; i++)
	{
		uint64_t number = a->number[i];

		if (marked[number] == MARK_OLD)
			a->number[na++] = number;
		marked[number] = 0;
	}
	a->n = na;
	b->n = nb;
	return 0;
}

/* Verifies an old page, or sums a new one. */
static const TviewPage *
take_page(const Publisher *publisher, const Side *side, uint64_t number)
{
	TviewPages *pages = publisher->pages;
	uint32_t sum;

	if (number > side->roots->last_page)
		return NULL;
	if (!side->is_new)
		return tview_pages_get(pages, number, side->roots->last_page);
	sum = tview_pages_sum(pages, number, side->roots->last_page);
	if (sum == 0)
		return NULL;
	atomic_store_explicit(&pages->sum[number],
						  tview_sum_entry(sum, pages->period),
						  memory_order_release);
	return (const TviewPage *) (pages->map + number * pages->page_size);
}

/* True when the page is one of that height, 0 being that of the leaves. */
static bool
is_of_height(const TviewPage *page, int height)
{
	return !(page->flags & TVIEW_PAGE_OVERFLOW) &&
		((page->flags & TVIEW_PAGE_LEAF) != 0) == (height == 0);
}

/* Notes what a leaf leads to: long values, databases. */
static int
note_values(Side *side, const TviewPage *leaf, bool is_main)
{
	unsigned count = tview_page_count(leaf);
	int rc = 0;

	for (unsigned at = 0; at < count && rc == 0; at++)
	{
		const TviewNode *node = tview_page_node(leaf, at);

		if (node->flags & TVIEW_NODE_BIG)
			rc = add_number(&side->overflow, tview_node_overflow(node));
		else if (is_main && (node->flags & TVIEW_NODE_DB))
			rc = add_record(&side->records, node);
	}
	return rc;
}

/* Takes all leaves of a side. */
static int
take_leaves(const Publisher *publisher, Side *side, TreeParts parts)
{
	int rc = 0;

	for (size_t i = 0; i < side->level.n && rc == 0; i++)
	{
		const TviewPage *page =
			take_page(publisher, side, side->level.number[i]);

		if (page == NULL || !is_of_height(page, 0))
			rc = MDB_CORRUPTED;
		else if (parts != PARTS_PAGES)
			rc = note_values(side, page, parts == PARTS_MAIN);
	}
	return rc;
}

/* A walk through the nodes of a level's branches, in the order of keys. */
typedef struct Nodes
{
	const Publisher *publisher;
	Side *side;
	int height;
	size_t i; /* of the level's pages: that after "page" */
	const TviewPage *page;
	unsigned at;
	unsigned count; /* 0: the walk is over */
	Numbers below;	/* what only this side has */
} Nodes;

/* Takes the level's next branch, if there is one. */
static int
next_branch(Nodes *nodes)
{
	nodes->at = nodes->count = 0;
	if (nodes->i == nodes->side->level.n)
		return 0;
	nodes->page = take_page(nodes->publisher, nodes->side,
							nodes->side->level.number[nodes->i++]);
	if (nodes->page == NULL || !is_of_height(nodes->page, nodes->height))
		return MDB_CORRUPTED;
	nodes->count = tview_page_count(nodes->page);
	return 0;
}

/* The child of the node that is so many further on in the same branch. */
static inline uint64_t
child_of(const Nodes *nodes, unsigned further)
{
	return tview_node_child(
		tview_page_node(nodes->page, nodes->at + further));
}

static inline bool
child_is(const Nodes *nodes, unsigned further, uint64_t number)
{
	return nodes->at + further < nodes->count &&
		child_of(nodes, further) == number;
}

/* Goes on by so many nodes, not beyond the branch's end. */
static inline int
step(Nodes *nodes, unsigned n)
{
	nodes->at += n;
	return nodes->at < nodes->count ? 0 : next_branch(nodes);
}

/* Notes the child as one that only this side has, and goes on. */
static int
keep_child(Nodes *nodes)
{
	int rc = add_number(&nodes->below, child_of(nodes, 0));

	return rc == 0 ? step(nodes, 1) : rc;
}

/* Goes on together while both branches lead to the same pages. */
static int
skip_same(Nodes *a, Nodes *b)
{
	unsigned most = a->count - a->at < b->count - b->at ? a->count - a->at
														: b->count - b->at;
	unsigned n = 0;
	int rc;

	while (n < most && child_of(a, n) == child_of(b, n))
		n++;
	if (n == 0)
		return 0;
	rc = step(a, n);
	return rc == 0 ? step(b, n) : rc;
}

/*
 * Takes the branches of both sides' level; the level becomes the one below.
 * Nearly all nodes lead to the same pages, in the same order: the few others
 * are found by going through both side by side.  Where a page was split or two
 * were joined one side is a node ahead; if it is more, both notice too many,
 * which drop_common sorts out.
 */
static int
take_branches(const Publisher *publisher, Side *old, Side *new, int height)
{
	Nodes a = {.publisher = publisher, .side = old, .height = height};
	Nodes b = {.publisher = publisher, .side = new, .height = height};
	int rc = next_branch(&a);

	if (rc == 0)
		rc = next_branch(&b);
	while (rc == 0 && (a.count > 0 || b.count > 0))
	{
		bool only_a = b.count == 0;
		bool only_b = a.count == 0;

		if (!only_a && !only_b)
		{
			uint64_t in_a = child_of(&a, 0);
			uint64_t in_b = child_of(&b, 0);

			if (in_a == in_b)
			{
				rc = skip_same(&a, &b);
				continue;
			}
			only_b = child_is(&b, 1, in_a);
			only_a = !only_b && child_is(&a, 1, in_b);
		}
		if (!only_b)
			rc = keep_child(&a);
		if (rc == 0 && !only_a)
			rc = keep_child(&b);
	}
	free(old->level.number);
	free(new->level.number);
	old->level = a.below;
	new->level = b.below;
	return rc;
}

/* Takes the pages of values. */
static int
take_overflow(const Publisher *publisher, Side *side)
{
	for (size_t i = 0; i < side->overflow.n; i++)
	{
		const TviewPage *page =
			take_page(publisher, side, side->overflow.number[i]);

		if (page == NULL || !(page->flags & TVIEW_PAGE_OVERFLOW))
			return MDB_CORRUPTED;
	}
	return 0;
}

/* Compares one tree of both commits; what is new in it is summed. */
static int
compare_trees(const Publisher *publisher, Side *old, Side *new,
			  const TviewTreeDb *old_db, const TviewTreeDb *new_db,
			  TreeParts parts)
{
	int height =
		(old_db->depth > new_db->depth ? old_db->depth : new_db->depth) - 1;
	int rc = 0;

	if (old_db->root == new_db->root)
		return 0;
	if (height >= TVIEW_TREE_LEVELS)
		return MDB_CORRUPTED;
	if (parts == PARTS_PAGES &&
		(old_db->overflow_pages > 0 || new_db->overflow_pages > 0))
		parts = PARTS_VALUES;
	old->level.n = new->level.n = old->overflow.n = new->overflow.n = 0;
	for (; height >= 0 && rc == 0; height--)
	{
		if (old_db->root != TVIEW_NO_PAGE && old_db->depth - 1 == height)
			rc = add_number(&old->level, old_db->root);
		if (rc == 0 && new_db->root != TVIEW_NO_PAGE &&
			new_db->depth - 1 == height)
			rc = add_number(&new->level, new_db->root);
		if (rc == 0)
			rc = drop_common(publisher, old, &old->level, new, &new->level);
		if (rc == 0 && height > 0)
			rc = take_branches(publisher, old, new, height);
		else
		{
			if (rc == 0)
				rc = take_leaves(publisher, old, parts);
			if (rc == 0)
				rc = take_leaves(publisher, new, parts);
		}
	}
	if (rc == 0)
		rc = drop_common(publisher, old, &old->overflow, new, &new->overflow);
	if (rc == 0)
		rc = take_overflow(publisher, old);
	if (rc == 0)
		rc = take_overflow(publisher, new);
	return rc;
}

/* Compares the trees of the databases whose records have changed. */
static int
compare_databases(const Publisher *publisher, Side *old, Side *new)
{
	static const TviewTreeDb none = {.root = TVIEW_NO_PAGE};
	int rc = 0;

	for (size_t i = 0; i < new->records.n &&rc == 0; i++)
	{
		const Record *record = &new->records.record[i];
		const TviewTreeDb *before = &none;

		for (size_t j = 0; j < old->records.n; j++)
			if (memcmp(old->records.record[j].name, record->name,
					   sizeof(record->name)) == 0)
				before = &old->records.record[j].db;
		rc = compare_trees(publisher, old, new, before, &record->db,
						   PARTS_PAGES);
	}
	return rc;
}

static void
free_side(Side *side)
{
	free(side->level.number);
	free(side->overflow.number);
	free(side->records.record);
}

/*
 * Sums what a commit after *before has written, and announces it.  Nothing to
 * do when there was no commit.  The caller holds the write lock.  A failure is
 * the end of the epoch.
 */
int
tview_pages_publish(TviewStore *store, const TviewRoots *before)
{
	Publisher publisher = {.store = store, .pages = store->pages};
	TviewRoots roots;
	Side old = {.roots = before};
	Side new = {.roots = &roots, .is_new = true};
	int rc = tview_pages_new_roots(store->pages, before->txn + 1, &roots);

	if (rc == EAGAIN)
		return 0;
	if (rc == 0 && !roots.valid)
		rc = MDB_CORRUPTED;
	if (rc == 0)
		rc = tview_pages_allocate(store, roots.last_page);
	if (rc == 0)
		rc = compare_trees(&publisher, &old, &new, &before->free, &roots.free,
						   PARTS_PAGES);
	if (rc == 0)
		rc = compare_trees(&publisher, &old, &new, &before->main, &roots.main,
						   PARTS_MAIN);
	if (rc == 0)
		rc = compare_databases(&publisher, &old, &new);
	if (rc == 0)
		tview_pages_announce(store->pages, &roots);
	free_side(&old);
	free_side(&new);
	return rc;
}
