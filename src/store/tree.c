/*
 * tree.c
 *		Walking the trees of a commit over verified pages; see pages.h.
 *
 * All functions return LMDB's codes: 0, MDB_NOTFOUND, MDB_CORRUPTED.  Pages
 * that tview_pages_get returns have offsets and sizes within bounds, so nothing
 * is checked again here but what leads from one page to another.
 */
#include <string.h>

#include "store/store_private.h"

/* Number of the first overflow page of a node. */
uint64_t
tview_node_overflow(const TviewNode *node)
{
	uint64_t number;

	memcpy(&number, node->key + node->keysize, sizeof(number));
	return number;
}

/* Prepares a walk through a tree; the tree stands nowhere yet. */
void
tview_tree_init(TviewTree *tree, TviewStore *store, const TviewRoots *roots,
				const TviewTreeDb *db, bool is_integer)
{
	tree->pages = store->pages;
	tree->last_page = roots->last_page;
	tree->root = db->root;
	tree->is_integer = is_integer;
	tree->has_values = db->overflow_pages > 0;
	tree->is_placed = false;
	tree->is_before = false;
	tree->depth = 0;
}

/* Goes down to a page. */
static inline int
push(TviewTree *tree, uint64_t number)
{
	const TviewPage *page =
		tview_pages_get(tree->pages, number, tree->last_page);

	if (page == NULL || tree->depth == TVIEW_TREE_LEVELS ||
		(page->flags & TVIEW_PAGE_OVERFLOW))
		return MDB_CORRUPTED;
	tree->level[tree->depth].page = page;
	tree->level[tree->depth].at = 0;
	tree->depth++;
	return 0;
}

static inline bool
is_leaf(const TviewPage *page)
{
	return (page->flags & TVIEW_PAGE_LEAF) != 0;
}

/* Goes down to the first or last leaf below the lowest level's node. */
static int
descend(TviewTree *tree, bool last)
{
	while (!is_leaf(tree->level[tree->depth - 1].page))
	{
		const TviewNode *node = tview_tree_node(tree, tree->depth - 1);
		int rc = push(tree, tview_node_child(node));
		unsigned count;

		if (rc != 0)
			return rc;
		count = tview_page_count(tree->level[tree->depth - 1].page);
		if (last)
			tree->level[tree->depth - 1].at = count - 1;
	}
	return 0;
}

/* Goes to the first or last entry of the whole tree. */
int
tview_tree_end(TviewTree *tree, bool last)
{
	int rc;

	tree->depth = 0;
	tree->is_placed = true;
	tree->is_before = last;
	if (tree->root == TVIEW_NO_PAGE)
		return MDB_NOTFOUND;
	rc = push(tree, tree->root);
	if (rc == 0 && last)
		tree->level[0].at = tview_page_count(tree->level[0].page) - 1;
	if (rc == 0)
		rc = descend(tree, last);
	if (rc != 0)
		tree->depth = 0;
	return rc;
}

/* Goes to the neighbouring leaf. */
static int
turn_page(TviewTree *tree, bool back)
{
	int rc;

	do
	{
		tree->depth--;
		if (tree->depth == 0)
		{
			tree->is_before = back;
			return MDB_NOTFOUND;
		}
	} while (back ? tree->level[tree->depth - 1].at == 0
				  : tree->level[tree->depth - 1].at + 1 >=
					 tview_page_count(tree->level[tree->depth - 1].page));
	if (back)
		tree->level[tree->depth - 1].at--;
	else
		tree->level[tree->depth - 1].at++;
	rc = descend(tree, back);
	if (rc != 0)
		tree->depth = 0;
	return rc;
}

/*
 * Goes to the next or previous entry.  Beyond the last one the tree is nowhere,
 * and comes back from there in the other direction.
 */
int
tview_tree_step(TviewTree *tree, bool back)
{
	if (tree->depth == 0)
		return !tree->is_placed || tree->is_before != back
			? tview_tree_end(tree, back)
			: MDB_NOTFOUND;
	if (back && tree->level[tree->depth - 1].at > 0)
	{
		tree->level[tree->depth - 1].at--;
		return 0;
	}
	if (!back &&
		tree->level[tree->depth - 1].at + 1 <
			tview_page_count(tree->level[tree->depth - 1].page))
	{
		tree->level[tree->depth - 1].at++;
		return 0;
	}
	return turn_page(tree, back);
}

/* Compares a key with a node's, as strings of bytes. */
static int
compare_bytes(const void *key, size_t size, const TviewNode *node)
{
	size_t common = size < node->keysize ? size : node->keysize;
	int result = memcmp(key, node->key, common);

	return result != 0 ? result
					   : (size > node->keysize) - (size < node->keysize);
}

/* A key of eight bytes. */
static inline uint64_t
integer_of(const void *key)
{
	uint64_t value;

	memcpy(&value, key, sizeof(value));
	return value;
}

