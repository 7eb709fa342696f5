/*
 * pages.h
 *		LMDB's data file as this folder reads it: verified pages, and trees of
 *		them.  Private to src/store/.
 *
 * LMDB 0.9 has no checksums.  So every commit sums the pages that it has
 * written (publish.c), into the file "sums" beside data.mdb, and every read
 * goes through a map and a tree walk of our own, which looks at no page before
 * its sum was found to be right (pages.c, tree.c).  Whatever is changed in
 * data.mdb - a value, a key, a page's place in the tree, a whole page by an
 * older state of it - is found before it can have any consequence.  LMDB
 * itself gives the snapshot, and does all writing.
 *
 * The layouts below are data version 1 of LMDB for 64 bits, which has been the
 * same since 2011; tview_pages_open refuses another one.
 */
#ifndef TVIEW_PAGES_H
#define TVIEW_PAGES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define TVIEW_PAGE_BRANCH 0x01
#define TVIEW_PAGE_LEAF 0x02
#define TVIEW_PAGE_OVERFLOW 0x04
#define TVIEW_PAGE_LEAF2 0x20
#define TVIEW_PAGE_KINDS 0x2f

#define TVIEW_NODE_BIG 0x01 /* the value is on overflow pages */
#define TVIEW_NODE_DB 0x02	/* the value is a TviewTreeDb */
#define TVIEW_NODE_FLAGS 0x07

#define TVIEW_NO_PAGE UINT64_MAX /* root of an empty tree */
#define TVIEW_TREE_LEVELS 32

typedef struct TviewPage
{
	uint64_t number;
	uint16_t pad;
	uint16_t flags;
	union
	{
		struct
		{
			uint16_t lower; /* end of the offsets */
			uint16_t upper; /* begin of the nodes */
		};
		uint32_t pages; /* of an overflow page */
	};
	uint16_t offset[]; /* of the nodes, in the order of their keys */
} TviewPage;

#define TVIEW_PAGE_HEADER 16
_Static_assert(offsetof(TviewPage, offset) == TVIEW_PAGE_HEADER,
			   "a page's header is 16 bytes");

typedef struct TviewNode
{
	/* size of the value, or the child's number */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	uint16_t low;
	uint16_t high;
#else
	uint16_t high;
	uint16_t low;
#endif
	uint16_t flags; /* in a branch: the number's highest bits */
	uint16_t keysize;
	unsigned char key[]; /* and then the value */
} TviewNode;

/* A tree, as LMDB describes it. */
typedef struct TviewTreeDb
{
	uint32_t pad;
	uint16_t flags;
	uint16_t depth;
	uint64_t branch_pages;
	uint64_t leaf_pages;
	uint64_t overflow_pages;
	uint64_t entries;
	uint64_t root;
} TviewTreeDb;

_Static_assert(sizeof(TviewTreeDb) == 48, "MDB_db is 48 bytes");

/* Behind the header of pages 0 and 1. */
typedef struct TviewMeta
{
	uint32_t magic;
	uint32_t version;
	uint64_t address;
	uint64_t map_size;
	TviewTreeDb trees[2]; /* free pages; the main database */
	uint64_t last_page;
	_Atomic uint64_t txn;
} TviewMeta;

/* Where the trees of one commit begin. */
typedef struct TviewRoots
{
	TviewTreeDb free;
	TviewTreeDb main;
	uint64_t last_page;
	uint64_t txn;
	uint64_t valid;
} TviewRoots;

/* Header of the file "sums"; the sums begin at TVIEW_RING_HEADER. */
typedef struct TviewSums
{
	char magic[8];
	uint32_t version;
	uint32_t page_size; /* of LMDB */
	uint64_t epoch;
	_Atomic uint64_t allocated; /* bytes of the file with space on disk */
	_Atomic uint64_t txn;		/* the last commit that is summed */
	_Atomic uint32_t meta[2];	/* of the roots of an even, an odd commit */
} TviewSums;

/* A database looked up before. */
typedef struct TviewKnownDb
{
	uint64_t name;
	uint64_t txn;
	bool exists;
	TviewTreeDb db;
} TviewKnownDb;

#define TVIEW_KNOWN_DBS 16

typedef struct TviewPages
{
	const char *map; /* of data.mdb */
	size_t map_size;
	uint64_t count; /* pages that fit */
	uint32_t page_size;
	uint32_t period;	   /* of now, see tview_pages_renew */
	unsigned char *marked; /* for each page, see publish.c */
	TviewSums *sums;
	size_t sums_size;
	_Atomic uint64_t *sum; /* of each page; 0: none */
	TviewKnownDb known[TVIEW_KNOWN_DBS];
	unsigned nodes_begin[2]; /* in a leaf of either kind of keys, about */
} TviewPages;

/* A place in a tree. */
typedef struct TviewTree
{
	TviewPages *pages;
	uint64_t last_page;
	uint64_t root;
	bool is_integer; /* keys are uint64, else strings of bytes */
	bool has_values; /* there are values on pages of their own */
	bool is_placed;	 /* it has been somewhere */
	bool is_before;	 /* nowhere means before the first entry */
	int depth;		 /* 0: nowhere */
	struct
	{
		const TviewPage *page;
		unsigned at;
	} level[TVIEW_TREE_LEVELS];
} TviewTree;

/*
 * An entry of the file "sums": a page's sum, and the period in which a process
 * has found it right, or has computed it.
 */
static inline uint64_t
tview_sum_entry(uint32_t sum, uint32_t period)
{
	return sum | (uint64_t) period << 32;
}

/* The period begins in which a transaction verifies pages. */
extern void tview_pages_renew(TviewPages *pages);

/* Looks at a page's sum and form; NULL when either is wrong. */
extern const TviewPage *
tview_pages_verify(TviewPages *pages, uint64_t number, uint64_t last_page);

/*
 * A page that is what the commit with that last page wrote, or NULL.  Its sum
 * is computed by the first process that wants it in a period.
 */
static inline const TviewPage *
tview_pages_get(TviewPages *pages, uint64_t number, uint64_t last_page)
{
	if (number > last_page)
		return NULL;
	if (atomic_load_explicit(&pages->sum[number], memory_order_relaxed) >> 32 ==
		pages->period)
		return (const TviewPage *) (pages->map + number * pages->page_size);
	return tview_pages_verify(pages, number, last_page);
}

/* Nodes of a branch or leaf. */
static inline unsigned
tview_page_count(const TviewPage *page)
{
	return (page->lower - (unsigned) TVIEW_PAGE_HEADER) / 2;
}

static inline const TviewNode *
tview_page_node(const TviewPage *page, unsigned at)
{
	return (const TviewNode *) ((const char *) page + page->offset[at]);
}

/* The child's number: the node's first six bytes, read at once. */
static inline uint64_t
tview_node_child(const TviewNode *node)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	uint64_t number;

	memcpy(&number, node, sizeof(number));
	return number & UINT64_C(0xffffffffffff);
#else
	return node->low | (uint64_t) node->high << 16 |
		(uint64_t) node->flags << 32;
#endif
}

static inline size_t
tview_node_size(const TviewNode *node)
{
	return node->low | (size_t) node->high << 16;
}

/* Number of the first overflow page of a TVIEW_NODE_BIG. */
extern uint64_t tview_node_overflow(const TviewNode *node);

#endif /* TVIEW_PAGES_H */
