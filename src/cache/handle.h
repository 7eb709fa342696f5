/*
 * handle.h
 *		The backend's open stores, one per foreign server.
 *
 * A handle is made at the first use of a server in a backend and lives as
 * long as the backend.  A store that cannot be opened never raises: readers
 * run the view (and EXPLAIN says why), writers find nothing to tell, because a
 * store that they cannot reach is reset or refused to readers first.
 */
#ifndef TVIEW_HANDLE_H
#define TVIEW_HANDLE_H

#include "postgres.h"

#include "cache/markset.h"
#include "meta/option.h"
#include "store/store.h"
#include "utils/timestamp.h"

typedef struct TviewHandle
{
	Oid serverid; /* hash key */
	bool options_valid;
	TviewStoreOptions options;
	TviewStoreConfig config;
	char *directory;
	TviewStore *store;	 /* NULL while not attached */
	uint64 attachment;	 /* another number for each time it was; 0: it is not */
	bool linked;		 /* nobody has said that its files may have gone */
	bool announced;		 /* others know that we write to these files */
	bool barred;		 /* the running transaction moves the store */
	uint64 epoch;		 /* the one entered; 0 when none */
	uint64 entry;		 /* another number for each time one was entered */
	TviewMarkSet *marks; /* copy of the mark log of that epoch */
	/* why it is not usable, static text; NULL when it is */
	const char *failure;
	/* some TVIEW of the server has the option refresh 'background' (wake.c) */
	bool background;
	uint64 background_known; /* as of so many changes of options */
	/* the map was full: fills wait until then, they only make it fuller */
	TimestampTz full_until;
	uint64 possible_xid; /* marks up to this one need no look at the next xid */
} TviewHandle;

extern void tview_handle_init(void);

/* Directory of a server's store, palloc'd. */
extern char *tview_handle_directory(Oid serverid, const char *store_path);

/*
 * For readers: the handle with its current epoch entered, created when there
 * is none.  NULL when the store cannot be used now; *failure says why.
 */
extern TviewHandle *tview_handle_open(Oid serverid, const char **failure);

/*
 * For publishers: the handle with the ring of the current epoch entered, or
 * NULL when no reader serves anything that a mark could concern: there is no
 * epoch, or the store could not be reached and was put out of use.
 */
extern TviewHandle *tview_handle_open_log(Oid serverid);

/*
 * For statistics: attached, without an epoch being made.  NULL when it cannot
 * be.
 */
extern TviewHandle *tview_handle_attach(Oid serverid, const char **failure);

/* The handle when this backend is attached to the store, else NULL. */
extern TviewHandle *tview_handle_attached(Oid serverid);

/*
 * The handle when this backend has the store's present epoch entered, else
 * NULL.  Never throws.
 */
extern TviewHandle *tview_handle_opened(Oid serverid);

/*
 * Brings the copy of the mark log up to the tail.  False when records in
 * [head, tail) are gone meanwhile or the epoch is over: the caller begins
 * again or runs the view.
 */
extern bool tview_handle_read_log(TviewHandle *handle, uint64 head,
								  uint64 tail);

/*
 * Resets the store after a status that says its contents cannot be trusted or
 * hold no more.
 */
extern void tview_handle_note(TviewHandle *handle, TviewStoreStatus status,
							  const char *doing);

/* After a fill met MAP_FULL: what is stored stays, new rows wait a while. */
extern void tview_handle_note_full(TviewHandle *handle);
extern bool tview_handle_is_full(const TviewHandle *handle);

/* Detaches from the server's store (before its directory is removed). */
extern void tview_handle_detach(Oid serverid);

/*
 * At the end of a transaction, in which nothing of a store is in use: detaches
 * from those that others have removed or moved, whose files would keep their
 * place on the disk for as long as this backend lives.  Never throws.
 */
extern void tview_handle_leave_removed(void);

/*
 * Bars this backend from the server's store, for a transaction that moves it:
 * others do not know the new place, and their marks do not come there.
 */
extern void tview_handle_bar(Oid serverid);
/* Ends that; never throws. */
extern void tview_handle_unbar(Oid serverid);

#endif /* TVIEW_HANDLE_H */