/* The first eight bytes of a key as a number of the same order. */
static inline uint64_t
prefix_of(const void *key)
{
	uint64_t value = integer_of(key);

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	value = __builtin_bswap64(value);
#endif
	return value;
}

/*
 * What is looked for, and what is known of the page that may have it: keys of
 * eight bytes or more have a number of the same order, which tells as a rule.
 */
typedef struct Search
{
	const void *key;
	size_t size;
	uint64_t number;
	bool is_between; /* the page's keys have numbers from low to high */
	uint64_t low;
	uint64_t high;
} Search;

/* The number of a key. */
static inline __attribute__((always_inline)) uint64_t
number_of(const void *key, bool is_integer)
{
	return is_integer ? integer_of(key) : prefix_of(key);
}

/* Compares the wanted key with a node's. */
static inline __attribute__((always_inline)) int
compare(const Search *search, const TviewNode *node, bool is_integer)
{
	uint64_t found;

	if (!is_integer &&
		(search->size < sizeof(found) || node->keysize < sizeof(found)))
		return compare_bytes(search->key, search->size, node);
	found = number_of(node->key, is_integer);
	if (is_integer || found != search->number)
		return (search->number > found) - (search->number < found);
	return compare_bytes(search->key, search->size, node);
}

/* Where the key would be from 0 to n, if the page's numbers lay evenly. */
static inline unsigned
guess(const Search *search, unsigned n)
{
	double part = (double) (search->number - search->low) /
		((double) (search->high - search->low) + 1);

	return (unsigned) (part * n);
}

/*
 * The first node from low on whose key is not below the wanted one; *equal
 * says whether it is that one.
 *
 * Each node that is looked at is memory that is waited for, so the search
 * begins where the key would be if the page's lay evenly, as those of rows and
 * hashes do, and goes from there in steps that double.
 */
static inline __attribute__((always_inline)) unsigned
find(const Search *search, const TviewPage *page, unsigned low, bool is_integer,
	 bool *equal)
{
	unsigned high = tview_page_count(page);
	unsigned step = 0;
	unsigned at = (low + high) / 2;

	*equal = false;
	if (search->is_between && high > low)
	{
		at = low + guess(search, high - low - 1);
		step = 1;
	}
	while (low < high)
	{
		int order = compare(search, tview_page_node(page, at), is_integer);

		if (order == 0)
		{
			*equal = true;
			return at;
		}
		if (order > 0)
			low = at + 1;
		else
			high = at;
		if (step >= (high - low) / 2)
			step = 0;
		if (step == 0)
			at = (low + high) / 2;
		else
			at = order > 0 ? low + step - 1 : high - step;
		step *= 2;
	}
	return low;
}

/* Notes what a branch's nodes say of the child's keys. */
static inline __attribute__((always_inline)) void
narrow(Search *search, const TviewPage *page, unsigned at, bool is_integer)
{
	const TviewNode *first = tview_page_node(page, at);
	const TviewNode *next = first;

	if (at + 1 < tview_page_count(page))
		next = tview_page_node(page, at + 1);
	/* a branch's first node has no key, and its last one no next */
	search->is_between = search->size >= sizeof(uint64_t) && next != first &&
		first->keysize >= sizeof(uint64_t) &&
		next->keysize >= sizeof(uint64_t);
	if (!search->is_between)
		return;
	search->low = number_of(first->key, is_integer);
	search->high = number_of(next->key, is_integer);
	search->is_between =
		search->low <= search->number && search->number <= search->high;
}

/*
 * Asks for the memory where a child would have the key, if it is a leaf as the
 * last one was whose keys were appended: then nodes lie from the page's end
 * down.  Else it is asked for in vain.
 */
static inline __attribute__((always_inline)) void
ask(const TviewTree *tree, const Search *search, uint64_t number,
	bool is_integer)
{
	const TviewPages *pages = tree->pages;
	unsigned begin = pages->nodes_begin[is_integer];
	const char *page;
	const char *place;

	if (!search->is_between || number > tree->last_page)
		return;
	page = pages->map + number * pages->page_size;
	place = page + pages->page_size - guess(search, pages->page_size - begin);
	__builtin_prefetch(place - 32);
	__builtin_prefetch(place - 96);
	if (!is_integer)
		__builtin_prefetch(page + guess(search, begin));
	else
	{
		/* a row is longer, and all of it is wanted */
		__builtin_prefetch(place - 160);
		__builtin_prefetch(place - 224);
	}
}

/* See tview_tree_seek. */
static inline __attribute__((always_inline)) int
seek(TviewTree *tree, Search *search, bool is_integer, bool *equal)
{
	uint64_t number = tree->root;
	const TviewPage *page;
	unsigned at;

	for (;;)
	{
		if (push(tree, number) != 0)
		{
			tree->depth = 0;
			return MDB_CORRUPTED;
		}
		page = tree->level[tree->depth - 1].page;
		if (is_leaf(page))
			break;
		/* a branch's first key counts as lower than all */
		at = find(search, page, 1, is_integer, equal);
		if (!*equal)
			at--;
		narrow(search, page, at, is_integer);
		tree->level[tree->depth - 1].at = at;
		number = tview_node_child(tview_page_node(page, at));
		ask(tree, search, number, is_integer);
	}
	tree->pages->nodes_begin[is_integer] = page->upper;
	at = find(search, page, 0, is_integer, equal);
	tree->level[tree->depth - 1].at = at;
	return at < tview_page_count(page) ? 0 : turn_page(tree, false);
}

