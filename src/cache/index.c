/*
 * index.c
 *		See index.h.
 */
#include "postgres.h"

#include "cache/index.h"
#include "port/pg_bitutils.h"
#include "port/pg_bswap.h"

TviewIndexKey
tview_index_key(uint64 tag, int64 pk)
{
	TviewIndexKey key = {pg_hton64(tag), pg_hton64(TVIEW_KEY_OF(pk))};

	return key;
}

/* Words in the order of their tags; memory is used again. */
typedef struct WordList
{
	TviewIndexWord *words;
	int n;
	Size allocated;
} WordList;

static bool
make_room(WordList *list, Size n)
{
	Size wanted = Max(n * 2, 64);
	TviewIndexWord *bigger;

	list->n = 0;
	if (n <= list->allocated)
		return true;
	bigger = realloc(list->words, wanted * sizeof(TviewIndexWord));
	if (bigger == NULL)
		return false;
	list->words = bigger;
	list->allocated = wanted;
	return true;
}

/* Adds a word; those of a row come nearly in order. */
static void
add_word(WordList *list, uint64 tag, uint16 column)
{
	TviewIndexWord *words = list->words;
	int i = list->n;

	while (i > 0 && words[i - 1].tag > tag)
		i--;
	if (i > 0 && words[i - 1].tag == tag)
	{
		words[i - 1].column = TVIEW_INDEX_NO_COLUMN;
		return;
	}
	memmove(&words[i + 1], &words[i],
			(list->n - i) * sizeof(TviewIndexWord));
	words[i].tag = tag;
	words[i].column = column;
	list->n++;
}

/* Takes the words of a row; false for lack of memory. */
static bool
take_words(WordList *list, const TviewRow *row)
{
	uint32 own = (row->flags & TVIEW_ROW_OWN_KEY) ? 1 : 0;
	bool absent = (row->flags & TVIEW_ROW_ABSENT) != 0;

	if (!make_room(list, (Size) row->ntags + row->nlookups))
		return false;
	for (uint32 i = own; i < row->ntags; i++)
		add_word(list, tview_index_tag(row->tags[i]),
				 TVIEW_INDEX_NO_COLUMN);
	for (uint32 i = 0; i < row->nlookups; i++)
		if (row->lookups[i] != TVIEW_ROW_NO_LOOKUP)
			add_word(list, row->lookups[i],
					 absent ? TVIEW_INDEX_ABSENT : (uint16) (i + 1));
	return true;
}

const TviewIndexWord *
tview_index_words(const TviewRow *row, int *n)
{
	static WordList list;

	if (!take_words(&list, row))
		return NULL;
	*n = list.n;
	return list.words;
}

static TviewStoreStatus
put_word(TviewTxn *txn, Oid relid, int64 pk, const TviewIndexWord *word)
{
	TviewIndexKey key = tview_index_key(word->tag, pk);
	bool has_column = word->column != TVIEW_INDEX_NO_COLUMN;

	return tview_put(txn, TVIEW_DB_INDEX, relid, &key, sizeof(key),
					 &word->column, has_column ? sizeof(word->column) : 0);
}

static TviewStoreStatus
delete_word(TviewTxn *txn, Oid relid, int64 pk, const TviewIndexWord *word)
{
	TviewIndexKey key = tview_index_key(word->tag, pk);
	TviewStoreStatus status =
		tview_del(txn, TVIEW_DB_INDEX, relid, &key, sizeof(key));

	return status == TVIEW_STORE_NOTFOUND ? TVIEW_STORE_OK : status;
}

/* ---- lists ---- */

/* A block's bits, as they are stored. */
typedef struct Block
{
	uint64 words[TVIEW_INDEX_BLOCK / 64];
} Block;

static inline int64
block_of(int64 pk)
{
	return pk >> TVIEW_INDEX_BLOCK_BITS;
}

static inline int
bit_of(int64 pk)
{
	return pk & (TVIEW_INDEX_BLOCK - 1);
}

static bool
is_empty(const Block *block)
{
	for (Size i = 0; i < lengthof(block->words); i++)
		if (block->words[i] != 0)
			return false;
	return true;
}

/* Copies a stored block. */
static TviewStoreStatus
copy_block(TviewValue value, Block *block)
{
	if (value.size != sizeof(Block))
		return TVIEW_STORE_CORRUPT;
	memcpy(block, value.data, sizeof(Block));
	return TVIEW_STORE_OK;
}

