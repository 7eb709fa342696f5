/*
 * store_private.h
 *		What the files of src/store/ share: the layouts of the mapped files, the
 *		handle, and helpers.  Only src/store/ and test/unit/ include it.
 *
 * Order of locks, outermost first: the file "lock" (flock: creating a control
 * file, creating an epoch), ring->settle_mutex, ring->write_mutex (and within
 * it LMDB's own), ring->append_mutex.  tview_store_reset takes none of them.
 *
 * Everything that belongs to one life of the contents (floor, ring, locks)
 * stands in that epoch's own "marks" file and not in the control file: what a
 * process that was stopped for an hour does to its old epoch then cannot
 * disturb the present one.
 */
#ifndef TVIEW_STORE_PRIVATE_H
#define TVIEW_STORE_PRIVATE_H

#include <limits.h>
#include <lmdb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/types.h>

#include "store/checksum.h"
#include "store/pages.h"
#include "store/store.h"

#define TVIEW_CONTROL_MAGIC "tviewctl"
#define TVIEW_RING_MAGIC "tviewlog"
#define TVIEW_SUMS_MAGIC "tviewsum"
#define TVIEW_STORE_VERSION 5 /* of the layouts below */

#define TVIEW_COUNTER_SLOTS 1024
#define TVIEW_MAX_DATABASES 4096
#define TVIEW_RING_HEADER 4096
#define TVIEW_RING_MIN_RECORDS 64

/*
 * How long to wait: appends hold their lock for microseconds, or while the disk
 * works (sync); write transactions take milliseconds, now and then many.
 */
#define TVIEW_LOG_LOCK_MS 1000
#define TVIEW_LOG_SYNC_LOCK_MS 10000
#define TVIEW_WRITE_LOCK_MS 5000
#define TVIEW_FILE_LOCK_MS 2000

/* The file "control". */
typedef struct TviewControl
{
	/* Up to replaced: the same in every version, so that any can reset any. */
	char magic[8];
	uint32_t version;
	uint32_t size;			   /* of this file */
	_Atomic uint64_t epoch;	   /* 0: no contents */
	_Atomic uint32_t replaced; /* another file has taken this one's name */

	uint32_t durable;			 /* contents shall outlive a power failure */
	_Atomic uint64_t last_epoch; /* the highest number given out */
	uint64_t inode;				 /* own inode: a copy is another store */
	TviewStoreIdentity identity;
	_Atomic int64_t reset_time;
	char reset_reason[120]; /* written without a lock: for people only */
	_Alignas(64) TviewProgress progress[TVIEW_PROGRESS_SLOTS];
	_Alignas(64) TviewCounters counters[TVIEW_COUNTER_SLOTS];
	_Alignas(64) TviewWorker worker;
} TviewControl;

/*
 * Header of the file "marks"; the records begin at TVIEW_RING_HEADER, and after
 * them a checksum of each.  What is fixed with the epoch has the checksum "sum".
 * Words that change while the store is used are sealed (see checksum.h) where
 * a wrong value could do harm.
 */
typedef struct TviewRing
{
	char magic[8];
	uint32_t version;
	uint32_t max_readers;
	uint64_t epoch;
	uint64_t capacity;		/* records */
	uint64_t mark_log_size; /* as configured */
	uint64_t page_size;		/* of the machine, hence of LMDB */
	uint64_t data_inode;	/* of data.mdb */
	uint64_t lock_inode;	/* of lock.mdb */
	uint64_t lock_size;
	char boot_id[40];			/* boot in which the mutexes were initialised */
	uint32_t sum;				/* of all up to here */
	_Atomic uint64_t map_size;	/* the largest asked for by anyone; sealed */
	_Atomic uint64_t data_size; /* data.mdb is at least as large */
	_Atomic uint32_t sync;

	_Alignas(64) _Atomic uint64_t floor; /* sealed */
	_Atomic uint64_t floor_lsn;
	_Atomic uint64_t wal;
	_Atomic uint64_t floor_flushed; /* 1, sealed, when it is */

	_Alignas(64) _Atomic uint64_t head; /* both sealed, and change */
	_Alignas(64) _Atomic uint64_t tail; /* under append_mutex */
	pthread_mutex_t append_mutex;
	_Alignas(64) pthread_mutex_t settle_mutex;
	pthread_mutex_t write_mutex; /* LMDB has no try-lock of its own */
} TviewRing;