/*
 * Goes to the first entry whose key is not below the wanted one; *equal says
 * whether it is that one.
 */
int
tview_tree_seek(TviewTree *tree, const void *key, size_t size, bool *equal)
{
	Search search = {.key = key, .size = size};

	tree->depth = 0;
	tree->is_placed = true;
	tree->is_before = false;
	*equal = false;
	if (tree->root == TVIEW_NO_PAGE)
		return MDB_NOTFOUND;
	if (size >= sizeof(search.number))
		search.number = number_of(key, tree->is_integer);
	return tree->is_integer ? seek(tree, &search, true, equal)
							: seek(tree, &search, false, equal);
}

/* Finds a node's value that is on pages of its own. */
int
tview_tree_long_value(const TviewTree *tree, const TviewNode *node,
					  TviewValue *value)
{
	const TviewPage *page = tview_pages_get(
		tree->pages, tview_node_overflow(node), tree->last_page);

	value->size = tview_node_size(node);
	if (page == NULL || !(page->flags & TVIEW_PAGE_OVERFLOW) ||
		value->size + TVIEW_PAGE_HEADER >
			(size_t) page->pages * tree->pages->page_size)
		return MDB_CORRUPTED;
	value->data = (const char *) page + TVIEW_PAGE_HEADER;
	return 0;
}

/* Compares the entry's key with another one. */
int
tview_tree_compare(const TviewTree *tree, const void *key, size_t size)
{
	const TviewNode *node = tview_tree_node(tree, tree->depth - 1);

	if (tree->is_integer)
	{
		uint64_t wanted = integer_of(key);
		uint64_t found = integer_of(node->key);

		return (found > wanted) - (found < wanted);
	}
	return -compare_bytes(key, size, node);
}

/* True when the key lies between a leaf's first and last one. */
bool
tview_page_covers(const TviewPage *leaf, bool is_integer, const void *key,
				  size_t size)
{
	const TviewNode *first = tview_page_node(leaf, 0);
	const TviewNode *last = tview_page_node(leaf, tview_page_count(leaf) - 1);
	uint64_t wanted;

	if (!is_integer)
		return compare_bytes(key, size, first) >= 0 &&
			compare_bytes(key, size, last) <= 0;
	wanted = integer_of(key);
	return wanted >= integer_of(first->key) && wanted <= integer_of(last->key);
}

/* Verifies the pages to the left and right of those that the tree stands at. */
int
tview_tree_verify_beside(const TviewTree *tree)
{
	for (int i = 0; i + 1 < tree->depth; i++)
	{
		const TviewPage *page = tree->level[i].page;
		unsigned at = tree->level[i].at;
		unsigned end = at + 2 < tview_page_count(page)
			? at + 2
			: tview_page_count(page);

		for (at = at > 0 ? at - 1 : 0; at < end; at++)
			if (tview_pages_get(tree->pages,
								tview_node_child(tview_page_node(page, at)),
								tree->last_page) == NULL)
				return MDB_CORRUPTED;
	}
	return 0;
}

/* Looks a named database up in the main one. */
static int
look_up_db(TviewStore *store, const TviewRoots *roots, uint64_t name,
		   TviewKnownDb *known)
{
	char text[16];
	TviewTree tree;
	TviewValue key;
	TviewValue value;
	bool equal;
	int rc;

	tview_tree_init(&tree, store, roots, &roots->main, false);
	rc = tview_tree_seek(&tree, text, tview_handle_text(name, text), &equal);
	if (rc != 0 && rc != MDB_NOTFOUND)
		return rc;
	if (equal)
	{
		rc = tview_tree_entry(&tree, &key, &value);
		if (rc != 0 || value.size != sizeof(TviewTreeDb))
			return MDB_CORRUPTED;
		memcpy(&known->db, value.data, sizeof(known->db));
	}
	known->name = name;
	known->txn = roots->txn;
	known->exists = equal;
	return 0;
}

/*
 * Finds a named database as the commit has it; *db is NULL when there is none.
 */
int
tview_tree_find(TviewStore *store, const TviewRoots *roots, uint64_t name,
				const TviewTreeDb **db)
{
	TviewKnownDb *known = &store->pages->known[name % TVIEW_KNOWN_DBS];

	if (known->name != name || known->txn != roots->txn)
	{
		int rc = look_up_db(store, roots, name, known);

		if (rc != 0)
			return rc;
	}
	*db = known->exists ? &known->db : NULL;
	return 0;
}
