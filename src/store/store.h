/*
 * store.h
 *		The store of one foreign server in one database: an LMDB environment
 *		for rows, a control file and a ring of marks, shared by all backends.
 *
 * This folder is plain C: it includes no postgres.h, allocates with malloc,
 * returns a TviewStoreStatus and never throws.  Nothing outside includes
 * lmdb.h.  Callers hold interrupts off where an ereport must not happen; no
 * function here waits for anything but a mutex that is held for microseconds
 * (and those waits are bounded, see tview_store_reset).
 *
 * On disk, in one directory of mode 0700:
 *
 *		control				fixed size, fallocated, mapped by every process
 *		e<epoch>/data.mdb, e<epoch>/lock.mdb	the LMDB environment
 *		e<epoch>/sums		checksums of data.mdb's pages, mapped
 *		e<epoch>/marks		the ring of marks, fallocated, mapped
 *
 * An epoch is one life of the contents.  Epoch 0 means "no contents": whoever
 * has any doubt sets it (tview_store_reset, which cannot fail), and from that
 * moment nobody serves from, stores into, or publishes to the old files.  The
 * next reader creates a new epoch (tview_store_revive).
 *
 * Order for a reader of rows, which makes a row and the marks against it
 * consistent: tview_log_head, tview_read_begin, tview_log_tail, then check
 * the rows against the marks of [head, tail).  For a settler: change the rows,
 * tview_write_commit, then tview_log_trim.
 */
#ifndef TVIEW_STORE_H
#define TVIEW_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum TviewStoreStatus
{
	TVIEW_STORE_OK = 0,
	TVIEW_STORE_NOTFOUND,	  /* no such key, or cursor at the end */
	TVIEW_STORE_EXISTS,		  /* put with the "no overwrite" flag */
	TVIEW_STORE_BUSY,		  /* a try-lock was lost */
	TVIEW_STORE_RESET,		  /* the epoch is 0 or no longer the caller's */
	TVIEW_STORE_LOG_FULL,	  /* the ring has no room for the records */
	TVIEW_STORE_MAP_FULL,	  /* LMDB's map (map_size) is full */
	TVIEW_STORE_READERS_FULL, /* no slot, also after clearing dead ones */
	TVIEW_STORE_NO_FILES,	  /* EMFILE or ENFILE */
	TVIEW_STORE_NO_MEMORY,
	TVIEW_STORE_NO_SPACE,  /* ENOSPC, EDQUOT */
	TVIEW_STORE_NO_ACCESS, /* EACCES, EPERM, EROFS */
	TVIEW_STORE_IO,		   /* any other errno */
	TVIEW_STORE_CORRUPT	   /* contents that cannot be: the caller resets */
} TviewStoreStatus;

/*
 * Whose store it is; any difference from what the control file says resets it.
 */
typedef struct TviewStoreIdentity
{
	uint64_t system_id; /* of the cluster's pg_control */
	uint32_t database;
	uint32_t server;
	uint32_t timeline;
	uint32_t format;  /* version of the rows' format, the caller's */
	char boot_id[40]; /* of the kernel; "" when durable across boots */
} TviewStoreIdentity;

typedef struct TviewStoreConfig
{
	uint64_t map_size;		/* bytes, of the LMDB map */
	uint64_t mark_log_size; /* bytes, of the ring */
	uint32_t max_readers;	/* LMDB reader slots */
	bool sync;				/* fsync at every commit and append */
} TviewStoreConfig;

/*
 * One record of the ring.  32 bytes; see meta/tag.h for what the fields mean.
 */
typedef struct TviewMark
{
	uint64_t tag;
	uint64_t xid;	 /* full transaction id, top level */
	int64_t pk;		 /* key of the root row, with TVIEW_MARK_HAS_PK */
	uint32_t rel;	 /* oid of the base table */
	uint16_t keyatt; /* attribute number of the key that pk belongs to */
	uint16_t flags;	 /* TVIEW_MARK_... */
} TviewMark;

#define TVIEW_MARK_HAS_PK 0x0001 /* pk and keyatt are set */
#define TVIEW_MARK_IS_KEY 0x0002 /* the tag is on the key column itself */
#define TVIEW_MARK_ALL 0x0004	 /* all(rel): every tag of rel changed */
#define TVIEW_MARK_TOUCH 0x0008	 /* touch(rel): something in rel changed */
#define TVIEW_MARK_GONE 0x0010	 /* with ALL: not MVCC-safe (TRUNCATE ...) */

typedef struct TviewStore TviewStore;	/* one process's handle; opaque */
typedef struct TviewTxn TviewTxn;		/* an LMDB transaction; opaque */
typedef struct TviewCursor TviewCursor; /* opaque */