/* Sealed words lie in cache lines of their own, which tell them apart. */
#define TVIEW_RING_PLACES 8
#define TVIEW_RING_PLACE(address) \
	((unsigned) ((address) / 64) % TVIEW_RING_PLACES)

_Static_assert(TVIEW_RING_PLACE(offsetof(TviewRing, map_size)) == 1 &&
				   TVIEW_RING_PLACE(offsetof(TviewRing, floor)) == 3 &&
				   TVIEW_RING_PLACE(offsetof(TviewRing, head)) == 4 &&
				   TVIEW_RING_PLACE(offsetof(TviewRing, tail)) == 5,
			   "sealed words share a place");
_Static_assert(sizeof(TviewRing) <= TVIEW_RING_HEADER,
			   "the ring's header has outgrown its place");
_Static_assert(sizeof(TviewMark) == 32, "a mark is 32 bytes on disk");
_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2,
			   "atomics in shared memory must be lock-free");

/* The last way in a commit's tree that a write transaction has verified. */
typedef struct TviewWay
{
	uint32_t rel;
	bool is_beside;		   /* the neighbours of its pages, too */
	bool is_last;		   /* the way to the tree's last page, too */
	const TviewPage *leaf; /* NULL: none */
} TviewWay;

struct TviewTxn
{
	TviewStore *store;
	MDB_txn *mdb;		  /* read: kept when not active; write: NULL */
	TviewCursor *cursors; /* the open ones */
	TviewRoots roots;	  /* write: of the commit that it changes */
	TviewWay way[3];	  /* write: by kind of database */
	uint32_t visible;	  /* handles [0, visible) can be used in it */
	bool active;
	bool is_write;
	TviewStoreStatus failed; /* why a write transaction was aborted early */
};

struct TviewCursor
{
	TviewTxn *txn;
	/* NULL: a reader's, no such database, or its transaction was aborted */
	MDB_cursor *mdb;
	TviewTree tree; /* see rows.c */
	bool has_tree;
	bool is_back; /* the tree is ahead in the direction of smaller keys */
	TviewCursor *previous;
	TviewCursor *next;
};

/* An open named database; see handle.c. */
typedef struct TviewHandle
{
	uint64_t name; /* rel and kind */
	MDB_dbi dbi;
} TviewHandle;

typedef struct TviewHandles
{
	uint32_t published; /* usable by every transaction that begins */
	uint32_t count;		/* with those that the write transaction creates */
	uint32_t last;		/* the one found last */
	TviewHandle handle[TVIEW_MAX_DATABASES];
	uint16_t slot[2 * TVIEW_MAX_DATABASES]; /* hash: index + 1, 0: free */
} TviewHandles;

struct TviewStore
{
	TviewControl *control;

	/* the entered epoch, all zero when there is none */
	uint64_t entered;
	TviewRing *ring;
	TviewMark *records;
	uint32_t *sums; /* of the records */
	uint64_t capacity;
	uint64_t used; /* of it, at the last append */
	MDB_env *env;
	MDB_dbi main_dbi;
	uint64_t env_map_size;
	uint64_t checked_page; /* last page at the last look for dead readers */
	bool env_sync;
	/* sealed words of the ring that were right when seen last; or 0 */
	uint64_t right[TVIEW_RING_PLACES];
	/* the options that were adopted last, and ring->map_size then; or 0 */
	TviewStoreConfig adopted;
	uint64_t adopted_size;
	TviewHandles *handles;
	TviewPages *pages;
	TviewTxn read;
	TviewTxn write;
	size_t ring_size;
	bool settle_is_held;
	volatile bool in_lmdb; /* LMDB is at work outside of transactions */