/* Puts a row into a list, or takes it out. */
static TviewStoreStatus
change_list(TviewTxn *txn, Oid relid, uint64 list, int64 pk, bool listed)
{
	TviewIndexKey key = tview_index_key(list, block_of(pk));
	uint64 bit = UINT64CONST(1) << bit_of(pk) % 64;
	Block block = {0};
	TviewValue value;
	TviewStoreStatus status =
		tview_get(txn, TVIEW_DB_INDEX, relid, &key, sizeof(key), &value);

	if (status == TVIEW_STORE_OK)
		status = copy_block(value, &block);
	if (status != TVIEW_STORE_OK && status != TVIEW_STORE_NOTFOUND)
		return status;
	if (listed)
		block.words[bit_of(pk) / 64] |= bit;
	else
		block.words[bit_of(pk) / 64] &= ~bit;
	if (!is_empty(&block))
		return tview_put(txn, TVIEW_DB_INDEX, relid, &key, sizeof(key), &block,
						 sizeof(block));
	return status == TVIEW_STORE_OK
		? tview_del(txn, TVIEW_DB_INDEX, relid, &key, sizeof(key))
		: TVIEW_STORE_OK;
}

/* Adds the pks of a block from one on; returns how many there are then. */
static int
add_listed(const Block *block, int64 number, int64 from, int64 *pks, int n,
		   int limit)
{
	uint64 first = (uint64) number << TVIEW_INDEX_BLOCK_BITS;

	for (int i = number == block_of(from) ? bit_of(from) : 0;
		 i < TVIEW_INDEX_BLOCK && n < limit; i++)
	{
		uint64 rest = block->words[i / 64] >> i % 64;

		if (rest == 0)
			i |= 63; /* nothing else in this word */
		else
		{
			i += pg_rightmost_one_pos64(rest);
			pks[n++] = (int64) (first | (uint64) i);
		}
	}
	return n;
}

/* ---- changes ---- */

/* Which of both lists has the smaller tag next: -1, 1, or 0 for the same. */
static int
compare_next(const WordList *a, int i, const WordList *b, int j)
{
	if (i == a->n || j == b->n)
		return i == a->n ? 1 : -1;
	return (a->words[i].tag > b->words[j].tag) -
		(a->words[i].tag < b->words[j].tag);
}

static bool
same_words(const uint64 *a, uint32 na, const uint64 *b, uint32 nb)
{
	return na == nb && (na == 0 || memcmp(a, b, na * sizeof(uint64)) == 0);
}

/* True when the index has the same of both rows, and it shows at once. */
static bool
is_indexed_alike(const TviewRow *a, const TviewRow *b)
{
	const uint32 flags =
		TVIEW_ROW_OWN_KEY | TVIEW_ROW_ABSENT | TVIEW_ROW_HOLLOW;

	return (a->flags & flags) == (b->flags & flags) &&
		same_words(a->tags, a->ntags, b->tags, b->ntags) &&
		same_words(a->lookups, a->nlookups, b->lookups, b->nlookups);
}

/* Changes a list where the flag of its rows is another one. */
static TviewStoreStatus
change_listed(TviewTxn *txn, Oid relid, uint64 list, int64 pk, uint32 flag,
			  const TviewRow *old, const TviewRow *row)
{
	bool was_listed = old && (old->flags & flag);
	bool is_listed = row && (row->flags & flag);

	return was_listed == is_listed
		? TVIEW_STORE_OK
		: change_list(txn, relid, list, pk, is_listed);
}

TviewStoreStatus
tview_index_change(TviewTxn *txn, Oid relid, int64 pk, const TviewRow *old,
				   const TviewRow *row)
{
	static const TviewRow none = {0};
	static WordList before;
	static WordList after;
	TviewStoreStatus status = TVIEW_STORE_OK;
	int i = 0;
	int j = 0;

	if (old && row && is_indexed_alike(old, row))
		return TVIEW_STORE_OK;
	if (!take_words(&before, old ? old : &none) ||
		!take_words(&after, row ? row : &none))
		return TVIEW_STORE_NO_MEMORY;
	while (status == TVIEW_STORE_OK && (i < before.n || j < after.n))
	{
		int order = compare_next(&before, i, &after, j);

		if (order < 0)
			status = delete_word(txn, relid, pk, &before.words[i]);
		else if (order > 0 || before.words[i].column != after.words[j].column)
			status = put_word(txn, relid, pk, &after.words[j]);
		i += order <= 0;
		j += order >= 0;
	}
	if (status == TVIEW_STORE_OK)
		status = change_listed(txn, relid, TVIEW_INDEX_HOLLOW, pk,
							   TVIEW_ROW_HOLLOW, old, row);
	if (status == TVIEW_STORE_OK)
		status = change_listed(txn, relid, TVIEW_INDEX_ABSENTEES, pk,
							   TVIEW_ROW_ABSENT, old, row);
	return status;
}

TviewStoreStatus
tview_index_append(TviewTxn *txn, Oid relid, const TviewIndexKey *key,
				   uint16 column)
{
	bool has_column = column != TVIEW_INDEX_NO_COLUMN;
	void *room;
	TviewStoreStatus status;

	if (tview_tag_is_reserved(key->tag))
		return change_list(txn, relid, key->tag,
						   TVIEW_PK_OF(pg_ntoh64(key->pk)), true);
	status =
		tview_put_append(txn, TVIEW_DB_INDEX, relid, key, sizeof(*key),
						 has_column ? sizeof(column) : 0, &room);

	if (status == TVIEW_STORE_OK && has_column)
		memcpy(room, &column, sizeof(column));
	return status;
}