typedef struct TviewValue
{
	const void *data;
	size_t size;
} TviewValue;

/* The named databases.  rel is 0 for TVIEW_DB_META. */
typedef enum TviewDbKind
{
	TVIEW_DB_META, /* key: 8 bytes (uint64, native), data: free */
	TVIEW_DB_ROWS, /* key: uint64, MDB_INTEGERKEY: see tview_key */
	TVIEW_DB_INDEX /* key: 16 bytes, memcmp order, data: empty */
} TviewDbKind;

/* An int64 as an integer key that sorts as the int64 does, and back. */
#define TVIEW_KEY_OF(pk) ((uint64_t) (pk) ^ UINT64_C(0x8000000000000000))
#define TVIEW_PK_OF(key) ((int64_t) ((key) ^ UINT64_C(0x8000000000000000)))

/* ---- the directory and its control file (control.c) ---- */

/*
 * Opens (creating what is missing) the store in dir.  dir's parent must
 * exist.  A control file of another identity, format or size is replaced by a
 * fresh one (atomically, by rename; the old one is marked reset first, for
 * those who have it mapped).  Opens no LMDB environment.
 */
extern TviewStoreStatus tview_store_attach(const char *dir,
										   const TviewStoreIdentity *identity,
										   TviewStore **store);
/*
 * Says which pages need not be verified again by this process: those that it
 * or another one with the same two values has verified within so many seconds
 * (periods of the clock, the same for all).  start differs from one start of
 * the server to the next.  0 seconds, as it is in the beginning: none of those
 * that others have verified.
 */
extern void tview_store_trust(uint64_t start, unsigned seconds);
/* Unmaps and closes everything; open transactions are aborted first. */
extern void tview_store_detach(TviewStore *store);
/* False when the control file was deleted or replaced under us (one fstat). */
extern bool tview_store_is_linked(TviewStore *store);
/* Current epoch, 0 while there is none; one atomic load. */
extern uint64_t tview_store_epoch(TviewStore *store);
/*
 * Sets the epoch to 0.  Cannot fail, takes no lock.  reason is kept (120
 * bytes) with the time.
 */
extern void tview_store_reset(TviewStore *store, const char *reason);
/*
 * Creates a new epoch when there is none: directory, environment, ring; the
 * old epochs' directories are removed.  The new floor is UINT64_MAX ("not yet
 * known"): see tview_store_set_floor.  BUSY when another process is at it (or
 * a transaction is open here).  RESET when our control file has lost its name
 * (tview_store_is_linked): only attaching anew helps.
 */
extern TviewStoreStatus tview_store_revive(TviewStore *store,
										   const TviewStoreConfig *config);
/*
 * Makes the current epoch's environment and ring usable in this process
 * (closing those of an older epoch; needs no open transaction), and applies a
 * larger map_size.  RESET when there is no epoch.  config's mark_log_size or
 * a smaller map_size than the epoch was made with: resets (reason "options
 * changed").  To keep what the epoch has, pass NULL for config, or 0 for a
 * size.  CORRUPT when files are missing or not the epoch's: the caller resets.
 */
extern TviewStoreStatus tview_store_enter(TviewStore *store,
										  const TviewStoreConfig *config,
										  uint64_t *epoch);
/* For publishers: like enter, but opens the ring only. */
extern TviewStoreStatus tview_store_enter_log(TviewStore *store,
											  uint64_t *epoch);
/*
 * Removes a store's directory and all that is in it (after marking it reset).
 */
extern TviewStoreStatus tview_store_remove(const char *dir);
/* errno of the last failure, and a static text for a status. */
extern int tview_store_errno(TviewStore *store);
extern const char *tview_store_message(TviewStoreStatus status);

/* The floor: a full xid; UINT64_MAX while a new epoch's is not yet known. */
extern uint64_t tview_store_floor(TviewStore *store);
/* Raises the floor (never lowers it, but replaces UINT64_MAX). */
extern void tview_store_set_floor(TviewStore *store, uint64_t xid);
/*
 * Two words that the caller keeps for the rule "nothing is stored before
 * commits older than the floor are flushed": the noted WAL position (0: none
 * noted), and whether it has been passed.  A new epoch begins with 0/false.
 */
extern uint64_t tview_store_floor_lsn(TviewStore *store);
extern void tview_store_set_floor_lsn(TviewStore *store, uint64_t lsn);
extern bool tview_store_floor_is_flushed(TviewStore *store);
extern void tview_store_set_floor_flushed(TviewStore *store);
/* High-water mark of flushed WAL that the contents rest on (monotonic). */
extern uint64_t tview_store_wal(TviewStore *store);
extern void tview_store_note_wal(TviewStore *store, uint64_t lsn);

