/*
 * pages.c
 *		The data file and its sums: mapping, and verifying pages; see pages.h.
 *
 * A page that a living snapshot needs is never written, nor is its sum.  What
 * one process has verified is good for all, but only for a period, and for one
 * life of the server: pages that come back from the disk are verified again
 * some time, and a process need not look at all that it reads for itself.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "store/checksum.h"
#include "store/store_private.h"

#define META_MAGIC UINT32_C(0xbeefc0de)
#define META_VERSION 1

/* The sums of so many pages get their space on disk at a time. */
#define SUMS_CHUNK ((size_t) 64 * 1024)

/* What tview_store_trust was told. */
static uint64_t server_start = 0;
static unsigned period_seconds = 0;

/* The latest period computed, and the seconds of the clock that it covers. */
static uint32_t period = 0;
static time_t period_begin = 0;
static time_t period_end = 0;

/* Whose verified pages are trusted, and for how long; see store.h. */
void
tview_store_trust(uint64_t start, unsigned seconds)
{
	server_start = start;
	period_seconds = seconds;
	period_begin = period_end = 0;
}

/* Computes the period that begins or goes on at that time. */
static void
compute_period(time_t now)
{
	uint64_t what[3] = {server_start, 0, 0};

	if (period_seconds == 0)
	{
		what[1] = (uint64_t) getpid();
		period_begin = period_end = 0;
	}
	else
	{
		period_begin = now - now % period_seconds;
		period_end = period_begin + period_seconds;
		what[2] = (uint64_t) period_begin;
	}
	period = tview_checksum(period_seconds, what, sizeof(what));
	/* an entry without a sum is of no period */
	if (period == 0)
		period = 1;
}

/* Begins the period of now. */
void
tview_pages_renew(TviewPages *pages)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME_COARSE, &now);
	if (now.tv_sec < period_begin || now.tv_sec >= period_end)
		compute_period(now.tv_sec);
	pages->period = period;
}

/* True when all nodes of a branch or leaf lie within it. */
static bool
nodes_are_within(const TviewPage *page, size_t page_size)
{
	bool branch = (page->flags & TVIEW_PAGE_BRANCH) != 0;
	unsigned count;

	if (page->lower <= TVIEW_PAGE_HEADER || page->lower > page_size)
		return false;
	count = tview_page_count(page);
	for (unsigned i = 0; i < count; i++)
	{
		const TviewNode *node = tview_page_node(page, i);
		size_t end = page->offset[i] + sizeof(TviewNode);

		if (page->offset[i] < page->lower || page->offset[i] % 2 != 0 ||
			end > page_size)
			return false;
		end += node->keysize;
		if (!branch)
			end += (node->flags & TVIEW_NODE_BIG) ? sizeof(uint64_t)
												  : tview_node_size(node);
		if (end > page_size)
			return false;
	}
	return true;
}

/* True when the header is that page's; *size is what belongs to it. */
static bool
header_is_formed(const TviewPages *pages, const TviewPage *page,
				 uint64_t number, uint64_t last_page, size_t *size)
{
	*size = pages->page_size;
	if (number < 2 || number > last_page || page->number != number)
		return false;
	switch (page->flags & TVIEW_PAGE_KINDS)
	{
		case TVIEW_PAGE_OVERFLOW:
			*size *= page->pages;
			return page->pages > 0 && page->pages <= last_page - number + 1;
		case TVIEW_PAGE_BRANCH:
		case TVIEW_PAGE_LEAF:
			return true;
		default:
			return false;
	}
}

/*
 * Sum of a page or a run of overflow pages, or 0 when it has not the form that
 * it must have, whatever it contains.  It is summed first: that reads it in
 * the order in which memory is fastest.
 */
uint32_t
tview_pages_sum(const TviewPages *pages, uint64_t number, uint64_t last_page)
{
	const TviewPage *page =
		(const TviewPage *) (pages->map + number * pages->page_size);
	size_t size;
	uint32_t sum;

	if (!header_is_formed(pages, page, number, last_page, &size))
		return 0;
	sum = tview_checksum(number, page, size);
	if (!(page->flags & TVIEW_PAGE_OVERFLOW) && !nodes_are_within(page, size))
		return 0;
	return sum != 0 ? sum : 1;
}

/* The slow part of tview_pages_get. */
const TviewPage *
tview_pages_verify(TviewPages *pages, uint64_t number, uint64_t last_page)
{
	const TviewPage *page =
		(const TviewPage *) (pages->map + number * pages->page_size);
	uint64_t entry =
		atomic_load_explicit(&pages->sum[number], memory_order_acquire);
	uint32_t wanted = (uint32_t) entry;

	if (wanted == 0 || tview_pages_sum(pages, number, last_page) != wanted)
		return NULL;
	/* it may be another process's by now, who has verified it as well */
	atomic_compare_exchange_strong(&pages->sum[number], &entry,
								   tview_sum_entry(wanted, pages->period));
	return page;
}