/* The column of an entry's data. */
static uint16
column_of(TviewValue value)
{
	uint16 column = TVIEW_INDEX_NO_COLUMN;

	if (value.size == sizeof(column))
		memcpy(&column, value.data, sizeof(column));
	return column;
}

/* A place among the entries of a tag. */
typedef struct Place
{
	TviewCursor *cursor; /* NULL: there is no index */
	uint64 tag;			 /* as it is stored */
	int64 pk;			 /* or a block's number */
	TviewValue value;
} Place;

/* Takes the entry that the cursor stands at; NOTFOUND beyond the tag. */
static TviewStoreStatus
take_entry(Place *place, TviewStoreStatus status, TviewValue key)
{
	TviewIndexKey found;

	if (status != TVIEW_STORE_OK)
		return status;
	if (key.size != sizeof(found))
		return TVIEW_STORE_CORRUPT;
	memcpy(&found, key.data, sizeof(found));
	place->pk = TVIEW_PK_OF(pg_ntoh64(found.pk));
	return found.tag == place->tag ? TVIEW_STORE_OK : TVIEW_STORE_NOTFOUND;
}

/* Goes to a tag's first entry from a pk on. */
static TviewStoreStatus
first_entry(TviewTxn *txn, Oid relid, uint64 tag, int64 pk, Place *place)
{
	TviewIndexKey start = tview_index_key(tag, pk);
	TviewValue key = {&start, sizeof(start)};
	TviewStoreStatus status =
		tview_cursor_open(txn, TVIEW_DB_INDEX, relid, &place->cursor);

	place->tag = start.tag;
	if (status != TVIEW_STORE_OK)
	{
		place->cursor = NULL;
		return status;
	}
	status =
		tview_cursor_move(place->cursor, TVIEW_SEEK_GE, &key, &place->value);
	return take_entry(place, status, key);
}

/* Goes to its next one. */
static TviewStoreStatus
next_entry(Place *place)
{
	TviewValue key;
	TviewStoreStatus status =
		tview_cursor_move(place->cursor, TVIEW_SEEK_NEXT, &key, &place->value);

	return take_entry(place, status, key);
}

/* Leaves it; the status says whether all went well. */
static TviewStoreStatus
leave_entries(Place *place, TviewStoreStatus status)
{
	if (place->cursor)
		tview_cursor_close(place->cursor);
	return status == TVIEW_STORE_NOTFOUND ? TVIEW_STORE_OK : status;
}

/* The listed pks from where the walk goes on. */
static TviewStoreStatus
find_listed(TviewTxn *txn, const TviewIndexWalk *walk, int64 *pks, int limit,
			int *n)
{
	Place place;
	Block block;
	TviewStoreStatus status = first_entry(txn, walk->relid, walk->tag,
										  block_of(walk->from), &place);

	*n = 0;
	while (status == TVIEW_STORE_OK && *n < limit)
	{
		status = copy_block(place.value, &block);
		if (status != TVIEW_STORE_OK)
			break;
		*n = add_listed(&block, place.pk, walk->from, pks, *n, limit);
		status = next_entry(&place);
	}
	return leave_entries(&place, status);
}

TviewStoreStatus
tview_index_count(TviewTxn *txn, Oid relid, uint64 list, uint64 *n)
{
	Place place;
	Block block;
	TviewStoreStatus status =
		first_entry(txn, relid, list, block_of(PG_INT64_MIN), &place);

	*n = 0;
	while (status == TVIEW_STORE_OK)
	{
		status = copy_block(place.value, &block);
		if (status != TVIEW_STORE_OK)
			break;
		*n += pg_popcount((const char *) &block, sizeof(block));
		status = next_entry(&place);
	}
	return leave_entries(&place, status);
}

/* The pks of the walk's tag from where it goes on. */
static TviewStoreStatus
find_pks(TviewTxn *txn, const TviewIndexWalk *walk, int64 *pks,
		 uint16 *columns, int limit, int *n)
{
	Place place;
	TviewStoreStatus status =
		first_entry(txn, walk->relid, walk->tag, walk->from, &place);

	*n = 0;
	while (status == TVIEW_STORE_OK && *n < limit)
	{
		if (columns)
			columns[*n] = column_of(place.value);
		pks[(*n)++] = place.pk;
		status = next_entry(&place);
	}
	return leave_entries(&place, status);
}

TviewStoreStatus
tview_index_next(TviewTxn *txn, TviewIndexWalk *walk, int64 *pks,
				 uint16 *columns, int limit, int *n)
{
	TviewStoreStatus status = tview_tag_is_reserved(walk->tag)
		? find_listed(txn, walk, pks, limit, n)
		: find_pks(txn, walk, pks, columns, limit, n);

	walk->ended = status != TVIEW_STORE_OK || *n < limit ||
		pks[*n - 1] == PG_INT64_MAX;
	if (!walk->ended)
		walk->from = pks[*n - 1] + 1;
	return status;
}