/* ---- the mark log (log.c) ---- */

/* Positions count records since the epoch began; they never wrap. */
extern uint64_t tview_log_head(TviewStore *store); /* acquire load */
extern uint64_t tview_log_tail(TviewStore *store); /* acquire load */
extern uint64_t tview_log_capacity(TviewStore *store);
/* Records that stood there when this process appended last, or tried to. */
extern uint64_t tview_log_used(TviewStore *store);
/*
 * Appends n records, all or none, in the epoch that the caller entered.
 * LOG_FULL when there is no room, RESET when the epoch is another one.  A
 * mutex that cannot be had within a second (its owner is stopped; with sync,
 * ten seconds, for its owner waits for the disk) resets the store.  On I/O
 * trouble (sync) resets too.
 */
extern TviewStoreStatus tview_log_append(TviewStore *store,
										 const TviewMark *marks, size_t n);
/*
 * Copies records [from, from + n) into out.  RESET when some of them have
 * been trimmed meanwhile (from < head after the copy), or the epoch is another
 * one; IO (EINVAL) past the tail; CORRUPT, after a reset, when a record is not
 * what was appended there.
 */
extern TviewStoreStatus tview_log_read(TviewStore *store, uint64_t from,
									   size_t n, TviewMark *out);
/*
 * Moves head forward to newhead, first re-appending keep[0..nkeep) (records
 * of the trimmed range that must live on) under the same mutex.  The tail
 * moves before the head does.
 */
extern TviewStoreStatus tview_log_trim(TviewStore *store, uint64_t newhead,
									   const TviewMark *keep, size_t nkeep);
/* Only one process settles at a time; a dead owner loses the lock. */
extern TviewStoreStatus tview_log_trylock_settle(TviewStore *store);
extern void tview_log_unlock_settle(TviewStore *store);

/* ---- rows (rows.c) ---- */

/*
 * Begins a read transaction: at most one per process, reused by renewing.
 * Sees every commit that ended before the call (me_last_txnid is checked).
 * BUSY when it is open already; RESET when the epoch is not the entered one,
 * and after two seconds of waiting for a writer that stopped in its commit.
 * Ending closes its cursors.  It may overlap with a write transaction.
 */
extern TviewStoreStatus tview_read_begin(TviewStore *store, TviewTxn **txn);
extern void tview_read_end(TviewTxn *txn);
/* The number of the last commit that the read transaction sees. */
extern uint64_t tview_read_commit(TviewTxn *txn);
/*
 * Begins a write transaction; BUSY when wait is false and another process
 * writes, and when one has not ended after five seconds.
 */
extern TviewStoreStatus tview_write_begin(TviewStore *store, bool wait,
										  TviewTxn **txn);
/*
 * Either ends the transaction and closes its cursors; a failed commit has
 * aborted it.  So has a change below that returns anything but OK, NOTFOUND or
 * EXISTS (MAP_FULL, NO_SPACE ...): nothing can be done with the transaction
 * then but to end it, and a commit repeats the status.  RESET from a commit:
 * the rows are in an epoch that ended meanwhile.
 */
extern TviewStoreStatus tview_write_commit(TviewTxn *txn);
extern void tview_write_abort(TviewTxn *txn);

/*
 * The value stays valid until the transaction ends (in a write transaction:
 * until the next change).  CORRUPT, of this as of cursors: a page is not what
 * was written, see pages.h, and the caller resets.
 */
extern TviewStoreStatus tview_get(TviewTxn *txn, TviewDbKind kind, uint32_t rel,
								  const void *key, size_t keysize,
								  TviewValue *value);
extern TviewStoreStatus tview_put(TviewTxn *txn, TviewDbKind kind, uint32_t rel,
								  const void *key, size_t keysize,
								  const void *data, size_t size);
/*
 * Like tview_put, but leaves the data to the caller: *room has size bytes to
 * fill at once.
 */
extern TviewStoreStatus tview_put_reserve(TviewTxn *txn, TviewDbKind kind,
										  uint32_t rel, const void *key,
										  size_t keysize, size_t size,
										  void **room);
/*
 * Put of a key that sorts after every other one (MDB_APPEND); falls back to
 * tview_put_reserve.
 */
extern TviewStoreStatus tview_put_append(TviewTxn *txn, TviewDbKind kind,
										 uint32_t rel, const void *key,
										 size_t keysize, size_t size,
										 void **room);
extern TviewStoreStatus tview_del(TviewTxn *txn, TviewDbKind kind, uint32_t rel,
								  const void *key, size_t keysize);