/* Sum of what roots say. */
static uint32_t
sum_roots(const TviewRoots *roots)
{
	return tview_checksum(roots->txn, roots, offsetof(TviewRoots, txn));
}

/* Copies a commit's meta page; EAGAIN when it is of another one. */
static int
copy_meta(const TviewPages *pages, uint64_t txn, TviewRoots *roots)
{
	const TviewMeta *meta =
		(const TviewMeta *) (pages->map + (txn & 1) * pages->page_size +
							 TVIEW_PAGE_HEADER);

	if (atomic_load_explicit(&meta->txn, memory_order_acquire) != txn)
		return EAGAIN;
	roots->free = meta->trees[0];
	roots->main = meta->trees[1];
	roots->last_page = meta->last_page;
	roots->txn = txn;
	atomic_thread_fence(memory_order_acquire);
	return atomic_load_explicit(&meta->txn, memory_order_relaxed) == txn
		? 0
		: EAGAIN;
}

/*
 * Finds where a commit's trees begin, unless *roots are that commit's already.
 * EAGAIN: two later commits have come in between, or it is not summed yet.
 */
int
tview_pages_roots(TviewStore *store, uint64_t txn, TviewRoots *roots)
{
	const TviewPages *pages = store->pages;
	uint32_t wanted;
	int rc;

	if (roots->valid && roots->txn == txn)
		return 0;
	roots->valid = false;
	if (atomic_load_explicit(&pages->sums->txn, memory_order_acquire) != txn)
		return EAGAIN;
	wanted = atomic_load(&pages->sums->meta[txn & 1]);
	rc = copy_meta(pages, txn, roots);
	if (rc != 0)
		return rc;
	if (sum_roots(roots) != wanted)
		return atomic_load(&pages->sums->txn) != txn ? EAGAIN : MDB_CORRUPTED;
	if (roots->last_page >= pages->count)
		return MDB_MAP_RESIZED;
	roots->valid = true;
	return 0;
}

/*
 * Fills in the roots of a commit that is not summed yet.  Its caller holds the
 * write lock.
 */
int
tview_pages_new_roots(const TviewPages *pages, uint64_t txn, TviewRoots *roots)
{
	int rc = copy_meta(pages, txn, roots);

	roots->valid = rc == 0 && roots->last_page < pages->count;
	return rc;
}

/* Announces that a commit is summed. */
void
tview_pages_announce(TviewPages *pages, const TviewRoots *roots)
{
	atomic_store(&pages->sums->meta[roots->txn & 1], sum_roots(roots));
	atomic_store_explicit(&pages->sums->txn, roots->txn, memory_order_release);
}

/* Size of the file with sums of so many pages. */
static size_t
sums_size_of(uint64_t count)
{
	return TVIEW_RING_HEADER + (size_t) count * sizeof(uint64_t);
}