	unsigned fork_count; /* see tview_store_is_forked */
	int error;
	int control_fd;
	char *dir;
};

/* ---- file.c ---- */

extern int tview_file_create(const char *path, size_t size, int *fd);
extern int tview_file_allocate(int fd, size_t offset, size_t size);
extern int tview_file_extend(int fd, size_t size);
extern int tview_file_map(int fd, size_t size, void **address);
extern int tview_file_lock(const char *dir, int milliseconds, int *fd);
extern void tview_file_unlock(int fd);
extern int tview_file_sync_directory(const char *dir);
extern int tview_file_remove_epoch(const char *dir, const char *name);
extern int tview_file_remove_leftovers(const char *dir);
extern int tview_file_path(char *path, const char *dir, const char *name);
extern const char *tview_file_boot_id(void);

/* ---- mutex.c ---- */

extern int tview_mutex_init(pthread_mutex_t *mutex);
extern int tview_mutex_trylock(pthread_mutex_t *mutex);
extern int tview_mutex_lock(pthread_mutex_t *mutex, int milliseconds);
extern void tview_mutex_unlock(pthread_mutex_t *mutex);

/* ---- control.c ---- */

extern int tview_control_errno;
extern volatile unsigned tview_control_forks;
extern TviewStoreStatus tview_control_status(TviewStore *store, int error);
extern bool tview_control_reset_epoch(TviewStore *store, uint64_t epoch,
									  const char *reason);

/* True in a child of the process that attached. */
static inline bool
tview_store_is_forked(const TviewStore *store)
{
	return store->fork_count != tview_control_forks;
}

/*
 * True when the entered epoch is the store's present one and this process may
 * use it.
 */
static inline bool
tview_store_is_current(const TviewStore *store)
{
	return store->entered != 0 && !tview_store_is_forked(store) &&
		atomic_load_explicit(&store->control->epoch, memory_order_acquire) ==
		store->entered;
}

/* ---- epoch.c ---- */

extern void tview_epoch_leave(TviewStore *store);
extern void tview_epoch_path(const TviewStore *store, uint64_t epoch,
							 const char *file, char *path);

/* ---- ring.c ---- */

extern int tview_ring_create(TviewStore *store, uint64_t epoch,
							 const TviewStoreConfig *config);
extern TviewStoreStatus tview_ring_open(TviewStore *store, uint64_t epoch);
extern void tview_ring_close(TviewStore *store);
extern int tview_ring_flush_header(TviewStore *store);
extern void tview_ring_seal(TviewRing *ring);
extern uint64_t tview_ring_open_word(TviewStore *store, uint64_t sealed,
									 uint64_t otherwise, unsigned place);

/*
 * A sealed word of the ring; when it is damaged, the epoch is over.  One that
 * was right when it was seen last is not verified again.
 */
static inline uint64_t
tview_ring_word(TviewStore *store, _Atomic uint64_t *word, uint64_t otherwise)
{
	uint64_t sealed = atomic_load_explicit(word, memory_order_acquire);
	unsigned place = TVIEW_RING_PLACE((uintptr_t) word);

	return sealed == store->right[place] && sealed != 0
		? sealed & TVIEW_SEALED_NUMBER
		: tview_ring_open_word(store, sealed, otherwise, place);
}

/* ---- env.c ---- */

extern TviewStoreStatus tview_env_open(TviewStore *store, bool create);
extern void tview_env_close(TviewStore *store);
extern TviewStoreStatus tview_env_resize(TviewStore *store, uint64_t size);
extern TviewStoreStatus tview_env_status(TviewStore *store, int rc);
extern void tview_env_note_size(TviewStore *store);

