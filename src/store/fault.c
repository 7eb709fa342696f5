/*
 * fault.c
 *		A signal handler that ends an epoch whose files crash a process.
 *
 * Files that are truncated while they are mapped raise SIGBUS, damage that no
 * checksum has met may lead LMDB to SIGSEGV.  The process is lost, but the
 * next one must not meet the same: the handler sets the epoch to 0, gives the
 * signal back to whoever had it before, and returns, so that the instruction
 * faults again.
 *
 * Only what is allowed in a handler happens here: atomic stores into a mapped
 * file, or the removal of the control file's name when that map is the one
 * that faults (see tview_store_is_linked).  A SIGSEGV that is not the store's
 * - outside its maps, with no transaction open - leaves it alone.  A SIGBUS
 * always counts: LMDB's maps are not known here, and hardly anything else
 * raises it.
 */
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "store/store_private.h"

#define MAX_ARMED 64

/* One store with an entered epoch. */
typedef struct Armed
{
	TviewStore *volatile store; /* NULL: free */
	char control[PATH_MAX];
} Armed;

static Armed armed[MAX_ARMED];
static volatile int highest; /* slots that were ever used */

/* What the signals did before; valid while installed. */
static struct sigaction previous_bus;
static struct sigaction previous_segv;
static volatile sig_atomic_t installed;

/* True when the address lies in a map. */
static bool
lies_within(const void *address, const void *map, size_t size)
{
	uintptr_t at = (uintptr_t) address;
	uintptr_t begin = (uintptr_t) map;

	return map != NULL && at >= begin && at - begin < size;
}

/* True when a fault at that address is the store's. */
static bool
is_to_blame(const TviewStore *store, int number, const void *address)
{
	const TviewPages *pages = store->pages;

	return number == SIGBUS || store->read.active || store->write.active ||
		store->in_lmdb ||
		lies_within(address, store->ring, store->ring_size) ||
		lies_within(address, store->control, sizeof(TviewControl)) ||
		(pages != NULL &&
		 (lies_within(address, pages->map, pages->map_size) ||
		  lies_within(address, pages->sums, pages->sums_size)));
}

/* Ends the epoch that the process has entered. */
static void
end_epoch(const Armed *slot, const void *address)
{
	static const char reason[] = "a process crashed in the store";
	TviewControl *control = slot->store->control;
	uint64_t epoch = slot->store->entered;

	/* which it is not while armed: for static analysis */
	if (control == NULL)
		return;
	if (lies_within(address, control, sizeof(TviewControl)))
	{
		(void) unlink(slot->control);
		return;
	}
	if (!atomic_compare_exchange_strong(&control->epoch, &epoch, 0))
		return;
	memcpy(control->reset_reason, reason, sizeof(reason));
	atomic_store(&control->reset_time, (int64_t) time(NULL));
}

/* The handler. */
static void
handle_fault(int number, siginfo_t *info, void *context)
{
	/* sent by a process rather than caused by an instruction */
	bool sent = info->si_code <= 0;

	for (int i = 0; i < highest && !sent; i++)
		if (armed[i].store != NULL && !tview_store_is_forked(armed[i].store) &&
			is_to_blame(armed[i].store, number, info->si_addr))
			end_epoch(&armed[i], info->si_addr);
	(void) sigaction(number, number == SIGBUS ? &previous_bus : &previous_segv,
					 NULL);
	if (sent)
		(void) raise(number);
}

/* Installs the handler, in each process once. */
static void
install_handler(void)
{
	struct sigaction action = {.sa_flags = SA_SIGINFO | SA_ONSTACK};

	if (installed)
		return;
	action.sa_sigaction = handle_fault;
	sigemptyset(&action.sa_mask);
	if (sigaction(SIGBUS, &action, &previous_bus) == 0 &&
		sigaction(SIGSEGV, &action, &previous_segv) == 0)
		installed = 1;
}

/* Watches over a store whose ring has just been mapped. */
void
tview_fault_arm(TviewStore *store)
{
	for (int i = 0; i < MAX_ARMED; i++)
	{
		if (armed[i].store != NULL)
			continue;
		if (tview_file_path(armed[i].control, store->dir, "control") != 0)
			return;
		armed[i].store = store;
		if (highest <= i)
			highest = i + 1;
		break;
	}
	install_handler();
}

/* Stops watching. */
void
tview_fault_disarm(TviewStore *store)
{
	for (int i = 0; i < highest; i++)
		if (armed[i].store == store)
			armed[i].store = NULL;
}