/* Makes sure that the sums of all pages up to a number have space on disk. */
int
tview_pages_allocate(TviewStore *store, uint64_t last_page)
{
	TviewPages *pages = store->pages;
	size_t have = (size_t) atomic_load(&pages->sums->allocated);
	size_t want = sums_size_of(last_page + 1);
	char path[PATH_MAX];
	int fd;
	int rc;

	if (want <= have)
		return 0;
	want = (want / SUMS_CHUNK + 1) * SUMS_CHUNK;
	if (want > pages->sums_size)
		want = pages->sums_size;
	tview_epoch_path(store, store->entered, "sums", path);
	fd = open(path, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return errno;
	rc = have < want ? tview_file_allocate(fd, have, want - have) : 0;
	close(fd);
	if (rc == 0)
		atomic_store(&pages->sums->allocated, want);
	return rc;
}

/* Puts the sums on disk. */
int
tview_pages_flush(TviewStore *store)
{
	size_t size = (size_t) atomic_load(&store->pages->sums->allocated);

	if (size > store->pages->sums_size)
		size = store->pages->sums_size;
	return msync(store->pages->sums, size, MS_SYNC) == 0 ? 0 : errno;
}

/* Opens the file with the sums, or makes it; at least of the given size. */
static int
open_sums(const TviewStore *store, bool create, size_t size, int *fd)
{
	char path[PATH_MAX];
	struct stat status;
	int rc = 0;

	tview_epoch_path(store, store->entered, "sums", path);
	if (create)
		rc = tview_file_create(
			path, size < SUMS_CHUNK ? size : SUMS_CHUNK, fd);
	else
	{
		*fd = open(path, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
		rc = *fd < 0 ? errno : 0;
	}
	if (rc != 0)
		return rc;
	/*
	 * The rest is a hole until tview_pages_allocate fills it.  Not ftruncate:
	 * another process may just have made the file larger than this one wants.
	 */
	if (fstat(*fd, &status) != 0)
		rc = errno;
	else if ((size_t) status.st_size < size)
		rc = tview_file_extend(*fd, size);
	if (rc != 0)
		close(*fd);
	return rc;
}

/* Fills in the header of a new file. */
static void
init_sums(TviewStore *store, TviewPages *pages)
{
	TviewSums *sums = pages->sums;
	TviewRoots roots;

	memcpy(sums->magic, TVIEW_SUMS_MAGIC, sizeof(sums->magic));
	sums->version = TVIEW_STORE_VERSION;
	sums->page_size = pages->page_size;
	sums->epoch = store->entered;
	atomic_init(&sums->allocated,
				pages->sums_size < SUMS_CHUNK ? pages->sums_size : SUMS_CHUNK);
	/* a new environment is that of commit 0 */
	if (copy_meta(pages, 0, &roots) == 0)
		tview_pages_announce(pages, &roots);
}

/* True when the maps are what this code reads. */
static bool
is_known_format(const TviewStore *store, const TviewPages *pages)
{
	const TviewSums *sums = pages->sums;
	const TviewMeta *meta =
		(const TviewMeta *) (pages->map + TVIEW_PAGE_HEADER);

	return memcmp(sums->magic, TVIEW_SUMS_MAGIC, sizeof(sums->magic)) == 0 &&
		sums->version == TVIEW_STORE_VERSION &&
		sums->page_size == pages->page_size && sums->epoch == store->entered &&
		meta->magic == META_MAGIC && meta->version == META_VERSION &&
		sizeof(void *) == 8;
}

/* Maps data.mdb and the sums for a map of the given size. */
static int
map_files(TviewStore *store, TviewPages *pages, bool create)
{
	mdb_filehandle_t data;
	void *address;
	int fd;
	int rc = mdb_env_get_fd(store->env, &data);

	if (rc != 0)
		return rc;
	address = mmap(NULL, pages->map_size, PROT_READ, MAP_SHARED, data, 0);
	if (address == MAP_FAILED)
		return errno;
	pages->map = address;
	address = mmap(NULL, (size_t) pages->count, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (address == MAP_FAILED)
		return errno;
	pages->marked = address;
	pages->sums_size = sums_size_of(pages->count);
	rc = open_sums(store, create, pages->sums_size, &fd);
	if (rc != 0)
		return rc;
	rc = tview_file_map(fd, pages->sums_size, &address);
	close(fd);
	if (rc != 0)
		return rc;
	pages->sums = address;
	pages->sum =
		(_Atomic uint64_t *) ((char *) address + TVIEW_RING_HEADER);
	return 0;
}

/* Unmaps; any of the maps may be missing. */
static void
unmap_files(TviewPages *pages)
{
	union
	{
		const char *constant;
		void *address;
	} map = {.constant = pages->map};

	if (pages->sums != NULL)
		munmap(pages->sums, pages->sums_size);
	if (pages->marked != NULL)
		munmap(pages->marked, (size_t) pages->count);
	if (pages->map != NULL)
		munmap(map.address, pages->map_size);
}

/* Maps what belongs to the open environment; returns an LMDB code. */
int
tview_pages_open(TviewStore *store, bool create)
{
	TviewPages *pages = calloc(1, sizeof(TviewPages));
	MDB_stat stat;
	int rc;

	if (pages == NULL)
		return ENOMEM;
	rc = mdb_env_stat(store->env, &stat);
	if (rc == 0)
	{
		pages->page_size = stat.ms_psize;
		pages->count = store->env_map_size / pages->page_size;
		pages->map_size = (size_t) (pages->count * pages->page_size);
		rc = map_files(store, pages, create);
		/* which it is not after success: for static analysis */
		if (rc == 0 && pages->sums == NULL)
			rc = ENOMEM;
	}
	if (rc == 0 && create)
		init_sums(store, pages);
	if (rc == 0 && !is_known_format(store, pages))
		rc = MDB_CORRUPTED;
	if (rc != 0)
	{
		unmap_files(pages);
		free(pages);
		return rc;
	}
	tview_pages_close(store);
	tview_pages_renew(pages);
	store->pages = pages;
	return 0;
}

/* Unmaps; nothing when nothing is mapped. */
void
tview_pages_close(TviewStore *store)
{
	TviewPages *pages = store->pages;

	store->pages = NULL;
	store->read.roots.valid = false;
	store->write.roots.valid = false;
	if (pages == NULL)
		return;
	unmap_files(pages);
	free(pages);
}