/* ---- txn.c ---- */

extern void tview_txn_abort_write(TviewTxn *txn);

/* ---- handle.c ---- */

extern bool tview_handle_find(TviewStore *store, const TviewTxn *txn,
							  TviewDbKind kind, uint32_t rel, MDB_dbi *dbi);
extern int tview_handle_create(TviewStore *store, TviewTxn *txn,
							   TviewDbKind kind, uint32_t rel, MDB_dbi *dbi);
extern bool tview_handle_is_complete(const TviewStore *store, MDB_txn *mdb);
extern int tview_handle_open_all(TviewStore *store);
extern void tview_handle_publish(TviewStore *store);
extern void tview_handle_forget(TviewStore *store);
extern uint64_t tview_handle_name(TviewDbKind kind, uint32_t rel);
extern size_t tview_handle_text(uint64_t name, char *text);

/* ---- pages.c ---- */

extern int tview_pages_open(TviewStore *store, bool create);
extern void tview_pages_close(TviewStore *store);
extern int tview_pages_roots(TviewStore *store, uint64_t txn,
							 TviewRoots *roots);
extern int tview_pages_new_roots(const TviewPages *pages, uint64_t txn,
								 TviewRoots *roots);
extern void tview_pages_announce(TviewPages *pages, const TviewRoots *roots);
extern int tview_pages_allocate(TviewStore *store, uint64_t last_page);
extern int tview_pages_flush(TviewStore *store);
extern uint32_t tview_pages_sum(const TviewPages *pages, uint64_t number,
								uint64_t last_page);

/* ---- publish.c ---- */

extern int tview_pages_publish(TviewStore *store, const TviewRoots *before);

/* ---- tree.c ---- */

extern void tview_tree_init(TviewTree *tree, TviewStore *store,
							const TviewRoots *roots, const TviewTreeDb *db,
							bool is_integer);
extern int tview_tree_end(TviewTree *tree, bool last);
extern int tview_tree_step(TviewTree *tree, bool back);
extern int tview_tree_seek(TviewTree *tree, const void *key, size_t size,
						   bool *equal);
extern int tview_tree_long_value(const TviewTree *tree, const TviewNode *node,
								 TviewValue *value);
extern int tview_tree_compare(const TviewTree *tree, const void *key,
							  size_t size);
extern bool tview_page_covers(const TviewPage *leaf, bool is_integer,
							  const void *key, size_t size);
extern int tview_tree_verify_beside(const TviewTree *tree);
extern int tview_tree_find(TviewStore *store, const TviewRoots *roots,
						   uint64_t name, const TviewTreeDb **db);

/* The node that a level stands at. */
static inline const TviewNode *
tview_tree_node(const TviewTree *tree, int level)
{
	return tview_page_node(tree->level[level].page, tree->level[level].at);
}

/* The entry that the tree stands at; an LMDB code. */
static inline int
tview_tree_entry(const TviewTree *tree, TviewValue *key, TviewValue *value)
{
	const TviewNode *node = tview_tree_node(tree, tree->depth - 1);

	key->data = node->key;
	key->size = node->keysize;
	if (node->flags & TVIEW_NODE_BIG)
		return tview_tree_long_value(tree, node, value);
	value->data = node->key + node->keysize;
	value->size = tview_node_size(node);
	return 0;
}

/* tview_tree_step forward, the commonest step being a short one. */
static inline int
tview_tree_next(TviewTree *tree)
{
	int leaf = tree->depth - 1;

	if (leaf < 0 ||
		tree->level[leaf].at + 1 >= tview_page_count(tree->level[leaf].page))
		return tview_tree_step(tree, false);
	tree->level[leaf].at++;
	return 0;
}

/* ---- fault.c ---- */

extern void tview_fault_arm(TviewStore *store);
extern void tview_fault_disarm(TviewStore *store);

#endif /* TVIEW_STORE_PRIVATE_H */