/*
 * Empties the database.  Its record remains, also with remove: other processes
 * have handles of it, and LMDB writes into foreign pages through the handle of
 * a dropped database.  4096 databases fit into an epoch; MAP_FULL then.
 */
extern TviewStoreStatus tview_clear(TviewTxn *txn, TviewDbKind kind,
									uint32_t rel, bool remove);
/* Entries and pages in bytes; zeros when the database does not exist. */
extern TviewStoreStatus tview_stat(TviewTxn *txn, TviewDbKind kind,
								   uint32_t rel, uint64_t *entries,
								   uint64_t *bytes);

/* A cursor lives at most as long as its transaction; several may be open. */
extern TviewStoreStatus tview_cursor_open(TviewTxn *txn, TviewDbKind kind,
										  uint32_t rel, TviewCursor **cursor);
extern void tview_cursor_close(TviewCursor *cursor);
typedef enum TviewSeek
{
	TVIEW_SEEK_FIRST,
	TVIEW_SEEK_LAST,
	TVIEW_SEEK_NEXT,
	TVIEW_SEEK_PREV,
	TVIEW_SEEK_GE, /* first key >= *key */
	TVIEW_SEEK_LE  /* last key <= *key */
} TviewSeek;
/* Moves; key is in/out (in for GE and LE).  NOTFOUND at the end. */
extern TviewStoreStatus tview_cursor_move(TviewCursor *cursor, TviewSeek seek,
										  TviewValue *key, TviewValue *value);

/* ---- what people look at (stat.c) ---- */

typedef struct TviewStoreStat
{
	uint64_t epoch;
	uint64_t map_size;
	uint64_t map_used;	/* bytes: pages used * page size */
	uint64_t file_size; /* of data.mdb, bytes allocated */
	uint32_t max_readers;
	uint32_t readers;
	uint64_t log_capacity; /* records */
	uint64_t log_head;
	uint64_t log_tail;
	uint64_t floor;
	int64_t reset_time; /* unix seconds, 0 = never */
	char reset_reason[120];
} TviewStoreStat;

extern TviewStoreStatus tview_store_stat(TviewStore *store,
										 TviewStoreStat *stat);

/* Counters of one TVIEW, shared by all processes, added to atomically. */
#define TVIEW_COUNT_REASONS 24
typedef struct TviewCounters
{
	uint32_t rel; /* 0: free slot */
	uint32_t pad;
	uint64_t served;						/* rows served from the store */
	uint64_t recomputed;					/* rows computed by key */
	uint64_t stored;						/* rows put into the store */
	uint64_t hollowed;						/* rows emptied by settling */
	uint64_t mismatched;					/* differences in self-checks */
	uint64_t bypassed[TVIEW_COUNT_REASONS]; /* scans */
} TviewCounters;

/*
 * The slot of rel (claimed when new), or NULL when all 1024 are taken.
 * Survives resets.
 */
extern TviewCounters *tview_store_counters(TviewStore *store, uint32_t rel);
extern void tview_store_free_counters(TviewStore *store, uint32_t rel);

/*
 * The process that refreshes this store in the background, as the caller keeps
 * it: changed with the compiler's atomics.  pid is 0 while there is none; what
 * stands here after a crash is not true any more.
 */
typedef struct TviewWorker
{
	int32_t pid;
	int32_t proc;	  /* how the caller finds the process */
	uint32_t asleep;  /* 1: waits to be woken */
	uint64_t wishes;  /* counts the calls for it */
	int64_t starting; /* when one was asked for, 0 when it has come */
	uint64_t life;	  /* of the server, in which that was */
} TviewWorker;

/* Survives resets; valid until the store is detached. */
extern TviewWorker *tview_store_worker(TviewStore *store);

/* Builds under way, for tview.progress. */
typedef struct TviewProgress
{
	uint32_t rel; /* 0: free */
	int32_t pid;
	int64_t started; /* unix microseconds */
	uint64_t rows_done;
	uint64_t rows_expected;
	char name[128]; /* schema.table, truncated */
} TviewProgress;

#define TVIEW_PROGRESS_SLOTS 16
/* Claims a slot (one of a dead pid is taken over), or NULL. */
extern TviewProgress *tview_store_progress_begin(TviewStore *store,
												 uint32_t rel, const char *name,
												 uint64_t expected);
extern void tview_store_progress_end(TviewProgress *slot);
/*
 * Copies the used slots of live processes into out[TVIEW_PROGRESS_SLOTS];
 * returns how many.
 */
extern int tview_store_progress_list(TviewStore *store, TviewProgress *out);

#endif /* TVIEW_STORE_H */
